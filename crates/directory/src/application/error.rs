//! Why an operation on an application was not done.

use holdfast_model::{MetadataError, StorageError};
use uuid::Uuid;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No application, or no service principal, of that id.
    #[error("the directory has no object {id}")]
    Unknown {
        /// As asked for.
        id: Uuid,
    },
    /// The application has a service principal already.
    #[error("application {app_id} has a service principal already")]
    PrincipalExists {
        /// Its application id.
        app_id: Uuid,
    },
    /// The principal has a role where the caller may not manage principals.
    #[error("the principal has a role at {scope}, beyond the caller's reach")]
    OutOfReach {
        /// One such scope.
        scope: String,
    },
    /// No secret of that id.
    #[error("the application has no secret {id}")]
    SecretUnknown {
        /// As asked for.
        id: Uuid,
    },
    /// A certificate was kept that is not there.
    #[error("the application has no certificate {id}; send the certificate itself to add it")]
    CertificateUnknown {
        /// As asked for.
        id: Uuid,
    },
    /// No federated credential of that id or name.
    #[error("the application has no federated credential {name:?}")]
    FederatedUnknown {
        /// As asked for.
        name: String,
    },
    /// The application has a federated credential of that name, or for the same issuer and subject.
    #[error("the application has a federated credential with the same {what} already")]
    FederatedTaken {
        /// `name` or `issuer and subject`.
        what: &'static str,
    },
    /// More credentials of one kind than an application may have.
    #[error("an application has at most {limit} {what}; remove one first")]
    TooManyCredentials {
        /// The kind.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// One principal made more applications than it may.
    #[error("the caller made {limit} applications, the most it may; delete one first")]
    TooManyOfAuthor {
        /// The limit.
        limit: u64,
    },
    /// More applications than the directory takes.
    #[error("the directory has {limit} applications, the most there may be for the caller; delete one first")]
    TooMany {
        /// The limit.
        limit: u64,
    },
    /// A store did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<MetadataError> for Error {
    fn from(error: MetadataError) -> Self {
        Self::Storage(error.into())
    }
}
