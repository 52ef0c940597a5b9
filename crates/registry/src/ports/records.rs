//! Rows as the rules see them. Plain data: it refuses to know how a row is stored.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_access::{RegistryId, RoleId};
use holdfast_arm::fold_case;
use holdfast_oci::{Algorithm, Digest, RepositoryName, Tag};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ObjectKey;
use crate::{Attributes, Timestamp};

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);
    };
}

row_id!(
    /// A repository's row.
    RepositoryId
);
row_id!(
    /// A manifest's row.
    ManifestId
);
row_id!(
    /// A blob's row.
    BlobId
);
row_id!(
    /// A storage account's row.
    StorageAccountId
);
row_id!(
    /// A row of the garbage queue.
    CandidateId
);

/// An upload session's id: random, part of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId(pub Uuid);

/// The tenant everything belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Tenant id.
    pub tenant_id: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An ARM subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Subscription id.
    pub id: Uuid,
    /// Name for people.
    pub display_name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// A service principal of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRecord {
    /// Object id.
    pub id: Uuid,
    /// Application id, its user name.
    pub app_id: Uuid,
    /// Name for people.
    pub display_name: String,
    /// Grows when all its tokens are to be void.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A secret of a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalSecret {
    /// Its own id.
    pub id: Uuid,
    /// Whose it is.
    pub principal: Uuid,
    /// Keyed hash to compare a given secret with.
    pub verifier: [u8; 32],
    /// The first moment it is no longer good.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A role that a principal has at a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAssignment {
    /// Its own id.
    pub id: Uuid,
    /// Who has the role.
    pub principal: Uuid,
    /// The role.
    pub role: RoleId,
    /// Where: an id of ARM in lower case.
    pub scope: String,
    /// When it was given.
    pub created_at: Timestamp,
}

/// An ARM resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceGroup {
    /// The subscription it is in.
    pub subscription_id: Uuid,
    /// Its name; compared without regard to case.
    pub name: String,
    /// Its location, a plain name.
    pub location: String,
    /// Its tags.
    pub tags: Tags,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A named place for bytes in one location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageAccount {
    /// Row id.
    pub id: StorageAccountId,
    /// Its name.
    pub name: String,
    /// Its location, a plain name.
    pub location: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The tiers of ACR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sku {
    /// On the user's own storage account.
    Classic,
    /// Managed, small limits.
    Basic,
    /// Managed, middle limits.
    Standard,
    /// Managed, everything.
    Premium,
}

impl Sku {
    /// The name ACR uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "Classic",
            Self::Basic => "Basic",
            Self::Standard => "Standard",
            Self::Premium => "Premium",
        }
    }

    /// The tier of that exact name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Classic, Self::Basic, Self::Standard, Self::Premium]
            .into_iter()
            .find(|sku| sku.as_str() == name)
    }
}

/// A registry: the ARM resource, its storage and its switches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryRecord {
    /// Row id.
    pub id: RegistryId,
    /// Globally unique name, as written when it was made; compared without regard to case.
    pub name: String,
    /// Random id that tokens carry (ACR's `rid`), so that a registry made anew under an old name
    /// does not honour old tokens.
    pub rid: Uuid,
    /// The subscription it is in.
    pub subscription_id: Uuid,
    /// The resource group it is in.
    pub resource_group: String,
    /// Its location, a plain name.
    pub location: String,
    /// Its tier.
    pub sku: Sku,
    /// Where its bytes lie.
    pub storage_account: StorageAccountId,
    /// Whether the admin account may sign in.
    pub admin_enabled: bool,
    /// Whether anybody may pull and list without signing in.
    pub anonymous_pull: bool,
    /// Whether a manifest may name blobs and children that are not in the repository.
    pub accept_sparse_manifests: bool,
    /// Days after which an untagged manifest is collected; `None` keeps it (ACR: retention policy).
    pub retention_days: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
    /// Whether its deletion began: nothing is read from it or written to it any more.
    pub is_deleting: bool,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl ResourceGroup {
    /// Its id in ARM, in lower case: where roles count.
    #[must_use]
    pub fn scope(&self) -> String {
        fold_case(&format!(
            "/subscriptions/{}/resourceGroups/{}",
            self.subscription_id, self.name
        ))
    }
}

impl RegistryRecord {
    /// Its id in ARM, as people read it.
    #[must_use]
    pub fn arm_id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.ContainerRegistry/registries/{}",
            self.subscription_id, self.resource_group, self.name
        )
    }

    /// Its id in ARM, in lower case: where roles count.
    #[must_use]
    pub fn scope(&self) -> String {
        fold_case(&self.arm_id())
    }
}

/// What a new registry starts with; the adapter gives it its row id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRegistry {
    /// See [`RegistryRecord::name`].
    pub name: String,
    /// See [`RegistryRecord::rid`].
    pub rid: Uuid,
    /// See [`RegistryRecord::subscription_id`].
    pub subscription_id: Uuid,
    /// See [`RegistryRecord::resource_group`].
    pub resource_group: String,
    /// See [`RegistryRecord::location`].
    pub location: String,
    /// See [`RegistryRecord::sku`].
    pub sku: Sku,
    /// See [`RegistryRecord::storage_account`].
    pub storage_account: StorageAccountId,
    /// See [`RegistryRecord::admin_enabled`].
    pub admin_enabled: bool,
    /// See [`RegistryRecord::tags`].
    pub tags: Tags,
    /// See [`RegistryRecord::created_at`].
    pub created_at: Timestamp,
}

/// One of the two passwords of the admin account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminPassword {
    /// 1 is `password`, 2 is `password2`.
    pub slot: u8,
    /// The password, encrypted with the server's key: ACR can list it again.
    pub sealed: Vec<u8>,
    /// Keyed hash to compare a given password with.
    pub verifier: [u8; 32],
    /// Grows by one at each renewal; tokens carry it, so that renewing revokes at once.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryRecord {
    /// Row id.
    pub id: RepositoryId,
    /// Its name inside the registry.
    pub name: RepositoryName,
    /// Its locks.
    pub attributes: Attributes,
    /// Manifests in it; a repository without any is not visible to anybody.
    pub manifest_count: u64,
    /// Tags in it.
    pub tag_count: u64,
    /// When its first manifest came.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A manifest without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestRecord {
    /// Row id.
    pub id: ManifestId,
    /// Digest of the exact bytes.
    pub digest: Digest,
    /// Media type it was pushed with.
    pub media_type: String,
    /// Length of the bytes.
    pub size_bytes: u64,
    /// Subject it refers to.
    pub subject: Option<Digest>,
    /// Artifact type as a referrers listing shows it.
    pub artifact_type: Option<String>,
    /// Media type of its config.
    pub config_media_type: Option<String>,
    /// Its annotations as JSON text, when it has any.
    pub annotations: Option<String>,
    /// `architecture` of the image's config.
    pub architecture: Option<String>,
    /// `os` of the image's config.
    pub os: Option<String>,
    /// Sum of config and layers in bytes (ACR: `imageSize`).
    pub image_size_bytes: u64,
    /// Its locks.
    pub attributes: Attributes,
    /// When it was first pushed.
    pub created_at: Timestamp,
    /// When it was last pushed or changed.
    pub updated_at: Timestamp,
}

/// What a new manifest's row holds.
#[derive(Debug, Clone)]
pub struct NewManifest {
    /// See [`ManifestRecord::digest`].
    pub digest: Digest,
    /// See [`ManifestRecord::media_type`].
    pub media_type: String,
    /// The exact bytes.
    pub bytes: Bytes,
    /// See [`ManifestRecord::subject`].
    pub subject: Option<Digest>,
    /// See [`ManifestRecord::artifact_type`].
    pub artifact_type: Option<String>,
    /// See [`ManifestRecord::config_media_type`].
    pub config_media_type: Option<String>,
    /// See [`ManifestRecord::annotations`].
    pub annotations: Option<String>,
    /// See [`ManifestRecord::architecture`].
    pub architecture: Option<String>,
    /// See [`ManifestRecord::os`].
    pub os: Option<String>,
    /// See [`ManifestRecord::image_size_bytes`].
    pub image_size_bytes: u64,
    /// Blobs it needs, each once.
    pub blobs: Vec<Digest>,
    /// Manifests it lists, each once (an index's children).
    pub children: Vec<Digest>,
    /// See [`ManifestRecord::created_at`].
    pub created_at: Timestamp,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRecord {
    /// Its name.
    pub name: Tag,
    /// The manifest it points to.
    pub manifest: ManifestId,
    /// That manifest's digest.
    pub digest: Digest,
    /// Its locks.
    pub attributes: Attributes,
    /// When it was first pushed.
    pub created_at: Timestamp,
    /// When it last moved or was changed.
    pub updated_at: Timestamp,
}

/// A blob: which object holds which digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRecord {
    /// Row id.
    pub id: BlobId,
    /// The storage account its object lies in.
    pub storage_account: StorageAccountId,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Its length.
    pub size_bytes: u64,
    /// The object that holds it.
    pub object_key: ObjectKey,
}

/// What a new blob's row holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBlob {
    /// See [`BlobRecord::storage_account`].
    pub storage_account: StorageAccountId,
    /// See [`BlobRecord::digest`].
    pub digest: Digest,
    /// See [`BlobRecord::size_bytes`].
    pub size_bytes: u64,
    /// See [`BlobRecord::object_key`].
    pub object_key: ObjectKey,
    /// When its upload was finished.
    pub created_at: Timestamp,
}

/// An upload session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRecord {
    /// Its id, part of its URL.
    pub id: UploadId,
    /// The registry it is in.
    pub registry: RegistryId,
    /// The repository it was started for; no other may use it.
    pub repository: RepositoryName,
    /// Who started it ([`holdfast_access::Actor::key`]); nobody else may use it.
    pub actor: String,
    /// Where the object lies.
    pub storage_account: StorageAccountId,
    /// The object the bytes go to.
    pub object_key: ObjectKey,
    /// The algorithm of the running hash.
    pub algorithm: Algorithm,
    /// Bytes received so far.
    pub offset: u64,
    /// Saved state of the hash after `offset` bytes; empty at 0.
    pub hash_state: Vec<u8>,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it last made progress.
    pub updated_at: Timestamp,
}

/// Something that may be garbage, to be looked at again after the grace period.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Candidate {
    /// A blob's link into a repository that no manifest there may need any more.
    BlobLink {
        /// The repository.
        repository: RepositoryId,
        /// The blob.
        digest: Digest,
    },
    /// A manifest that lost its last tag while the registry's retention policy was on.
    UntaggedManifest {
        /// The repository.
        repository: RepositoryId,
        /// The manifest.
        digest: Digest,
    },
    /// A manifest that lost its parent index or its subject.
    OrphanedManifest {
        /// The repository.
        repository: RepositoryId,
        /// The manifest.
        digest: Digest,
    },
    /// An object no row points to any more; needs no second look.
    Object {
        /// The storage account it lies in.
        storage_account: StorageAccountId,
        /// The object.
        object_key: ObjectKey,
        /// Its length, for the report of what a run frees; 0 when not known.
        size_bytes: u64,
    },
}

/// A candidate in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedCandidate {
    /// Row id.
    pub id: CandidateId,
    /// What it is about.
    pub candidate: Candidate,
    /// When it was queued; the grace period counts from here.
    pub queued_at: Timestamp,
}

/// How a listing is ordered (ACR: `orderby`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListOrder {
    /// By name or digest, ascending.
    #[default]
    Name,
    /// Oldest change first.
    TimeAscending,
    /// Newest change first.
    TimeDescending,
}

/// A page of a listing: at most `limit` rows after the marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<Marker> {
    /// The last row of the page before, exclusive. A marker that is gone still has its place.
    pub after: Option<Marker>,
    /// Most rows to return; at least 1.
    pub limit: usize,
    /// The order.
    pub order: ListOrder,
}
