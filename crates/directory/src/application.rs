//! Applications of the directory: made, listed, changed and deleted with their service principals. An application and
//! its service principal share one set of credentials. It refuses to make or to compare secrets and to read
//! certificates: they come in as verifiers and fingerprints.

mod error;
mod federated;
mod secret;

pub use error::Error;
pub use federated::FederatedChange;
use std::collections::HashMap;

use holdfast_access::{Assignment, ControlGrant, RoleId, control};
use holdfast_arm::ResourceId;
pub use secret::{CertificateChange, NewCertificate, NewSecret};
use uuid::Uuid;

use crate::{Directory, quota::check_applications, role_assignment::written_by};
use holdfast_model::{
    ApplicationCertificate, ApplicationMarker, ApplicationRecord, ApplicationSecret, Durability, FederatedCredential,
    MetadataError, MetadataExt, PrincipalRecord, Read, StorageError, Timestamp, Tx,
};

/// One of the ids by which an application, or its service principal, is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationKey {
    /// The object id of the application.
    Object(Uuid),
    /// The application id.
    App(Uuid),
    /// The object id of the service principal.
    Principal(Uuid),
}

/// An application with its service principal and what it proves itself by.
#[derive(Debug, Clone)]
pub struct ApplicationView {
    /// The application.
    pub application: ApplicationRecord,
    /// Its account in the directory, if it has one.
    pub principal: Option<PrincipalRecord>,
    /// Its secrets, oldest first, those that have expired too.
    pub secrets: Vec<ApplicationSecret>,
    /// Its certificates, likewise.
    pub certificates: Vec<ApplicationCertificate>,
}

/// What an application can prove itself by at one moment.
#[derive(Debug, Clone, Default)]
pub struct GoodCredentials {
    /// Its secrets.
    pub secrets: Vec<GoodSecret>,
    /// Its certificates.
    pub certificates: Vec<ApplicationCertificate>,
    /// The issuers it trusts.
    pub federated: Vec<FederatedCredential>,
}

/// A secret that is good now. No token that it is given for outlives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoodSecret {
    /// What tells it again.
    pub verifier: [u8; 32],
    /// When it stops being good.
    pub expires_at: Timestamp,
}

/// What is to be different about an application.
#[derive(Debug, Clone, Default)]
pub struct ApplicationChange {
    /// Another name; its service principal gets it too.
    pub display_name: Option<String>,
    /// The certificates that it is to have from now on.
    pub certificates: Option<Vec<CertificateChange>>,
    /// Whether its service principal may sign in.
    pub is_enabled: Option<bool>,
}

impl Directory {
    /// Makes an application, without a service principal.
    ///
    /// # Errors
    /// [`Error::TooManyCredentials`], [`Error::TooMany`], [`Error::Storage`].
    pub async fn create_application(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        display_name: String,
        certificates: Vec<CertificateChange>,
    ) -> Result<ApplicationView, Error> {
        let now = self.clock.now();
        let application = ApplicationRecord {
            id: self.ids.uuid(),
            app_id: self.ids.uuid(),
            display_name,
            created_at: now,
            created_by: written_by(grant.actor()),
        };
        let actor = grant.actor().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                check_applications(tx, &actor, &application.created_by)?;
                tx.insert_application(&application)?;
                secret::replace_certificates(tx, &application, certificates.clone(), now)?;
                Ok(view(tx, application.clone())?)
            })
            .await
    }

    /// A page of applications whose names begin so, without regard to case: by name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn list_applications(
        &self,
        _grant: &ControlGrant<control::PrincipalsRead>,
        prefix: String,
        after: Option<ApplicationMarker>,
        limit: usize,
    ) -> Result<Vec<ApplicationView>, StorageError> {
        Ok(self
            .metadata
            .query(move |read| {
                let page = read.list_applications(&prefix, after.as_ref(), limit)?;
                views(read, page)
            })
            .await?)
    }

    /// The application of an id, with its service principal.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Storage`].
    pub async fn load_application(
        &self,
        _grant: &ControlGrant<control::PrincipalsRead>,
        key: ApplicationKey,
    ) -> Result<ApplicationView, Error> {
        self.metadata
            .query(move |read| {
                let application = load(read, key)?;
                Ok(view(read, application)?)
            })
            .await
    }

    /// Changes an application. Who loses a certificate, or is disabled, loses all tokens.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::OutOfReach`], [`Error::TooManyCredentials`], [`Error::CertificateUnknown`],
    /// [`Error::Storage`].
    pub async fn update_application(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        key: ApplicationKey,
        change: ApplicationChange,
    ) -> Result<ApplicationView, Error> {
        let now = self.clock.now();
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let mut application = load_in_reach(tx, key, &reach)?;
                if let Some(name) = change.display_name.clone() {
                    application.display_name = name;
                    tx.update_application(&application)?;
                }
                let lost = match change.certificates.clone() {
                    Some(certificates) => secret::replace_certificates(tx, &application, certificates, now)?,
                    None => false,
                };
                if let Some(mut principal) = tx.find_principal_by_app(application.app_id)? {
                    let is_enabled = change.is_enabled.unwrap_or(principal.is_enabled);
                    let disables = principal.is_enabled && !is_enabled;
                    principal.display_name.clone_from(&application.display_name);
                    principal.is_enabled = is_enabled;
                    principal.generation += i64::from(lost || disables);
                    tx.update_principal(&principal)?;
                }
                Ok(view(tx, application)?)
            })
            .await
    }

    /// Deletes an application with its credentials, its service principal and that one's roles.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::OutOfReach`], [`Error::Storage`].
    pub async fn delete_application(
        &self,
        grant: &ControlGrant<control::PrincipalsDelete>,
        key: ApplicationKey,
    ) -> Result<(), Error> {
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let application = load_in_reach(tx, key, &reach)?;
                tx.remove_application_credentials(application.id)?;
                if let Some(principal) = tx.find_principal_by_app(application.app_id)? {
                    tx.remove_principal(principal.id)?;
                }
                tx.remove_application(application.id)?;
                Ok(())
            })
            .await
    }
}

/// The application of an id; its absence is an error.
pub(crate) fn load(read: &mut dyn Read, key: ApplicationKey) -> Result<ApplicationRecord, Error> {
    let (id, found) = match key {
        ApplicationKey::Object(id) => (id, read.find_application(id)?),
        ApplicationKey::App(id) => (id, read.find_application_by_app(id)?),
        ApplicationKey::Principal(id) => match read.find_principal(id)? {
            Some(principal) => (id, read.find_application_by_app(principal.app_id)?),
            None => (id, None),
        },
    };
    found.ok_or(Error::Unknown { id })
}

/// The application of an id, if the grant reaches wherever it has roles: who could give a password to a principal with
/// more rights would have them.
pub(crate) fn load_in_reach(
    read: &mut dyn Read,
    key: ApplicationKey,
    reach: &ResourceId,
) -> Result<ApplicationRecord, Error> {
    let application = load(read, key)?;
    if let Some(principal) = read.find_principal_by_app(application.app_id)? {
        let reach = Assignment::new(RoleId::OWNER, reach.key());
        let roles = read.list_role_assignments(principal.id)?;
        if let Some(beyond) = roles.into_iter().find(|role| !reach.covers(&role.scope)) {
            return Err(Error::OutOfReach { scope: beyond.scope });
        }
    }
    Ok(application)
}

/// The application with what belongs to it.
pub(crate) fn view(read: &mut dyn Read, application: ApplicationRecord) -> Result<ApplicationView, MetadataError> {
    Ok(ApplicationView {
        principal: read.find_principal_by_app(application.app_id)?,
        secrets: read.list_application_secrets(application.id)?,
        certificates: read.list_application_certificates(application.id)?,
        application,
    })
}

/// The same of many applications, one read for each kind of what belongs to them.
pub(crate) fn views(
    read: &mut dyn Read,
    applications: Vec<ApplicationRecord>,
) -> Result<Vec<ApplicationView>, MetadataError> {
    if applications.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = applications.iter().map(|application| application.id).collect();
    let app_ids: Vec<Uuid> = applications.iter().map(|application| application.app_id).collect();
    let mut principals: HashMap<Uuid, PrincipalRecord> = HashMap::new();
    for principal in read.find_principals_by_app(&app_ids)? {
        principals.insert(principal.app_id, principal);
    }
    let mut secrets: HashMap<Uuid, Vec<ApplicationSecret>> = HashMap::new();
    for secret in read.list_secrets_of_applications(&ids)? {
        secrets.entry(secret.application).or_default().push(secret);
    }
    let mut certificates: HashMap<Uuid, Vec<ApplicationCertificate>> = HashMap::new();
    for certificate in read.list_certificates_of_applications(&ids)? {
        certificates
            .entry(certificate.application)
            .or_default()
            .push(certificate);
    }
    let view = |application: ApplicationRecord| {
        let mut secrets = secrets.remove(&application.id).unwrap_or_default();
        secrets.sort_by_key(|secret| (secret.created_at, secret.id));
        let mut certificates = certificates.remove(&application.id).unwrap_or_default();
        certificates.sort_by_key(|certificate| (certificate.created_at, certificate.id));
        ApplicationView {
            principal: principals.remove(&application.app_id),
            secrets,
            certificates,
            application,
        }
    };
    Ok(applications.into_iter().map(view).collect())
}

/// What the application of this application id can prove itself by now.
pub(crate) fn good_credentials(
    read: &mut dyn Read,
    app_id: Uuid,
    now: Timestamp,
) -> Result<GoodCredentials, MetadataError> {
    let Some(application) = read.find_application_by_app(app_id)? else {
        return Ok(GoodCredentials::default());
    };
    let certificates = read.list_application_certificates(application.id)?;
    Ok(GoodCredentials {
        secrets: good_secrets(read.list_application_secrets(application.id)?, now),
        certificates: certificates
            .into_iter()
            .filter(|certificate| (certificate.starts_at..certificate.expires_at).contains(&now))
            .collect(),
        federated: read.list_federated_credentials(application.id)?,
    })
}

/// Those of an application's secrets that are good now.
#[must_use]
pub fn good_secrets(secrets: Vec<ApplicationSecret>, now: Timestamp) -> Vec<GoodSecret> {
    secrets
        .into_iter()
        .filter(|secret| (secret.starts_at..secret.expires_at).contains(&now))
        .map(|secret| GoodSecret {
            verifier: secret.verifier,
            expires_at: secret.expires_at,
        })
        .collect()
}

/// Voids the tokens of the application's service principal.
pub(crate) fn void_tokens(tx: &mut dyn Tx, application: &ApplicationRecord) -> Result<(), MetadataError> {
    if let Some(mut principal) = tx.find_principal_by_app(application.app_id)? {
        principal.generation += 1;
        tx.update_principal(&principal)?;
    }
    Ok(())
}
