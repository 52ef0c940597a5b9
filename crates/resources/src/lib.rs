//! The rules of what is managed: a module for each noun of ARM, with its operations: of [`Resources`], which take a grant or
//! the caller, or of the [`Operator`], who needs none; and the queue of the jobs that they ask for. They refuse to know HTTP, SQL and
//! files, and what a digest is.

mod classic;
mod erase;
mod error;
mod import;
mod job;
mod limits;
mod location;
mod operator;
mod precondition;
mod quota;
mod registry;
mod resource_group;
mod resources;
mod scope;
mod scope_map;
mod storage_account;
mod subscription;
mod token;

pub use error::Error;
pub use import::{
    Import, ImportError, ImportFailure, ImportFailureKind, ImportJob, ImportSource, ImportTag, NewImport,
    NewImportSource, decide_pull,
};
pub use job::Attempt;
pub use location::{TellsLocations, ensure_location, forget_location, holds_objects};
pub use operator::Operator;
pub use precondition::{Precondition, States};
pub use quota::QuotaError;
pub use registry::{RegistryChange, RegistryUsage, RegistryView, SealedPassword};
pub use resources::{Parts, Resources};
pub use scope_map::{ScopeMapChange, ScopeMapView, find_scope_map};
pub use storage_account::{StorageAccountError, StorageChange, find_storage_account};
pub use token::{KeptPassword, NewTokenPasswords, TokenAccount, TokenChange, TokenError, TokenView, token_account};
