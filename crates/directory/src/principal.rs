//! Service principals: the accounts of applications in the directory, and which roles they have. It refuses to make or
//! to compare secrets: they come in as verifiers.

use holdfast_access::{Assignment, ControlGrant, RoleId, control};
use uuid::Uuid;

use crate::{
    ApplicationKey, ApplicationView, Directory, NewSecret, RoleError,
    application::{self, load, load_in_reach, view, views},
    quota::check_applications,
    role_assignment::{first_role, insert, written_by},
};
use holdfast_model::{
    ApplicationMarker, ApplicationRecord, Durability, MetadataError, MetadataExt, PrincipalRecord, StorageError,
    Timestamp,
};

/// What a new service principal starts with.
#[derive(Debug, Clone)]
pub struct NewPrincipal {
    /// Name for people.
    pub display_name: String,
    /// Its first secret.
    pub secret: NewSecret,
    /// Its first role, at the scope of the grant to assign it, which need not exist yet.
    pub role: RoleId,
}

/// A principal with the roles it has now.
#[derive(Debug, Clone)]
pub struct PrincipalView {
    /// The principal.
    pub record: PrincipalRecord,
    /// Its roles, wherever they are.
    pub assignments: Vec<Assignment>,
}

/// Why an application with a service principal and a role was not made.
#[derive(Debug, thiserror::Error)]
pub enum NewPrincipalError {
    /// Of the application.
    #[error(transparent)]
    Application(#[from] application::Error),
    /// Of its role.
    #[error(transparent)]
    Role(#[from] RoleError),
}

impl From<MetadataError> for NewPrincipalError {
    fn from(error: MetadataError) -> Self {
        Self::Application(error.into())
    }
}

impl Directory {
    /// Makes an application with a service principal, one secret and one role.
    ///
    /// # Errors
    /// [`NewPrincipalError`]: there are too many, or a store did not do its part.
    pub async fn create_principal(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        assign: &ControlGrant<control::RoleAssignmentsWrite>,
        new: NewPrincipal,
    ) -> Result<PrincipalRecord, NewPrincipalError> {
        let now = self.clock.now();
        let application = ApplicationRecord {
            id: self.ids.uuid(),
            app_id: self.ids.uuid(),
            display_name: new.display_name,
            created_at: now,
            created_by: written_by(grant.actor()),
        };
        let actor = grant.actor().clone();
        let principal = account(self.ids.uuid(), &application, true, now);
        let secret = new.secret.row(self.ids.uuid(), application.id, now);
        let assignment = first_role(self.ids.uuid(), &principal, new.role, assign);
        self.metadata
            .transact(Durability::Durable, move |tx| {
                check_applications(tx, &actor, &application.created_by)?;
                tx.insert_application(&application)?;
                tx.insert_principal(&principal)?;
                tx.insert_application_secret(&secret)?;
                insert(tx, &assignment)?;
                Ok(principal.clone())
            })
            .await
    }

    /// Gives an application a service principal.
    ///
    /// # Errors
    /// [`application::Error::Unknown`], [`application::Error::PrincipalExists`], [`application::Error::Storage`].
    pub async fn create_service_principal(
        &self,
        _grant: &ControlGrant<control::PrincipalsWrite>,
        app_id: Uuid,
        is_enabled: bool,
    ) -> Result<ApplicationView, application::Error> {
        let (id, now) = (self.ids.uuid(), self.clock.now());
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let application = load(tx, ApplicationKey::App(app_id))?;
                if tx.find_principal_by_app(app_id)?.is_some() {
                    return Err(application::Error::PrincipalExists { app_id });
                }
                tx.insert_principal(&account(id, &application, is_enabled, now))?;
                Ok(view(tx, application)?)
            })
            .await
    }

    /// A page of the applications with a service principal whose names begin so, without regard to case: by name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_service_principals(
        &self,
        _grant: &ControlGrant<control::PrincipalsRead>,
        prefix: String,
        after: Option<ApplicationMarker>,
        limit: usize,
    ) -> Result<Vec<ApplicationView>, StorageError> {
        Ok(self
            .metadata
            .query(move |read| {
                let page = read.list_service_principals(&prefix, after.as_ref(), limit)?;
                views(read, page.into_iter().map(|(application, _)| application).collect())
            })
            .await?)
    }

    /// Deletes a service principal with its roles and the application's credentials, which nobody could use any more.
    /// The application stays.
    ///
    /// # Errors
    /// [`application::Error::Unknown`], [`application::Error::OutOfReach`], [`application::Error::Storage`].
    pub async fn delete_service_principal(
        &self,
        grant: &ControlGrant<control::PrincipalsDelete>,
        key: ApplicationKey,
    ) -> Result<(), application::Error> {
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let application = load_in_reach(tx, key, &reach)?;
                let Some(principal) = tx.find_principal_by_app(application.app_id)? else {
                    return Err(application::Error::Unknown { id: application.app_id });
                };
                tx.remove_application_credentials(application.id)?;
                tx.remove_principal(principal.id)?;
                Ok(())
            })
            .await
    }
}

/// The account of an application.
fn account(id: Uuid, application: &ApplicationRecord, is_enabled: bool, now: Timestamp) -> PrincipalRecord {
    PrincipalRecord {
        id,
        app_id: application.app_id,
        display_name: application.display_name.clone(),
        is_enabled,
        generation: 1,
        created_at: now,
    }
}
