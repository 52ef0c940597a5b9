//! Tags.
//! Plain data, and the two halves of the port: reading, and changing in a transaction.

use holdfast_oci::{Digest, Tag};

use super::{ManifestId, Page, RepositoryId};
use crate::{Attributes, Error, Timestamp};

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

/// Tags.
pub trait TagRead {
    /// The row of a tag.
    fn find_tag(&mut self, repository: RepositoryId, tag: &Tag) -> Result<Option<TagRecord>, Error>;
    /// A page of tags, ascending bytewise unless the page says otherwise; only those on `digest`
    /// when it is given; those with `list_enabled` off are left out.
    fn list_tags(
        &mut self,
        repository: RepositoryId,
        digest: Option<&Digest>,
        page: &Page<Tag>,
    ) -> Result<Vec<TagRecord>, Error>;
    /// Tags on a manifest, also those with listing switched off, ascending, at most `limit`.
    fn list_tags_of_manifest(&mut self, id: ManifestId, limit: usize) -> Result<Vec<TagRecord>, Error>;
}

/// Changes of the same.
pub trait TagTx {
    /// Points the tag to the manifest, making it if need be (then counted in the repository).
    /// Locks and `created_at` of an existing tag stay.
    fn put_tag(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        manifest: ManifestId,
        now: Timestamp,
    ) -> Result<(), Error>;
    /// Sets the locks and `updated_at`.
    fn set_tag_attributes(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), Error>;
    /// Removes the tag and counts it out of the repository; says whether it was there.
    fn remove_tag(&mut self, repository: RepositoryId, tag: &Tag) -> Result<bool, Error>;
}
