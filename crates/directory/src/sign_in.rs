//! [`SignIn`]: who may sign in and what they prove it by, and sign-ins under way: devices that wait for a person, codes that
//! a client redeems, assertions that count once. All of it is in the database, so any node can go on with what another began. It refuses to make codes and to issue tokens:
//! codes come in as keyed hashes, and what goes out is who proved to be whom.

use std::{net::IpAddr, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    GoodCredentials, PrincipalView, application::good_credentials, quota::has_room_for_device,
    role_assignment::in_force,
};
use holdfast_model::{
    AuthorizationCode, Clock, DeviceAnswer, DeviceCode, Durability, Metadata, MetadataExt, PersonRecord, ProvenPerson,
    StorageError, Timestamp, UserName,
};

/// How long a device waits for a person (Entra ID: 15 minutes).
pub const DEVICE_CODE_LIFE: Duration = Duration::from_secs(15 * 60);
/// How often a device may ask (Entra ID).
pub const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// What clocks and networks may take off the interval before a device is told to slow down.
const POLL_SLACK: Duration = Duration::from_secs(1);
/// How long an authorization code is good (RFC 6749 §4.1.2: 10 minutes at most).
pub const AUTHORIZATION_CODE_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long an expired device is remembered, so that it is told why.
const EXPIRED_KEPT: Duration = Duration::from_secs(15 * 60);

/// A device that begins to wait.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Keyed hash of the device's code.
    pub verifier: [u8; 32],
    /// Keyed hash of the person's code.
    pub user_verifier: [u8; 32],
    /// The client.
    pub client_id: Uuid,
    /// What it asks for.
    pub scope: String,
    /// Its address if it has one of IPv4, else the /56 that is in.
    pub near: IpAddr,
    /// The /48 around it.
    pub far: Option<IpAddr>,
}

/// An authorization code to be.
#[derive(Debug, Clone)]
pub struct NewAuthorizationCode {
    /// Keyed hash of the code.
    pub verifier: [u8; 32],
    /// Who signed in.
    pub person: ProvenPerson,
    /// The client.
    pub client_id: Uuid,
    /// Where the code is sent.
    pub redirect_uri: String,
    /// The PKCE challenge.
    pub challenge: [u8; 32],
    /// What was asked for.
    pub scope: String,
    /// What the client wants to see again.
    pub nonce: Option<String>,
}

/// What a device that asks is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// No such code, or not this client's, or redeemed already.
    Unknown,
    /// Nobody has answered yet.
    Waiting,
    /// The same, and it asks too often.
    TooSoon,
    /// Nobody answered in time.
    Expired,
    /// The person said no.
    Denied,
    /// The person said yes; the code is gone now.
    Approved {
        /// Who.
        person: ProvenPerson,
        /// What was asked for.
        scope: String,
    },
}

/// The operations by which a caller becomes known. They take no grant, since there is nobody yet to have one; nothing else
/// can be asked of it.
///
/// ```compile_fail,E0616
/// fn rows(sign_in: &holdfast_directory::SignIn) {
///     let _ = &sign_in.metadata;
/// }
/// ```
///
/// What needs a grant is the [`Directory`](crate::Directory)'s, and nothing leads there from here:
///
/// ```compile_fail,E0599
/// fn list(sign_in: &holdfast_directory::SignIn) {
///     drop(sign_in.list_people());
/// }
/// ```
pub struct SignIn {
    metadata: Arc<dyn Metadata>,
    clock: Arc<dyn Clock>,
}

impl SignIn {
    /// Puts the parts together.
    #[must_use]
    pub fn new(metadata: Arc<dyn Metadata>, clock: Arc<dyn Clock>) -> Self {
        Self { metadata, clock }
    }

    /// The principal of an application id that may sign in, its roles, and what it can prove itself by now.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_client(&self, app_id: Uuid) -> Result<Option<(PrincipalView, GoodCredentials)>, StorageError> {
        let now = self.clock.now();
        self.metadata
            .query(move |read| {
                let found = read.find_principal_by_app(app_id)?;
                let Some(record) = found.filter(|principal| principal.is_enabled) else {
                    return Ok(None);
                };
                let credentials = good_credentials(read, app_id, now)?;
                let assignments = in_force(read.list_role_assignments(record.id)?);
                Ok(Some((PrincipalView { record, assignments }, credentials)))
            })
            .await
    }

    /// The principal of an object id that may sign in, with its roles: what a request with a token needs to know.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_principal(&self, id: Uuid) -> Result<Option<PrincipalView>, StorageError> {
        self.metadata
            .query(move |read| {
                let found = read.find_principal(id)?;
                let Some(record) = found.filter(|principal| principal.is_enabled) else {
                    return Ok(None);
                };
                let assignments = in_force(read.list_role_assignments(id)?);
                Ok(Some(PrincipalView { record, assignments }))
            })
            .await
    }

    /// The person of a name, to compare a password with. Whether it may sign in is for the caller to look at, after the
    /// password: only who knows that is told.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_person(&self, name: UserName) -> Result<Option<PersonRecord>, StorageError> {
        Ok(self.metadata.query(move |read| read.find_person_by_name(&name)).await?)
    }

    /// The person of a sign-in, if nothing has voided it since.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_proven_person(&self, proven: ProvenPerson) -> Result<Option<PersonRecord>, StorageError> {
        let found = self.metadata.query(move |read| read.find_person(proven.id)).await?;
        Ok(found.filter(|person| person.principal.is_enabled && person.principal.generation == proven.generation))
    }

    /// Begins to wait for a person. `false` when too many devices wait or are remembered, in all or from its
    /// network, or the person's code is in use.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn start_device_sign_in(&self, new: NewDevice) -> Result<bool, StorageError> {
        let now = self.clock.now();
        let code = DeviceCode {
            verifier: new.verifier,
            user_verifier: new.user_verifier,
            client_id: new.client_id,
            scope: new.scope,
            near: new.near,
            far: new.far,
            answer: DeviceAnswer::Waiting,
            // The first question may come at once.
            polled_at: Timestamp(0),
            expires_at: now.plus(DEVICE_CODE_LIFE),
        };
        self.metadata
            .transact(Durability::Relaxed, move |tx| {
                tx.remove_expired_sign_ins(now.minus(EXPIRED_KEPT))?;
                let is_in_use = tx.find_device_code_by_user(&code.user_verifier)?.is_some();
                // Those that expired and are kept take room too.
                if is_in_use || !has_room_for_device(tx, code.near, code.far)? {
                    return Ok(false);
                }
                tx.insert_device_code(&code)?;
                Ok(true)
            })
            .await
    }

    /// The client of the device that waits for this person's code.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn find_waiting_device(&self, user_verifier: [u8; 32]) -> Result<Option<Uuid>, StorageError> {
        let now = self.clock.now();
        let found = self
            .metadata
            .query(move |read| read.find_device_code_by_user(&user_verifier))
            .await?;
        Ok(found.filter(|code| is_waiting(code, now)).map(|code| code.client_id))
    }

    /// Writes a person's answer down: the first one counts. `false` when no device waits for it any more.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn answer_device(
        &self,
        user_verifier: [u8; 32],
        person: Option<ProvenPerson>,
    ) -> Result<bool, StorageError> {
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Relaxed, move |tx| {
                let Some(mut code) = tx.find_device_code_by_user(&user_verifier)? else {
                    return Ok(false);
                };
                if !is_waiting(&code, now) {
                    return Ok(false);
                }
                code.answer = person.map_or(DeviceAnswer::Denied, DeviceAnswer::Approved);
                tx.update_device_code(&code)?;
                Ok(true)
            })
            .await
    }

    /// A device asks what the person said.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn poll_device(&self, verifier: [u8; 32], client_id: Uuid) -> Result<Poll, StorageError> {
        let now = self.clock.now();
        self.metadata
            .transact(Durability::Relaxed, move |tx| {
                let found = tx.find_device_code(&verifier)?;
                let Some(mut code) = found.filter(|code| code.client_id == client_id) else {
                    return Ok(Poll::Unknown);
                };
                if code.expires_at <= now {
                    return Ok(Poll::Expired);
                }
                match code.answer {
                    DeviceAnswer::Denied => Ok(Poll::Denied),
                    DeviceAnswer::Approved(person) => {
                        tx.remove_device_code(&verifier)?;
                        Ok(Poll::Approved {
                            person,
                            scope: code.scope,
                        })
                    }
                    DeviceAnswer::Waiting => {
                        let is_too_soon = now.since(code.polled_at) + POLL_SLACK < POLL_INTERVAL;
                        code.polled_at = now;
                        tx.update_device_code(&code)?;
                        Ok(if is_too_soon { Poll::TooSoon } else { Poll::Waiting })
                    }
                }
            })
            .await
    }

    /// Keeps an authorization code for its client.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn keep_authorization_code(&self, new: NewAuthorizationCode) -> Result<(), StorageError> {
        let now = self.clock.now();
        let code = AuthorizationCode {
            verifier: new.verifier,
            person: new.person,
            client_id: new.client_id,
            redirect_uri: new.redirect_uri,
            challenge: new.challenge,
            scope: new.scope,
            nonce: new.nonce,
            expires_at: now.plus(AUTHORIZATION_CODE_LIFE),
        };
        Ok(self
            .metadata
            .transact(Durability::Relaxed, move |tx| {
                tx.remove_expired_sign_ins(now.minus(EXPIRED_KEPT))?;
                tx.insert_authorization_code(&code)
            })
            .await?)
    }

    /// Gives an authorization code that is good still, once: also when the client then fails to prove itself, the code
    /// is gone.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn take_authorization_code(&self, verifier: [u8; 32]) -> Result<Option<AuthorizationCode>, StorageError> {
        let now = self.clock.now();
        let taken = self
            .metadata
            .transact(Durability::Durable, move |tx| tx.take_authorization_code(&verifier))
            .await?;
        Ok(taken.filter(|code| now < code.expires_at))
    }

    /// Remembers an assertion until it has expired. `false` when it was used before.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn use_assertion(&self, hash: [u8; 32], expires_at: Timestamp) -> Result<bool, StorageError> {
        let now = self.clock.now();
        Ok(self
            .metadata
            .transact(Durability::Durable, move |tx| {
                tx.remove_expired_sign_ins(now.minus(EXPIRED_KEPT))?;
                tx.insert_used_assertion(&hash, expires_at)
            })
            .await?)
    }
}

fn is_waiting(code: &DeviceCode, now: Timestamp) -> bool {
    code.answer == DeviceAnswer::Waiting && now < code.expires_at
}
