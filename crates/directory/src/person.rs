//! People of the directory: made, listed, given another password, deleted. A person is a principal with a name and a
//! password to sign in with. It refuses to make or to compare passwords: they come in as verifiers.

mod error;

pub use error::Error;
use holdfast_access::{Actor, Assignment, ControlCaller, ControlGrant, RoleId, control};
use holdfast_arm::ResourceId;
use holdfast_model::UserName;
use uuid::Uuid;

use crate::{Directory, PrincipalView, limits::MAX_PEOPLE, role_assignment};
use holdfast_model::{Counted, Durability, MetadataExt, PersonRecord, PrincipalRecord, Read, StorageError};

/// A person to be made.
#[derive(Clone)]
pub struct NewPerson {
    /// The name to sign in with.
    pub user_name: UserName,
    /// The name for people.
    pub display_name: String,
    /// The verifier of the password.
    pub verifier: String,
}

impl Directory {
    /// Makes a person, with a first role at the scope of the grant to assign it.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::TooMany`], [`Error::Role`], [`Error::Storage`].
    pub async fn create_person(
        &self,
        _grant: &ControlGrant<control::PrincipalsWrite>,
        first_role: Option<(RoleId, ControlGrant<control::RoleAssignmentsWrite>)>,
        new: NewPerson,
    ) -> Result<PersonRecord, Error> {
        let id = self.ids.uuid();
        let person = PersonRecord {
            principal: PrincipalRecord {
                id,
                // Nothing signs in under it: no application has it, and so no credentials.
                app_id: id,
                display_name: new.display_name,
                is_enabled: true,
                generation: 1,
                created_at: self.clock.now(),
            },
            user_name: new.user_name,
            verifier: new.verifier,
        };
        let assignment = first_role
            .map(|(role, assign)| role_assignment::first_role(self.ids.uuid(), &person.principal, role, &assign));
        self.metadata
            .transact(Durability::Durable, move |tx| {
                if tx.find_person_by_name(&person.user_name)?.is_some() {
                    return Err(Error::NameTaken {
                        name: person.user_name.clone(),
                    });
                }
                if tx.count(Counted::People)? >= MAX_PEOPLE {
                    return Err(Error::TooMany);
                }
                tx.insert_principal(&person.principal)?;
                tx.insert_person(&person)?;
                if let Some(assignment) = &assignment {
                    role_assignment::insert(tx, assignment)?;
                }
                Ok(person.clone())
            })
            .await
    }

    /// At most `limit` people behind one, by name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_people(
        &self,
        _grant: &ControlGrant<control::PrincipalsRead>,
        after: Option<UserName>,
        limit: usize,
    ) -> Result<Vec<PersonRecord>, StorageError> {
        Ok(self
            .metadata
            .query(move |read| read.list_people(after.as_ref(), limit))
            .await?)
    }

    /// Gives a person another password. All tokens of the person are void, and the account is enabled.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::OutOfReach`], [`Error::Storage`].
    pub async fn reset_person(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        name: UserName,
        verifier: String,
    ) -> Result<PersonRecord, Error> {
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let mut person = load_in_reach(tx, name.clone(), &reach)?;
                person.verifier = verifier.clone();
                person.principal.is_enabled = true;
                person.principal.generation += 1;
                tx.update_person(&person)?;
                tx.update_principal(&person.principal)?;
                Ok(person)
            })
            .await
    }

    /// Lets a person in or keeps it out. Who is kept out loses all tokens.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::OutOfReach`], [`Error::Storage`].
    pub async fn enable_person(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        name: UserName,
        is_enabled: bool,
    ) -> Result<PersonRecord, Error> {
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let mut person = load_in_reach(tx, name.clone(), &reach)?;
                person.principal.generation += i64::from(person.principal.is_enabled && !is_enabled);
                person.principal.is_enabled = is_enabled;
                tx.update_principal(&person.principal)?;
                Ok(person)
            })
            .await
    }

    /// Deletes a person with its roles.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::OutOfReach`], [`Error::Storage`].
    pub async fn delete_person(
        &self,
        grant: &ControlGrant<control::PrincipalsDelete>,
        name: UserName,
    ) -> Result<(), Error> {
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let person = load_in_reach(tx, name.clone(), &reach)?;
                tx.remove_person(person.principal.id)?;
                tx.remove_principal(person.principal.id)?;
                Ok(())
            })
            .await
    }

    /// The person of a name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_person_by_name(
        &self,
        _grant: &ControlGrant<control::PrincipalsRead>,
        name: UserName,
    ) -> Result<Option<PersonRecord>, StorageError> {
        Ok(self.metadata.query(move |read| read.find_person_by_name(&name)).await?)
    }

    /// The person of an object id.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_person(
        &self,
        _grant: &ControlGrant<control::PrincipalsRead>,
        id: Uuid,
    ) -> Result<Option<PersonRecord>, StorageError> {
        Ok(self.metadata.query(move |read| read.find_person(id)).await?)
    }

    /// The person who calls, if it is one: everybody may know who they are.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_calling_person(&self, caller: &ControlCaller) -> Result<Option<PersonRecord>, StorageError> {
        let Actor::Principal { id } = caller.actor() else {
            return Ok(None);
        };
        match Uuid::parse_str(id) {
            Ok(id) => Ok(self.metadata.query(move |read| read.find_person(id)).await?),
            Err(_) => Ok(None),
        }
    }
}

impl PrincipalView {
    /// Whether this is a person and not an application. A person's principal has its own id where an application's has
    /// the application's.
    #[must_use]
    pub fn is_person(&self) -> bool {
        is_person(&self.record)
    }
}

/// Whether a principal is a person's.
#[must_use]
pub fn is_person(principal: &PrincipalRecord) -> bool {
    principal.id == principal.app_id
}

/// The person of a name, if the grant reaches wherever it has roles: who could give somebody with more rights another
/// password would have those.
fn load_in_reach(read: &mut dyn Read, name: UserName, reach: &ResourceId) -> Result<PersonRecord, Error> {
    let person = read.find_person_by_name(&name)?.ok_or(Error::Unknown { name })?;
    let reach = Assignment::new(RoleId::OWNER, reach.key());
    let roles = read.list_role_assignments(person.principal.id)?;
    match roles.into_iter().find(|role| !reach.covers(&role.scope)) {
        Some(beyond) => Err(Error::OutOfReach { scope: beyond.scope }),
        None => Ok(person),
    }
}
