//! Manifests.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use bytes::Bytes;
use holdfast_access::RegistryId;
use holdfast_oci::{Digest, Reference, RepositoryName};

use super::row::row_id;
use super::{MetadataError, Page, RepositoryId, Visibility};
use crate::{Attributes, Timestamp};

row_id!(
    /// A manifest's row.
    ManifestId
);

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

/// What a pull finds at a reference of a repository that is there, with the locks on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledManifest {
    /// The locks of the repository.
    pub repository: Attributes,
    /// The locks of the tag, when the reference is one and it is there.
    pub tag: Option<Attributes>,
    /// The manifest and its locks, when it is there.
    pub manifest: Option<(ManifestContent, Attributes)>,
}

/// A manifest as it was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestContent {
    /// See [`ManifestRecord::digest`].
    pub digest: Digest,
    /// See [`ManifestRecord::media_type`].
    pub media_type: String,
    /// The exact bytes.
    pub bytes: Bytes,
}

/// A manifest as a list of referrers shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferrerRecord {
    /// See [`ManifestRecord::digest`].
    pub digest: Digest,
    /// See [`ManifestRecord::media_type`].
    pub media_type: String,
    /// See [`ManifestRecord::size_bytes`].
    pub size_bytes: u64,
    /// See [`ManifestRecord::artifact_type`].
    pub artifact_type: Option<String>,
    /// Its annotations as JSON text, when it has any: as large as a manifest may be.
    pub annotations: Option<String>,
}

/// Which referrers are asked for.
#[derive(Debug, Clone)]
pub struct ReferrersPage {
    /// Only those of this artifact type.
    pub artifact_type: Option<String>,
    /// The last digest of the page before, exclusive.
    pub after: Option<Digest>,
    /// Most rows to return; at least 1.
    pub limit: usize,
    /// The page ends with the row that brings its annotations to this many bytes.
    pub max_bytes: usize,
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
    /// See [`ReferrerRecord::annotations`]; kept with those that have a subject.
    pub annotations: Option<String>,
    /// See [`ManifestRecord::architecture`].
    pub architecture: Option<String>,
    /// See [`ManifestRecord::os`].
    pub os: Option<String>,
    /// What it declares of [`ManifestRecord::image_size_bytes`].
    pub image_size_bytes: u64,
    /// Blobs it needs, each once.
    pub blobs: Vec<Digest>,
    /// What it lists, each once (an index's children): manifests or blobs.
    pub children: Vec<Digest>,
    /// See [`ManifestRecord::created_at`].
    pub created_at: Timestamp,
}

/// A manifest that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its row.
    pub id: ManifestId,
    /// Its locks.
    pub attributes: Attributes,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// Manifests.
pub trait ManifestRead {
    /// The row of a digest in a repository.
    fn find_manifest(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Option<ManifestRecord>, MetadataError>;
    /// The rows of those digests that are there, in no order.
    fn find_manifests(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<ManifestRecord>, MetadataError>;
    /// What a reference names in a repository with manifests, in one look. Bytes that `known` gives for the digest are
    /// not read.
    fn find_pulled_manifest(
        &mut self,
        registry: RegistryId,
        repository: &RepositoryName,
        reference: &Reference,
        known: &dyn Fn(&Digest) -> Option<Bytes>,
    ) -> Result<Option<PulledManifest>, MetadataError>;
    /// The exact bytes.
    fn load_manifest_bytes(&mut self, id: ManifestId) -> Result<Bytes, MetadataError>;
    /// A page of manifests; `ListOrder::Name` is by digest.
    fn list_manifests(
        &mut self,
        repository: RepositoryId,
        visibility: Visibility,
        page: &Page<Digest>,
    ) -> Result<Vec<ManifestRecord>, MetadataError>;
    /// Blobs a manifest needs.
    fn list_manifest_blobs(&mut self, id: ManifestId) -> Result<Vec<Digest>, MetadataError>;
    /// What an index lists: manifests, and blobs too (BuildKit's cache).
    fn list_manifest_children(&mut self, id: ManifestId) -> Result<Vec<Digest>, MetadataError>;
    /// Some manifest of the repository that needs the blob, as its own or because an index lists it.
    fn find_manifest_needing_blob(
        &mut self,
        repository: RepositoryId,
        blob: &Digest,
    ) -> Result<Option<Digest>, MetadataError>;
    /// Some index of the repository that lists the digest.
    fn find_parent_of(&mut self, repository: RepositoryId, child: &Digest) -> Result<Option<Digest>, MetadataError>;
    /// A page of the manifests whose subject is `subject`, with listing and reading switched on, by digest.
    fn list_referrers(
        &mut self,
        repository: RepositoryId,
        subject: &Digest,
        page: &ReferrersPage,
    ) -> Result<Vec<ReferrerRecord>, MetadataError>;
    /// All manifests whose subject is `subject`, by digest, at most `limit` after `after`.
    fn list_every_referrer(
        &mut self,
        repository: RepositoryId,
        subject: &Digest,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<Digest>, MetadataError>;
    /// Every manifest of the store after a row, for `holdfast check`.
    fn scan_manifests(
        &mut self,
        after: ManifestId,
        limit: usize,
    ) -> Result<Vec<(RepositoryId, ManifestRecord)>, MetadataError>;
    /// The rows of that walk by id, for one of them that cannot be read.
    fn scan_manifest_ids(&mut self, after: ManifestId, limit: usize) -> Result<Vec<ManifestId>, MetadataError>;
    /// Some manifests of a repository, by id: all that a deletion needs to know.
    fn list_manifest_ids(&mut self, repository: RepositoryId, limit: usize) -> Result<Vec<ManifestId>, MetadataError>;
}

/// Changes of the same.
pub trait ManifestTx {
    /// Inserts a manifest with its blobs and children and counts it in its repository; `named_bytes`, the sizes that
    /// only the rows know, are added to its image size. One that is there gets a new `updated_at`, and is otherwise as
    /// it was.
    fn put_manifest(
        &mut self,
        repository: RepositoryId,
        manifest: &NewManifest,
        named_bytes: u64,
    ) -> Result<StoredManifest, MetadataError>;
    /// Sets the locks and `updated_at`.
    fn set_manifest_attributes(
        &mut self,
        id: ManifestId,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), MetadataError>;
    /// Removes the row, its blob and child rows and the tags on it, and counts all of them out of
    /// the repository.
    fn remove_manifest(&mut self, id: ManifestId) -> Result<(), MetadataError>;
}
