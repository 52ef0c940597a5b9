//! Tags.
//!
//! A page in the order of time goes on from a position. A client may know no more than a name, though: the page then
//! starts after the place that the tag has now, and from the beginning when it is gone, which shows again what the client
//! has seen but never leaves out what it has not.

use super::row::{self, Row};
use super::value::params;
use holdfast_model::{
    Attributes, LeftManifest, ListOrder, ManifestId, MetadataError, Page, Position, PutTag, RepositoryId, TagRead,
    TagRecord, TagTx, Timestamp,
};
use holdfast_oci::{Digest, Tag};

use super::column;
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT name, manifest_id, digest, attributes, created_at, updated_at FROM tag ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE repository_id = ?1 AND name = ?2");
const LIST_OF_MANIFEST: &str = select!("WHERE manifest_id = ?1 ORDER BY name LIMIT ?2");

// 8 is the list_enabled bit.
const LIST_BY_NAME: &str =
    select!("WHERE repository_id = ?1 AND name > ?2 AND attributes & 8 = 8 ORDER BY name LIMIT ?3");
const LIST_OLDEST_FIRST: &str = select!(
    "INDEXED BY tag_by_time WHERE repository_id = ?1 AND (updated_at, name) > (?2, ?3) \
     AND attributes & 8 = 8 ORDER BY updated_at, name LIMIT ?4"
);
const LIST_NEWEST_FIRST: &str = select!(
    "INDEXED BY tag_by_time WHERE repository_id = ?1 AND (updated_at, name) < (?2, ?3) \
     AND attributes & 8 = 8 ORDER BY updated_at DESC, name DESC LIMIT ?4"
);

const LIST_OF_DIGEST_BY_NAME: &str = select!(
    "INDEXED BY tag_by_manifest \
     WHERE manifest_id = (SELECT id FROM manifest WHERE repository_id = ?1 AND digest = ?4) \
     AND name > ?2 AND attributes & 8 = 8 ORDER BY name LIMIT ?3"
);
// These two sort the tags of one manifest: few, and not worth an index that every tag would pay for.
const LIST_OF_DIGEST_OLDEST_FIRST: &str = select!(
    "INDEXED BY tag_by_manifest \
     WHERE manifest_id = (SELECT id FROM manifest WHERE repository_id = ?1 AND digest = ?5) \
     AND (updated_at, name) > (?2, ?3) AND attributes & 8 = 8 ORDER BY updated_at, name LIMIT ?4"
);
const LIST_OF_DIGEST_NEWEST_FIRST: &str = select!(
    "INDEXED BY tag_by_manifest \
     WHERE manifest_id = (SELECT id FROM manifest WHERE repository_id = ?1 AND digest = ?5) \
     AND (updated_at, name) < (?2, ?3) AND attributes & 8 = 8 \
     ORDER BY updated_at DESC, name DESC LIMIT ?4"
);

const FIND_SOME: &str = select!("WHERE repository_id = ?1 AND name IN (SELECT value FROM json_each(?2))");

impl TagRead for Session<'_> {
    fn find_tags(&mut self, repository: RepositoryId, tags: &[Tag]) -> Result<Vec<TagRecord>, MetadataError> {
        self.list(
            "looked up tags",
            FIND_SOME,
            params![repository.0, tags_text(tags)],
            tag_row,
        )
    }

    fn find_tag(&mut self, repository: RepositoryId, tag: &Tag) -> Result<Option<TagRecord>, MetadataError> {
        self.find("looked up a tag", FIND, params![repository.0, tag.as_str()], tag_row)
    }

    fn list_tags(
        &mut self,
        repository: RepositoryId,
        digest: Option<&Digest>,
        page: &Page<Tag>,
    ) -> Result<Vec<TagRecord>, MetadataError> {
        match page.order {
            ListOrder::Name => self.list_tags_by_name(repository, digest, page),
            ListOrder::TimeAscending | ListOrder::TimeDescending => self.list_tags_by_time(repository, digest, page),
        }
    }

    fn list_tags_of_manifest(&mut self, id: ManifestId, limit: usize) -> Result<Vec<TagRecord>, MetadataError> {
        let params = params![id.0, column::limit(limit)];
        self.list("listed the tags of a manifest", LIST_OF_MANIFEST, params, tag_row)
    }
}

impl Session<'_> {
    fn list_tags_by_name(
        &self,
        repository: RepositoryId,
        digest: Option<&Digest>,
        page: &Page<Tag>,
    ) -> Result<Vec<TagRecord>, MetadataError> {
        // No tag is empty, so every tag comes after the empty text.
        let after = page.after.as_ref().map_or("", |position| position.name.as_str());
        let limit = column::limit(page.limit);
        match digest {
            None => {
                let params = params![repository.0, after, limit];
                self.list("listed tags", LIST_BY_NAME, params, tag_row)
            }
            Some(digest) => {
                let params = params![repository.0, after, limit, digest.to_db()];
                self.list("listed tags of a digest", LIST_OF_DIGEST_BY_NAME, params, tag_row)
            }
        }
    }

    /// The moment that a page by time goes on from.
    fn moment_of(&mut self, repository: RepositoryId, page: &Page<Tag>) -> Result<Option<Timestamp>, MetadataError> {
        match &page.after {
            None => Ok(None),
            Some(Position {
                updated_at: Some(moment),
                ..
            }) => Ok(Some(*moment)),
            Some(Position { name, .. }) => Ok(self.find_tag(repository, name)?.map(|tag| tag.updated_at)),
        }
    }

    fn list_tags_by_time(
        &mut self,
        repository: RepositoryId,
        digest: Option<&Digest>,
        page: &Page<Tag>,
    ) -> Result<Vec<TagRecord>, MetadataError> {
        let newest_first = page.order == ListOrder::TimeDescending;
        let (updated_at, name) = match (self.moment_of(repository, page)?, &page.after) {
            (Some(moment), Some(position)) => (moment.0, position.name.as_str()),
            _ if newest_first => (i64::MAX, ""),
            _ => (i64::MIN, ""),
        };
        let limit = column::limit(page.limit);
        match digest {
            None => {
                let sql = if newest_first {
                    LIST_NEWEST_FIRST
                } else {
                    LIST_OLDEST_FIRST
                };
                let params = params![repository.0, updated_at, name, limit];
                self.list("listed tags by time", sql, params, tag_row)
            }
            Some(digest) => {
                let sql = if newest_first {
                    LIST_OF_DIGEST_NEWEST_FIRST
                } else {
                    LIST_OF_DIGEST_OLDEST_FIRST
                };
                let params = params![repository.0, updated_at, name, limit, digest.to_db()];
                self.list("listed tags of a digest by time", sql, params, tag_row)
            }
        }
    }
}

const PUT: &str = "INSERT INTO tag (repository_id, name, manifest_id, digest, attributes, created_at, updated_at) \
    SELECT ?1, value, ?3, (SELECT digest FROM manifest WHERE id = ?3), ?4, ?5, ?5 FROM json_each(?2) WHERE true \
    ON CONFLICT (repository_id, name) DO UPDATE SET \
    moved_from = CASE WHEN tag.manifest_id <> excluded.manifest_id THEN tag.manifest_id END, \
    manifest_id = excluded.manifest_id, digest = excluded.digest, updated_at = excluded.updated_at \
    RETURNING name, attributes, moved_from, \
    (SELECT gone.digest FROM manifest AS gone WHERE gone.id = moved_from), \
    (SELECT gone.attributes FROM manifest AS gone WHERE gone.id = moved_from)";
const SET_ATTRIBUTES: &str = "UPDATE tag SET attributes = ?3, updated_at = ?4 WHERE repository_id = ?1 AND name = ?2";
const REMOVE: &str = "DELETE FROM tag WHERE repository_id = ?1 AND name = ?2";

impl TagTx for Session<'_> {
    fn put_tags(
        &mut self,
        repository: RepositoryId,
        tags: &[Tag],
        manifest: ManifestId,
        now: Timestamp,
    ) -> Result<Vec<PutTag>, MetadataError> {
        let params = params![
            repository.0,
            tags_text(tags),
            manifest.0,
            Attributes::default().bits(),
            now.0
        ];
        self.put("put tags", PUT, params, put_row)
    }

    fn set_tag_attributes(
        &mut self,
        repository: RepositoryId,
        tag: &Tag,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), MetadataError> {
        let params = params![repository.0, tag.as_str(), attributes.bits(), now.0];
        self.change("set a tag's attributes", SET_ATTRIBUTES, params).map(drop)
    }

    fn remove_tag(&mut self, repository: RepositoryId, tag: &Tag) -> Result<bool, MetadataError> {
        Ok(self.change("removed a tag", REMOVE, params![repository.0, tag.as_str()])? > 0)
    }
}

/// A list of tags as a parameter.
fn tags_text(tags: &[Tag]) -> String {
    let names: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    serde_json::to_string(&names).expect("a list of texts serialises")
}

fn put_row(row: &Row<'_>) -> row::Result<PutTag> {
    let left = |id| {
        Ok::<_, row::Misread>(LeftManifest {
            id: ManifestId(id),
            digest: column::digest(row, 3)?,
            attributes: column::attributes(row, 4)?,
        })
    };
    Ok(PutTag {
        name: column::word(row, 0)?,
        attributes: column::attributes(row, 1)?,
        left: row.get::<Option<i64>>(2)?.map(left).transpose()?,
    })
}

fn tag_row(row: &Row<'_>) -> row::Result<TagRecord> {
    Ok(TagRecord {
        name: column::word(row, 0)?,
        manifest: ManifestId(row.get(1)?),
        digest: column::digest(row, 2)?,
        attributes: column::attributes(row, 3)?,
        created_at: column::timestamp(row, 4)?,
        updated_at: column::timestamp(row, 5)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    FIND_SOME,
    LIST_OF_MANIFEST,
    LIST_BY_NAME,
    LIST_OLDEST_FIRST,
    LIST_NEWEST_FIRST,
    LIST_OF_DIGEST_BY_NAME,
    PUT,
    SET_ATTRIBUTES,
    REMOVE,
];
/// Those that may sort, for the reason given above.
#[cfg(test)]
pub(super) const SORTED: &[&str] = &[LIST_OF_DIGEST_OLDEST_FIRST, LIST_OF_DIGEST_NEWEST_FIRST];
