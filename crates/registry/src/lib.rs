//! The rules of a registry, from the user's view: one module per noun, each an operation on
//! [`Registry`]. It refuses to know HTTP, SQL, files and object stores; `holdfast_model` says what it needs
//! of them. Faces call the operations with a `Grant`, which only `holdfast_access::decide` makes.

pub mod application;
mod blob;
mod cache;
mod check;
mod classic;
pub mod content;
mod current;
mod decision;
mod directory;
mod erase;
mod explain;
mod failure;
mod front;
mod garbage;
mod import;
mod job;
mod limits;
mod location;
mod manifest;
mod operator;
mod parsing;
pub mod person;
mod precondition;
mod principal;
mod quota;
mod referrer;
mod registry;
mod registry_resource;
mod rehash;
mod repository;
mod resource_group;
pub mod resources;
mod role_assignment;
mod scope_map;
pub mod sign_in;
mod storage_account;
mod stray;
mod tag;
mod token;
mod upload;

pub use application::{
    ApplicationChange, ApplicationKey, ApplicationView, CertificateChange, FederatedChange, GoodCredentials,
    GoodSecret, NewCertificate, NewSecret,
};
pub use check::{CheckEvent, CheckOptions, CheckProgress, Checked, Finding};
pub use content::ReceiveError;
pub use decision::{Answer, Decision, Wish};
pub use directory::{FirstStart, Overview, SealedPassword};
pub use explain::Explanation;
pub use failure::{Failure, Failures};
pub use front::{Claimant, Entrance, Front, Standing};
pub use garbage::{CollectOptions, Collected};
pub use import::{Import, ImportError, ImportFailure, ImportFailureKind, ImportJob, ImportSource, ImportTag};
pub use job::Attempt;
pub use limits::{Limits, ROW_BLOB_BYTES};
pub use location::{ensure_location, forget_location};
pub use manifest::{Expectation, ManifestPage, ManifestView, Pushed, PutManifest};
pub use operator::Operator;
pub use person::NewPerson;
pub use precondition::{Precondition, States};
pub use principal::{NewPrincipal, NewPrincipalError, PrincipalView};
pub use quota::QuotaError;
pub use referrer::Referrers;
pub use registry::{Listable, Registry, RegistryParts};
pub use registry_resource::{RegistryChange, RegistryUsage};
pub use repository::{DeletedRepository, RepositoryView};
pub use role_assignment::{NewRoleAssignment, RoleError};
pub use scope_map::{ScopeMapChange, ScopeMapView};
pub use storage_account::{StorageAccountError, StorageChange};
pub use stray::{Stray, Strays};
pub use token::{KeptPassword, NewTokenPasswords, TokenAccount, TokenChange, TokenError, TokenView};
pub use upload::{Body, Progress, Purged};
