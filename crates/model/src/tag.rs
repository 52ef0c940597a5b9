//! Tags.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_oci::{Digest, Tag};

use super::{ManifestId, MetadataError, Page, RepositoryId};
use crate::{Attributes, Timestamp};

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

/// A tag that was put, as it is then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutTag {
    /// Its name.
    pub name: Tag,
    /// Its locks.
    pub attributes: Attributes,
    /// The manifest that it left, if it did.
    pub left: Option<LeftManifest>,
}

/// A manifest that a tag left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftManifest {
    /// Its row.
    pub id: ManifestId,
    /// Its digest.
    pub digest: Digest,
    /// Its locks.
    pub attributes: Attributes,
}

/// Tags.
pub trait TagRead {
    /// The rows of those tags that are there, in no order.
    fn find_tags(&mut self, repository: RepositoryId, tags: &[Tag]) -> Result<Vec<TagRecord>, MetadataError>;
    /// The row of a tag.
    fn find_tag(&mut self, repository: RepositoryId, tag: &Tag) -> Result<Option<TagRecord>, MetadataError>;
    /// A page of tags, ascending bytewise unless the page says otherwise; only those on `digest`
    /// when it is given; those with `list_enabled` off are left out.
    fn list_tags(
        &mut self,
        repository: RepositoryId,
        digest: Option<&Digest>,
        page: &Page<Tag>,
    ) -> Result<Vec<TagRecord>, MetadataError>;
    /// Tags on a manifest, also those with listing switched off, ascending, at most `limit`.
    fn list_tags_of_manifest(&mut self, id: ManifestId, limit: usize) -> Result<Vec<TagRecord>, MetadataError>;
}

/// Changes of the same.
pub trait TagTx {
    /// Points the tags, each named once, to the manifest, making those that are not there (then counted in the
    /// repository). Locks and `created_at` of an existing tag stay; whether the locks allow it, the caller asks.
    fn put_tags(
        &mut self,
        repository: RepositoryId,
        tags: &[Tag],
        manifest: ManifestId,
        now: Timestamp,
    ) -> Result<Vec<PutTag>, MetadataError>;
    /// Sets the locks and `updated_at`.
    fn set_tag_attributes(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), MetadataError>;
    /// Removes the tag and counts it out of the repository; says whether it was there.
    fn remove_tag(&mut self, repository: RepositoryId, tag: &Tag) -> Result<bool, MetadataError>;
}
