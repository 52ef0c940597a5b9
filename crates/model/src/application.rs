//! Applications of the directory and what they prove themselves by: secrets, certificates, federated credentials.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.
//!
//! An application is the registration; the service principal that roles are given to is its account in the directory
//! (`principal`) and has an object id of its own. Both are found by one application id.

use holdfast_arm::fold_case;
use uuid::Uuid;

use super::{MetadataError, PrincipalRecord};
use crate::{FederatedSubject, Timestamp};

/// An application of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationRecord {
    /// Object id; its service principal has another.
    pub id: Uuid,
    /// Application id, its user name.
    pub app_id: Uuid,
    /// Name for people; not unique.
    pub display_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom: an object id, or `operator`.
    pub created_by: String,
}

/// A secret of an application. Whoever shows it never has the secret itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ApplicationSecret {
    /// Its own id.
    pub id: Uuid,
    /// Object id of the application.
    pub application: Uuid,
    /// Name for people.
    pub display_name: Option<String>,
    /// The first characters of the secret, by which people tell secrets apart.
    pub hint: String,
    /// Keyed hash to compare a given secret with.
    pub verifier: [u8; 32],
    /// The first moment it is good.
    pub starts_at: Timestamp,
    /// The first moment it is no longer good.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A certificate whose key an application signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationCertificate {
    /// Its key id, unique within the application: the client chooses it.
    pub id: Uuid,
    /// Object id of the application.
    pub application: Uuid,
    /// Name for people.
    pub display_name: Option<String>,
    /// The X.509 certificate in DER.
    pub der: Vec<u8>,
    /// SHA-256 of the DER (`x5t#S256`).
    pub sha256: [u8; 32],
    /// SHA-1 of the DER (`x5t`), by which old clients name it.
    pub sha1: [u8; 20],
    /// The first moment it is good.
    pub starts_at: Timestamp,
    /// The first moment it is no longer good.
    pub expires_at: Timestamp,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Trust in tokens of another issuer, in place of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedCredential {
    /// Its own id.
    pub id: Uuid,
    /// Object id of the application.
    pub application: Uuid,
    /// Its name, unique within the application; never changes.
    pub name: String,
    /// URL of the issuer, as its tokens have it.
    pub issuer: String,
    /// Whose tokens are meant.
    pub subject: FederatedSubject,
    /// The audiences that a token may be for; any of them.
    pub audiences: Vec<String>,
    /// For people.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where a listing of applications goes on: behind this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationMarker {
    /// [`ApplicationRecord::folded_name`] of it.
    pub folded_name: String,
    /// Its object id.
    pub id: Uuid,
}

impl ApplicationRecord {
    /// The name as it is compared and sorted: without regard to case.
    #[must_use]
    pub fn folded_name(&self) -> String {
        fold_case(&self.display_name)
    }

    /// The position of this application in listings.
    #[must_use]
    pub fn marker(&self) -> ApplicationMarker {
        ApplicationMarker {
            folded_name: self.folded_name(),
            id: self.id,
        }
    }
}

impl std::fmt::Debug for ApplicationSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApplicationSecret")
            .field("id", &self.id)
            .field("application", &self.application)
            .field("display_name", &self.display_name)
            .field("starts_at", &self.starts_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Applications and their credentials, those that have expired too.
pub trait ApplicationRead {
    /// By object id.
    fn find_application(&mut self, id: Uuid) -> Result<Option<ApplicationRecord>, MetadataError>;
    /// By application id.
    fn find_application_by_app(&mut self, app_id: Uuid) -> Result<Option<ApplicationRecord>, MetadataError>;
    /// Those of these object ids that are there, in no order.
    fn find_applications(&mut self, ids: &[Uuid]) -> Result<Vec<ApplicationRecord>, MetadataError>;
    /// Those of these application ids that are there, in no order.
    fn find_applications_by_app(&mut self, app_ids: &[Uuid]) -> Result<Vec<ApplicationRecord>, MetadataError>;
    /// Those whose folded name begins with `prefix` (folded), by folded name and id.
    fn list_applications(
        &mut self,
        prefix: &str,
        after: Option<&ApplicationMarker>,
        limit: usize,
    ) -> Result<Vec<ApplicationRecord>, MetadataError>;
    /// The same, of applications with a service principal.
    fn list_service_principals(
        &mut self,
        prefix: &str,
        after: Option<&ApplicationMarker>,
        limit: usize,
    ) -> Result<Vec<(ApplicationRecord, PrincipalRecord)>, MetadataError>;
    /// Oldest first.
    fn list_application_secrets(&mut self, application: Uuid) -> Result<Vec<ApplicationSecret>, MetadataError>;
    /// Those of all these applications, in no order.
    fn list_secrets_of_applications(&mut self, applications: &[Uuid]) -> Result<Vec<ApplicationSecret>, MetadataError>;
    /// The same by the id that an application signs in with.
    fn list_application_secrets_by_app(&mut self, app_id: Uuid) -> Result<Vec<ApplicationSecret>, MetadataError>;
    /// Oldest first.
    fn list_application_certificates(
        &mut self,
        application: Uuid,
    ) -> Result<Vec<ApplicationCertificate>, MetadataError>;
    /// Those of all these applications, in no order.
    fn list_certificates_of_applications(
        &mut self,
        applications: &[Uuid],
    ) -> Result<Vec<ApplicationCertificate>, MetadataError>;
    /// By name.
    fn list_federated_credentials(&mut self, application: Uuid) -> Result<Vec<FederatedCredential>, MetadataError>;
}

/// Changes of the same.
#[expect(missing_docs, reason = "each inserts, updates or removes the row it is named after")]
pub trait ApplicationTx {
    fn insert_application(&mut self, application: &ApplicationRecord) -> Result<(), MetadataError>;
    /// Writes the name.
    fn update_application(&mut self, application: &ApplicationRecord) -> Result<(), MetadataError>;
    /// The caller has removed its credentials and its service principal; says whether it was there.
    fn remove_application(&mut self, id: Uuid) -> Result<bool, MetadataError>;
    /// Removes all credentials of an application; returns how many there were.
    fn remove_application_credentials(&mut self, application: Uuid) -> Result<u64, MetadataError>;
    fn insert_application_secret(&mut self, secret: &ApplicationSecret) -> Result<(), MetadataError>;
    /// Says whether it was there.
    fn remove_application_secret(&mut self, application: Uuid, id: Uuid) -> Result<bool, MetadataError>;
    fn insert_application_certificate(&mut self, certificate: &ApplicationCertificate) -> Result<(), MetadataError>;
    /// Says whether it was there.
    fn remove_application_certificate(&mut self, application: Uuid, id: Uuid) -> Result<bool, MetadataError>;
    /// A name, and a subject of an issuer, once in an application.
    fn insert_federated_credential(&mut self, credential: &FederatedCredential) -> Result<(), MetadataError>;
    /// Writes everything but name and creation.
    fn update_federated_credential(&mut self, credential: &FederatedCredential) -> Result<(), MetadataError>;
    /// Says whether it was there.
    fn remove_federated_credential(&mut self, application: Uuid, id: Uuid) -> Result<bool, MetadataError>;
}
