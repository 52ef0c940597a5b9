//! Tokens: named credentials of a registry, limited by a scope map, and their passwords.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_access::RegistryId;

use super::row::row_id;
use super::{MetadataError, SystemData};
use crate::Timestamp;

row_id!(
    /// A token's row. Never given to another one.
    TokenId
);

/// A token of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Row id.
    pub id: TokenId,
    /// The registry it is in.
    pub registry: RegistryId,
    /// Its name, which is its user name, as written when it was made; compared without regard to case.
    pub name: String,
    /// The name of its scope map: a row of the same registry, or one of the system's.
    pub scope_map: String,
    /// Whether it may sign in.
    pub is_enabled: bool,
    /// By whom and when.
    pub system_data: SystemData,
}

/// What a new token starts with; the adapter gives it its row id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// See [`TokenRecord::registry`].
    pub registry: RegistryId,
    /// See [`TokenRecord::name`].
    pub name: String,
    /// See [`TokenRecord::scope_map`].
    pub scope_map: String,
    /// See [`TokenRecord::is_enabled`].
    pub is_enabled: bool,
    /// See [`TokenRecord::system_data`].
    pub system_data: SystemData,
}

/// One of the two passwords of a token. It is only ever recognised, never shown again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPassword {
    /// 1 is `password1`, 2 is `password2`.
    pub slot: u8,
    /// Keyed hash to compare a given password with.
    pub verifier: [u8; 32],
    /// A number that no other password of any token had or will have, so that what was issued for one that is gone is
    /// never honoured for the next one in its slot, nor for a token made anew under an old name.
    pub generation: i64,
    /// The first moment it is no longer good; `None` for one without an end.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Tokens and their passwords.
pub trait TokenRead {
    /// Without regard to case.
    fn find_token(&mut self, registry: RegistryId, name: &str) -> Result<Option<TokenRecord>, MetadataError>;
    /// By name, in any case, those after `after` (an empty text is before all names), at most `limit`.
    fn list_tokens(
        &mut self,
        registry: RegistryId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<TokenRecord>, MetadataError>;
    /// Some tokens of a registry, by id: all that a deletion needs to know.
    fn list_token_ids(&mut self, registry: RegistryId, limit: usize) -> Result<Vec<TokenId>, MetadataError>;
    /// Some token that has this scope map.
    fn find_token_with_scope_map(
        &mut self,
        registry: RegistryId,
        scope_map: &str,
    ) -> Result<Option<TokenRecord>, MetadataError>;
    /// By slot, those that have expired too.
    fn list_token_passwords(&mut self, token: TokenId) -> Result<Vec<TokenPassword>, MetadataError>;
}

/// Changes of the same.
pub trait TokenTx {
    /// Inserts a token; the caller has looked that the name is free.
    fn insert_token(&mut self, token: &NewToken) -> Result<TokenId, MetadataError>;
    /// Writes the changeable fields: `scope_map`, `is_enabled`, and by whom and when it was updated.
    fn update_token(&mut self, token: &TokenRecord) -> Result<(), MetadataError>;
    /// Removes the token and its passwords; says whether it was there.
    fn remove_token(&mut self, token: TokenId) -> Result<bool, MetadataError>;
    /// Sets a password, in the place of the one in its slot; its generation is a new one.
    fn put_token_password(
        &mut self,
        token: TokenId,
        slot: u8,
        verifier: &[u8; 32],
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), MetadataError>;
    /// Says whether it was there.
    fn remove_token_password(&mut self, token: TokenId, slot: u8) -> Result<bool, MetadataError>;
}
