//! Federated credentials of an application: trust in tokens of other issuers. Whether such a token is good is for the
//! face that is shown one.

use holdfast_access::{ControlGrant, control};
use uuid::Uuid;

use super::{ApplicationKey, Error, load, load_in_reach, void_tokens};
use crate::{Directory, limits::MAX_FEDERATED_PER_APPLICATION};
use holdfast_model::{ApplicationRecord, Durability, FederatedCredential, FederatedSubject, MetadataExt, Read};

/// What a federated credential says; its name and id are given apart, for they never change.
#[derive(Debug, Clone)]
pub struct FederatedChange {
    /// URL of the issuer; that of today when `None`.
    pub issuer: Option<String>,
    /// Whose tokens are meant; likewise.
    pub subject: Option<FederatedSubject>,
    /// The audiences that a token may be for; likewise.
    pub audiences: Option<Vec<String>>,
    /// For people; likewise.
    pub description: Option<String>,
}

impl Directory {
    /// Adds a federated credential; the change must say issuer, subject and audiences.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::OutOfReach`], [`Error::FederatedTaken`], [`Error::TooManyCredentials`],
    /// [`Error::Storage`].
    pub async fn add_federated_credential(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        key: ApplicationKey,
        name: String,
        (issuer, subject, audiences): (String, FederatedSubject, Vec<String>),
        description: Option<String>,
    ) -> Result<FederatedCredential, Error> {
        let (id, now) = (self.ids.uuid(), self.clock.now());
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let application = load_in_reach(tx, key, &reach)?;
                let credential = FederatedCredential {
                    id,
                    application: application.id,
                    name: name.clone(),
                    issuer: issuer.clone(),
                    subject: subject.clone(),
                    audiences: audiences.clone(),
                    description: description.clone(),
                    created_at: now,
                };
                let own = tx.list_federated_credentials(application.id)?;
                if own.len() >= MAX_FEDERATED_PER_APPLICATION {
                    return Err(Error::TooManyCredentials {
                        what: "federated credentials",
                        limit: MAX_FEDERATED_PER_APPLICATION,
                    });
                }
                if own.iter().any(|other| other.name == credential.name) {
                    return Err(Error::FederatedTaken { what: "name" });
                }
                refuse_twins(&own, &credential)?;
                tx.insert_federated_credential(&credential)?;
                Ok(credential)
            })
            .await
    }

    /// An application's federated credentials, by name.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Storage`].
    pub async fn list_federated_credentials(
        &self,
        _grant: &ControlGrant<control::PrincipalsRead>,
        key: ApplicationKey,
    ) -> Result<Vec<FederatedCredential>, Error> {
        self.metadata
            .query(move |read| {
                let application = load(read, key)?;
                Ok(read.list_federated_credentials(application.id)?)
            })
            .await
    }

    /// One of them, by id or name.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::FederatedUnknown`], [`Error::Storage`].
    pub async fn load_federated_credential(
        &self,
        _grant: &ControlGrant<control::PrincipalsRead>,
        key: ApplicationKey,
        name: String,
    ) -> Result<FederatedCredential, Error> {
        self.metadata
            .query(move |read| {
                let application = load(read, key)?;
                load_credential(read, &application, name)
            })
            .await
    }

    /// Changes one of them. The tokens that were had with it are void.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::FederatedUnknown`], [`Error::FederatedTaken`], [`Error::OutOfReach`],
    /// [`Error::Storage`].
    pub async fn update_federated_credential(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        key: ApplicationKey,
        name: String,
        change: FederatedChange,
    ) -> Result<FederatedCredential, Error> {
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let application = load_in_reach(tx, key, &reach)?;
                let mut credential = load_credential(tx, &application, name.clone())?;
                let before = credential.clone();
                credential.issuer = change.issuer.clone().unwrap_or(credential.issuer);
                credential.subject = change.subject.clone().unwrap_or(credential.subject);
                credential.audiences = change.audiences.clone().unwrap_or(credential.audiences);
                credential.description = change.description.clone().or(credential.description);
                refuse_twins(&tx.list_federated_credentials(application.id)?, &credential)?;
                tx.update_federated_credential(&credential)?;
                let trusts =
                    |one: &FederatedCredential| (one.issuer.clone(), one.subject.clone(), one.audiences.clone());
                if trusts(&before) != trusts(&credential) {
                    void_tokens(tx, &application)?;
                }
                Ok(credential)
            })
            .await
    }

    /// Takes one of them away.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::FederatedUnknown`], [`Error::OutOfReach`], [`Error::Storage`].
    pub async fn remove_federated_credential(
        &self,
        grant: &ControlGrant<control::PrincipalsWrite>,
        key: ApplicationKey,
        name: String,
    ) -> Result<(), Error> {
        let reach = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let application = load_in_reach(tx, key, &reach)?;
                let credential = load_credential(tx, &application, name.clone())?;
                tx.remove_federated_credential(application.id, credential.id)?;
                Ok(void_tokens(tx, &application)?)
            })
            .await
    }
}

/// The credential of an id or a name; its absence is an error.
fn load_credential(
    read: &mut dyn Read,
    application: &ApplicationRecord,
    name: String,
) -> Result<FederatedCredential, Error> {
    let id = Uuid::parse_str(&name).ok();
    let own = read.list_federated_credentials(application.id)?;
    let found = own.into_iter().find(|own| own.name == name || Some(own.id) == id);
    found.ok_or(Error::FederatedUnknown { name })
}

/// Two credentials of an application never trust the same.
fn refuse_twins(own: &[FederatedCredential], new: &FederatedCredential) -> Result<(), Error> {
    let is_twin =
        |other: &&FederatedCredential| other.id != new.id && other.issuer == new.issuer && other.subject == new.subject;
    match own.iter().find(is_twin) {
        Some(_) => Err(Error::FederatedTaken {
            what: "issuer and subject",
        }),
        None => Ok(()),
    }
}
