//! Objects of the directory by their object ids, whatever they are: a service principal, a person or an application.

use std::collections::HashMap;

use holdfast_access::{ControlGrant, control};
use uuid::Uuid;

use crate::{ApplicationView, Directory, application::views};
use holdfast_model::{MetadataError, MetadataExt, PersonRecord, Read, StorageError};

/// What an object id stands for.
#[derive(Debug, Clone)]
pub enum DirectoryObject {
    /// The account of an application, with that.
    ServicePrincipal(ApplicationView),
    /// A person.
    Person(PersonRecord),
    /// An application.
    Application(ApplicationView),
}

impl Directory {
    /// What these object ids stand for; unknown ones are left out. The number of reads does not depend on how many there are,
    /// their credentials do: the caller asks for few at a time.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_objects(
        &self,
        _grant: &ControlGrant<control::PrincipalsRead>,
        ids: Vec<Uuid>,
    ) -> Result<HashMap<Uuid, DirectoryObject>, StorageError> {
        Ok(self.metadata.query(move |read| find(read, &ids)).await?)
    }
}

fn find(read: &mut dyn Read, ids: &[Uuid]) -> Result<HashMap<Uuid, DirectoryObject>, MetadataError> {
    let mut objects = HashMap::new();
    let applications = read.find_applications(ids)?;
    for view in views(read, applications)? {
        objects.insert(view.application.id, DirectoryObject::Application(view));
    }
    for person in read.find_people(ids)? {
        objects.insert(person.principal.id, DirectoryObject::Person(person));
    }
    let principals = read.find_principals(ids)?;
    let app_ids: Vec<Uuid> = principals.iter().map(|principal| principal.app_id).collect();
    let applications = read.find_applications_by_app(&app_ids)?;
    for view in views(read, applications)? {
        if let Some(principal) = &view.principal {
            objects.insert(principal.id, DirectoryObject::ServicePrincipal(view));
        }
    }
    Ok(objects)
}
