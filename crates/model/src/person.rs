//! People of the directory. Each has a principal of the same object id, to which roles are given.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use std::fmt;

use uuid::Uuid;

use super::{MetadataError, PrincipalRecord};
use crate::UserName;

/// Somebody who signs in with a name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// The principal: object id, name for people, whether enabled, generation.
    pub principal: PrincipalRecord,
    /// The name to sign in with.
    pub user_name: UserName,
    /// What a given password is compared with.
    pub verifier: String,
}

impl fmt::Debug for PersonRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonRecord")
            .field("principal", &self.principal)
            .field("user_name", &self.user_name)
            .finish_non_exhaustive()
    }
}

/// People. A person's principal is read along.
pub trait PersonRead {
    /// By object id.
    fn find_person(&mut self, id: Uuid) -> Result<Option<PersonRecord>, MetadataError>;
    /// Without regard to case.
    fn find_person_by_name(&mut self, name: &UserName) -> Result<Option<PersonRecord>, MetadataError>;
    /// Those of these object ids that are there, in no order.
    fn find_people(&mut self, ids: &[Uuid]) -> Result<Vec<PersonRecord>, MetadataError>;
    /// By name, those behind `after`.
    fn list_people(&mut self, after: Option<&UserName>, limit: usize) -> Result<Vec<PersonRecord>, MetadataError>;
}

/// Changes of the same. The principal has rows and operations of its own.
pub trait PersonTx {
    /// Its principal is there already.
    fn insert_person(&mut self, person: &PersonRecord) -> Result<(), MetadataError>;
    /// Writes the verifier.
    fn update_person(&mut self, person: &PersonRecord) -> Result<(), MetadataError>;
    /// Leaves the principal; says whether it was there.
    fn remove_person(&mut self, id: Uuid) -> Result<bool, MetadataError>;
}
