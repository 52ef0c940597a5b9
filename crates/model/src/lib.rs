//! The model: the records that the rules keep, and the ports by which they ask the world for metadata, bytes, time and
//! ids, a file per noun. Traits and plain data, with limits and names that belong to them; it refuses to hold a rule and
//! to know SQL or HTTP.

mod ahead;
mod application;
mod attributes;
mod blob;
mod blobs;
mod clock;
mod content;
mod directory;
mod entity_tag;
mod federated_subject;
mod front;
mod garbage;
mod job;
mod manifest;
mod metadata;
mod metadata_error;
mod node;
mod page;
mod person;
mod principal;
mod receive;
mod registry;
mod registry_settings;
mod repository;
mod role_assignment;
mod row;
mod scope_map;
mod server_key;
mod sign_in;
mod sku;
mod storage_account;
mod storage_error;
mod storage_kind;
mod tag;
mod tally;
mod timestamp;
mod token;
mod upload;
mod user_name;

pub use ahead::{Seen, ahead_of_disk, note_seen, settle, tell_only_of_a_session};
pub use application::{
    ApplicationCertificate, ApplicationMarker, ApplicationRead, ApplicationRecord, ApplicationSecret, ApplicationTx,
    FederatedCredential,
};
pub use attributes::{Attributes, AttributesPatch};
pub use blob::{BlobId, BlobPlace, BlobRead, BlobRecord, BlobStub, BlobTx, NewBlob, NewBlobBytes, PulledBlob};
pub use blobs::{BlobWriter, Blobs, Checkpoint, MAX_STATE_BYTES, ObjectInfo, ObjectKey, Places, StoreError};
pub use clock::{Clock, Ids, RandomIds, SystemClock};
pub use content::{Content, Fetch, FileStretch, ReadAt, Reading, hold};
pub use directory::{Directory, DirectoryRead, DirectoryTx, ResourceGroup, Subscription, Tags};
pub use federated_subject::FederatedSubject;
pub use front::{FrontRead, PrincipalAndRoles, PrincipalKey, RegistryAccess, TokenStanding};
pub use garbage::{Candidate, CandidateId, GarbageObject, GarbageRead, GarbageTx, QueuedCandidate};
pub use job::{BusyJobs, EndedJob, JobId, JobKind, JobLease, JobRead, JobRecord, JobState, JobTx, UnknownJobKind};
pub use manifest::{
    ManifestContent, ManifestId, ManifestRead, ManifestRecord, ManifestTx, NewManifest, PulledManifest, ReferrerRecord,
    ReferrersPage, StoredManifest,
};
pub use metadata::{Durability, Metadata, MetadataExt, Outcome, Read, ReadWork, Tx, WriteWork};
pub use metadata_error::MetadataError;
pub use node::{Lease, NodeRead, NodeRecord, NodeTx};
pub use page::{ListOrder, Page, Position, Visibility};
pub use person::{PersonRead, PersonRecord, PersonTx};
pub use principal::{PrincipalRead, PrincipalRecord, PrincipalTx};
pub use receive::ReceiveError;
pub use registry::{AdminPassword, NewRegistry, RegistryRead, RegistryRecord, RegistryTx, Sku};
pub use registry_settings::{Author, AuthorKind, ShownSettings, SystemData};
pub use repository::{RepositoryId, RepositoryRead, RepositoryRecord, RepositoryTx, TargetRepository};
pub use role_assignment::{PrincipalType, RoleAssignment, RoleAssignmentRead, RoleAssignmentTx, WrittenCondition};
pub use scope_map::{ScopeMapRead, ScopeMapRecord, ScopeMapTx};
pub use server_key::{ServerKeyRead, ServerKeyRecord, ServerKeyTx};
pub use sign_in::{AuthorizationCode, DeviceAnswer, DeviceCode, ProvenPerson, SignInRead, SignInTx};
pub use sku::SkuLimits;
pub use storage_account::{StorageAccount, StorageAccountId, StorageAccountRead, StorageAccountTx, StorageResource};
pub use storage_error::StorageError;
pub use storage_kind::StorageKind;
pub use tag::{LeftManifest, PutTag, TagRead, TagRecord, TagTx};
pub use tally::{Counted, TallyRead};
pub use timestamp::Timestamp;
pub use token::{NewToken, TokenId, TokenPassword, TokenRead, TokenRecord, TokenTx};
pub use upload::{
    StaleUpload, UploadBytes, UploadId, UploadProgress, UploadRead, UploadRecord, UploadStub, UploadTarget, UploadTx,
};
pub use user_name::{ParseUserNameError, UserName};
