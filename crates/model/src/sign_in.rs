//! Sign-ins under way: codes that a client redeems for tokens, and assertions that were used. Codes are known by keyed
//! hashes only. Everything here ends by itself within minutes.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use std::net::IpAddr;

use uuid::Uuid;

use super::MetadataError;
use crate::Timestamp;

/// A person who proved to be one, at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenPerson {
    /// Object id.
    pub id: Uuid,
    /// The generation of its principal then.
    pub generation: i64,
}

/// An authorization code (RFC 6749 §4.1), good once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// Keyed hash of the code.
    pub verifier: [u8; 32],
    /// Who signed in.
    pub person: ProvenPerson,
    /// The only client that may redeem it.
    pub client_id: Uuid,
    /// Where it was sent; the client has to know.
    pub redirect_uri: String,
    /// The PKCE challenge.
    pub challenge: [u8; 32],
    /// What was asked for.
    pub scope: String,
    /// What the client wants to see again in the id token.
    pub nonce: Option<String>,
    /// The first moment it is no longer good.
    pub expires_at: Timestamp,
}

/// What a person said to a device that wants to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceAnswer {
    /// Nothing yet.
    Waiting,
    /// It may.
    Approved(ProvenPerson),
    /// It may not.
    Denied,
}

/// A device that waits for a person (RFC 8628).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// Keyed hash of the code that the device polls with.
    pub verifier: [u8; 32],
    /// Keyed hash of the code that the person types.
    pub user_verifier: [u8; 32],
    /// The only client that may redeem it.
    pub client_id: Uuid,
    /// What was asked for.
    pub scope: String,
    /// From where: an address of IPv4, or the /56 of one of IPv6. All zeros when nobody knows.
    pub near: IpAddr,
    /// The /48 around it.
    pub far: Option<IpAddr>,
    /// What the person said.
    pub answer: DeviceAnswer,
    /// When the device last asked.
    pub polled_at: Timestamp,
    /// The first moment it is no longer good.
    pub expires_at: Timestamp,
}

/// Sign-ins under way.
pub trait SignInRead {
    /// By the keyed hash of the device's code, expired ones too.
    fn find_device_code(&mut self, verifier: &[u8; 32]) -> Result<Option<DeviceCode>, MetadataError>;
    /// By the keyed hash of the person's code, expired ones too.
    fn find_device_code_by_user(&mut self, user_verifier: &[u8; 32]) -> Result<Option<DeviceCode>, MetadataError>;
}

/// Changes of the same.
#[expect(missing_docs, reason = "each inserts, updates or removes the row it is named after")]
pub trait SignInTx {
    fn insert_authorization_code(&mut self, code: &AuthorizationCode) -> Result<(), MetadataError>;
    /// Removes the code and gives it: nobody gets it twice.
    fn take_authorization_code(&mut self, verifier: &[u8; 32]) -> Result<Option<AuthorizationCode>, MetadataError>;
    /// The person's code must be free; an error otherwise.
    fn insert_device_code(&mut self, code: &DeviceCode) -> Result<(), MetadataError>;
    /// Writes answer and `polled_at`.
    fn update_device_code(&mut self, code: &DeviceCode) -> Result<(), MetadataError>;
    /// Says whether it was there.
    fn remove_device_code(&mut self, verifier: &[u8; 32]) -> Result<bool, MetadataError>;
    /// Says whether it is new: `false` when the assertion was used before.
    fn insert_used_assertion(&mut self, hash: &[u8; 32], expires_at: Timestamp) -> Result<bool, MetadataError>;
    /// Removes everything that expired before `moment`; returns how many rows.
    fn remove_expired_sign_ins(&mut self, moment: Timestamp) -> Result<usize, MetadataError>;
}
