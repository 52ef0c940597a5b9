//! The keys that nodes of one service share: pairs that sign tokens, private halves sealed.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use super::MetadataError;
use crate::Timestamp;

/// A pair that signs or signed tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerKeyRecord {
    /// The name of its public half, as in the `kid` of tokens.
    pub kid: String,
    /// The public half: a SubjectPublicKeyInfo in DER.
    pub public: Vec<u8>,
    /// The private half, sealed with the service's master key; `None` once it signs no more.
    pub sealed: Option<Vec<u8>>,
    /// When it begins to sign: late enough that every node knows it by then.
    pub signs_from: Timestamp,
    /// When it ends to verify; `None` when no end is set.
    pub verifies_until: Option<Timestamp>,
}

/// Shared keys.
pub trait ServerKeyRead {
    /// All of them, the newest first; there are few.
    fn list_server_keys(&mut self) -> Result<Vec<ServerKeyRecord>, MetadataError>;
}

/// Changes of the same.
pub trait ServerKeyTx {
    /// Inserts a key, or replaces the one of its name.
    fn put_server_key(&mut self, key: &ServerKeyRecord) -> Result<(), MetadataError>;

    /// Removes a key; says whether it was there.
    fn remove_server_key(&mut self, kid: &str) -> Result<bool, MetadataError>;
}
