//! Secrets and certificates of an application: added, and removed, after which its tokens are void.

use holdfast_access::{ControlGrant, control};
use uuid::Uuid;

use super::{ApplicationKey, Error, load_in_reach, void_tokens};
use crate::{
    Directory,
    limits::{MAX_CERTIFICATES_PER_APPLICATION, MAX_SECRETS_PER_APPLICATION},
};
use holdfast_model::{
    ApplicationCertificate, ApplicationRecord, ApplicationSecret, Durability, MetadataExt, Timestamp, Tx,
};

/// A secret to be added. The secret itself stays with whoever made it.
#[derive(Clone)]
pub struct NewSecret {
    /// Name for people.
    pub display_name: Option<String>,
    /// Its first characters.
    pub hint: String,
    /// Keyed hash to compare a given secret with.
    pub verifier: [u8; 32],
    /// The first moment it is good.
    pub starts_at: Timestamp,
    /// The first moment it is no longer good.
    pub expires_at: Timestamp,
}

/// A certificate to be added, read and found well-formed.
#[derive(Debug, Clone)]
pub struct NewCertificate {
    /// Its key id.
    pub id: Uuid,
    /// Name for people.
    pub display_name: Option<String>,
    /// The X.509 certificate in DER.
    pub der: Vec<u8>,
    /// SHA-256 of the DER.
    pub sha256: [u8; 32],
    /// SHA-1 of the DER.
    pub sha1: [u8; 20],
    /// The first moment it is good.
    pub starts_at: Timestamp,
    /// The first moment it is no longer good.
    pub expires_at: Timestamp,
}

/// One of the certificates that an application is to have.
#[derive(Debug, Clone)]
pub enum CertificateChange {
    /// That it has already, by key id.
    Keep(Uuid),
    /// A new one.
    Add(Box<NewCertificate>),
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSecret")
            .field("display_name", &self.display_name)
            .field("starts_at", &self.starts_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl NewSecret {
    /// The row of the secret.
    pub(crate) fn row(self, id: Uuid, application: Uuid, now: Timestamp) -> ApplicationSecret {
        ApplicationSecret {
            id,
            application,
            display_name: self.display_name,
            hint: self.hint,
            verifier: self.verifier,
            starts_at: self.starts_at,
            expires_at: self.expires_at,
            created_at: now,
        }
    }
}

impl Directory {
    /// Gives an application another secret.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::OutOfReach`], [`Error::TooManyCredentials`], [`Error::Storage`].
    pub async fn add_secret(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        key: ApplicationKey,
        new: NewSecret,
    ) -> Result<ApplicationSecret, Error> {
        let (id, now) = (self.ids.uuid(), self.clock.now());
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let application = load_in_reach(tx, key, &reach)?;
                if tx.list_application_secrets(application.id)?.len() >= MAX_SECRETS_PER_APPLICATION {
                    return Err(Error::TooManyCredentials {
                        what: "secrets",
                        limit: MAX_SECRETS_PER_APPLICATION,
                    });
                }
                let secret = new.clone().row(id, application.id, now);
                tx.insert_application_secret(&secret)?;
                Ok(secret)
            })
            .await
    }

    /// Takes a secret away.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::SecretUnknown`], [`Error::OutOfReach`], [`Error::Storage`].
    pub async fn remove_secret(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        key: ApplicationKey,
        id: Uuid,
    ) -> Result<(), Error> {
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let application = load_in_reach(tx, key, &reach)?;
                if !tx.remove_application_secret(application.id, id)? {
                    return Err(Error::SecretUnknown { id });
                }
                Ok(void_tokens(tx, &application)?)
            })
            .await
    }

    /// Takes every secret away and gives one.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::OutOfReach`], [`Error::Storage`].
    pub async fn reset_secrets(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        key: ApplicationKey,
        new: NewSecret,
    ) -> Result<ApplicationSecret, Error> {
        let (id, now) = (self.ids.uuid(), self.clock.now());
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let application = load_in_reach(tx, key, &reach)?;
                for secret in tx.list_application_secrets(application.id)? {
                    tx.remove_application_secret(application.id, secret.id)?;
                }
                let secret = new.clone().row(id, application.id, now);
                tx.insert_application_secret(&secret)?;
                void_tokens(tx, &application)?;
                Ok(secret)
            })
            .await
    }
}

/// Makes the certificates of an application these; says whether one was taken away.
pub(super) fn replace_certificates(
    tx: &mut dyn Tx,
    application: &ApplicationRecord,
    wanted: Vec<CertificateChange>,
    now: Timestamp,
) -> Result<bool, Error> {
    if wanted.len() > MAX_CERTIFICATES_PER_APPLICATION {
        return Err(Error::TooManyCredentials {
            what: "certificates",
            limit: MAX_CERTIFICATES_PER_APPLICATION,
        });
    }
    let mut gone = tx.list_application_certificates(application.id)?;
    let mut new = Vec::new();
    for change in wanted {
        match change {
            CertificateChange::Keep(id) => match gone.iter().position(|own| own.id == id) {
                Some(at) => drop(gone.remove(at)),
                None => return Err(Error::CertificateUnknown { id }),
            },
            CertificateChange::Add(certificate) => new.push(*certificate),
        }
    }
    for certificate in &gone {
        tx.remove_application_certificate(application.id, certificate.id)?;
    }
    for certificate in new {
        tx.insert_application_certificate(&ApplicationCertificate {
            id: certificate.id,
            application: application.id,
            display_name: certificate.display_name,
            der: certificate.der,
            sha256: certificate.sha256,
            sha1: certificate.sha1,
            starts_at: certificate.starts_at,
            expires_at: certificate.expires_at,
            created_at: now,
        })?;
    }
    Ok(!gone.is_empty())
}
