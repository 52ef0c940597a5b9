//! What the rules need from the world: metadata, bytes, time and ids. Traits and plain records
//! only; they refuse to know SQL, files or HTTP.

mod blobs;
mod clock;
mod metadata;
mod records;

pub use blobs::{BlobWriter, Blobs, ObjectInfo, ObjectKey, Readable, StoreError};
pub use clock::{Clock, Ids, RandomIds, SystemClock};
pub use metadata::{
    BlobRead, BlobTx, DirectoryRead, DirectoryTx, Durability, GarbageRead, GarbageTx, ManifestRead, ManifestTx,
    Metadata, MetadataExt, PrincipalRead, PrincipalTx, Read, ReadWork, RegistryRead, RegistryTx, RepositoryRead,
    RepositoryTx, TagRead, TagTx, Tx, UploadRead, UploadTx, WriteWork,
};
pub use records::{
    AdminPassword, BlobId, BlobRecord, Candidate, CandidateId, Directory, ListOrder, ManifestId, ManifestRecord,
    NewBlob, NewManifest, NewRegistry, Page, PrincipalRecord, PrincipalSecret, QueuedCandidate, RegistryRecord,
    RepositoryId, RepositoryRecord, ResourceGroup, RoleAssignment, Sku, StorageAccount, StorageAccountId, Subscription,
    TagRecord, Tags, UploadId, UploadRecord,
};
