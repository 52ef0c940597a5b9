//! Manifests: their rows, their bytes, what they need and what they list.
//!
//! Pages in the order of time go on as those of `tag` do.

use super::row::{self, Row};
use super::value::params;
use bytes::Bytes;
use holdfast_access::RegistryId;
use holdfast_model::{
    Attributes, ListOrder, ManifestContent, ManifestId, ManifestRead, ManifestRecord, ManifestTx, MetadataError,
    NewManifest, Page, Position, PulledManifest, ReferrerRecord, ReferrersPage, RepositoryId, StoredManifest,
    Timestamp, Visibility,
};
use holdfast_oci::{Digest, Reference, RepositoryName};

use super::column;
use super::error::Fault;
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, digest, media_type, size_bytes, subject, artifact_type, config_media_type, \
             architecture, os, image_size_bytes, attributes, created_at, updated_at, repository_id FROM manifest ",
            $rest
        )
    };
}

/// The bit of `attributes` for listing; that for reading is 4.
const LIST_ENABLED: i64 = 8;

macro_rules! select_referrers {
    ($rest:literal) => {
        concat!(
            "SELECT digest, media_type, size_bytes, artifact_type, annotations FROM manifest ",
            $rest,
            " AND repository_id = ?1 AND subject = ?2 AND digest > ?3 AND attributes & 12 = 12 ORDER BY digest LIMIT ?4"
        )
    };
}

const FIND: &str = select!("WHERE repository_id = ?1 AND digest = ?2");
macro_rules! select_pulled {
    ($tag:literal, $joins:literal) => {
        concat!(
            "SELECT repository.attributes, ",
            $tag,
            ", manifest.digest, media_type, manifest.attributes, bytes FROM repository ",
            $joins,
            " LEFT JOIN manifest_content ON manifest_content.manifest_id = manifest.id \
             WHERE repository.registry_id = ?1 AND repository.name = ?2 AND manifest_count > 0"
        )
    };
}

const FIND_SOME: &str = select!("WHERE repository_id = ?1 AND digest IN (SELECT unhex(value) FROM json_each(?2))");
const FIND_PULLED_BY_TAG: &str = select_pulled!(
    "tag.attributes",
    "LEFT JOIN tag ON tag.repository_id = repository.id AND tag.name = ?3 \
     LEFT JOIN manifest ON manifest.id = tag.manifest_id"
);
const FIND_PULLED_BY_DIGEST: &str = select_pulled!(
    "NULL",
    "LEFT JOIN manifest ON manifest.repository_id = repository.id AND manifest.digest = ?3"
);
const LOAD_BYTES: &str = "SELECT bytes FROM manifest_content WHERE manifest_id = ?1";
const LIST_BY_DIGEST: &str =
    select!("WHERE repository_id = ?1 AND digest > ?2 AND attributes & ?4 = ?4 ORDER BY digest LIMIT ?3");
const LIST_OLDEST_FIRST: &str = select!(
    "INDEXED BY manifest_by_time WHERE repository_id = ?1 AND (updated_at, digest) > (?2, ?3) \
     AND attributes & ?5 = ?5 ORDER BY updated_at, digest LIMIT ?4"
);
const LIST_NEWEST_FIRST: &str = select!(
    "INDEXED BY manifest_by_time WHERE repository_id = ?1 AND (updated_at, digest) < (?2, ?3) \
     AND attributes & ?5 = ?5 ORDER BY updated_at DESC, digest DESC LIMIT ?4"
);
const LIST_BLOBS: &str = "SELECT digest FROM manifest_blob WHERE manifest_id = ?1 ORDER BY digest";
const LIST_CHILDREN: &str = "SELECT digest FROM manifest_child WHERE manifest_id = ?1 ORDER BY digest";
const FIND_NEEDING_BLOB: &str = "SELECT manifest.digest FROM manifest_blob \
    CROSS JOIN manifest ON manifest.id = manifest_blob.manifest_id \
    WHERE manifest_blob.repository_id = ?1 AND manifest_blob.digest = ?2 LIMIT 1";
const FIND_PARENT: &str = "SELECT manifest.digest FROM manifest_child \
    CROSS JOIN manifest ON manifest.id = manifest_child.manifest_id \
    WHERE manifest_child.repository_id = ?1 AND manifest_child.digest = ?2 LIMIT 1";
const LIST_EVERY_REFERRER: &str = "SELECT digest FROM manifest INDEXED BY manifest_by_subject \
    WHERE repository_id = ?1 AND subject = ?2 AND digest > ?3 ORDER BY digest LIMIT ?4";
const LIST_REFERRERS: &str =
    select_referrers!("INDEXED BY manifest_by_subject LEFT JOIN manifest_annotations ON manifest_id = id WHERE true");
const LIST_REFERRERS_OF_TYPE: &str = select_referrers!(
    "INDEXED BY manifest_by_subject_and_type LEFT JOIN manifest_annotations ON manifest_id = id \
     WHERE artifact_type = ?5"
);
const SCAN: &str = select!("WHERE id > ?1 ORDER BY id LIMIT ?2");
const SCAN_IDS: &str = "SELECT id FROM manifest WHERE id > ?1 ORDER BY id LIMIT ?2";
const LIST_IDS: &str = "SELECT id FROM manifest WHERE repository_id = ?1 LIMIT ?2";

impl ManifestRead for Session<'_> {
    fn find_manifest(
        &mut self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<Option<ManifestRecord>, MetadataError> {
        self.find(
            "looked up a manifest",
            FIND,
            params![repository.0, digest.to_db()],
            manifest_row,
        )
    }

    fn find_manifests(
        &mut self,
        repository: RepositoryId,
        digests: &[Digest],
    ) -> Result<Vec<ManifestRecord>, MetadataError> {
        let params = params![repository.0, column::digests_text(digests)];
        self.list("looked up manifests", FIND_SOME, params, manifest_row)
    }

    fn find_pulled_manifest(
        &mut self,
        registry: RegistryId,
        repository: &RepositoryName,
        reference: &Reference,
        known: &dyn Fn(&Digest) -> Option<Bytes>,
    ) -> Result<Option<PulledManifest>, MetadataError> {
        const ATTEMPTED: &str = "looked up a manifest for a pull";
        let (registry, name) = (registry.0, repository.as_str());
        let pulled = |row: &Row<'_>| pulled_row(row, known);
        match reference {
            Reference::Tag(tag) => {
                let params = params![registry, name, tag.as_str()];
                self.find(ATTEMPTED, FIND_PULLED_BY_TAG, params, pulled)
            }
            Reference::Digest(digest) => {
                let params = params![registry, name, digest.to_db()];
                self.find(ATTEMPTED, FIND_PULLED_BY_DIGEST, params, pulled)
            }
        }
    }

    fn load_manifest_bytes(&mut self, id: ManifestId) -> Result<Bytes, MetadataError> {
        self.find("read a manifest", LOAD_BYTES, params![id.0], |row| {
            row.get::<Vec<u8>>(0)
        })?
        .map(Bytes::from)
        .ok_or_else(|| MetadataError::failed("read a manifest", Fault::NoRow { id: id.0 }))
    }

    fn list_manifests(
        &mut self,
        repository: RepositoryId,
        visibility: Visibility,
        page: &Page<Digest>,
    ) -> Result<Vec<ManifestRecord>, MetadataError> {
        let bits = match visibility {
            Visibility::Listed => LIST_ENABLED,
            Visibility::Every => 0,
        };
        let newest_first = match page.order {
            ListOrder::Name => {
                let params = params![
                    repository.0,
                    after(page.after.as_ref().map(|position| &position.name)),
                    column::limit(page.limit),
                    bits
                ];
                return self.list("listed manifests", LIST_BY_DIGEST, params, manifest_row);
            }
            ListOrder::TimeAscending => false,
            ListOrder::TimeDescending => true,
        };
        let moment = match &page.after {
            None => None,
            Some(Position {
                updated_at: Some(moment),
                ..
            }) => Some(*moment),
            Some(Position { name, .. }) => self.find_manifest(repository, name)?.map(|found| found.updated_at),
        };
        let (updated_at, digest) = match (moment, &page.after) {
            (Some(moment), Some(position)) => (moment.0, position.name.to_db()),
            _ if newest_first => (i64::MAX, Vec::new()),
            _ => (i64::MIN, Vec::new()),
        };
        let sql = if newest_first {
            LIST_NEWEST_FIRST
        } else {
            LIST_OLDEST_FIRST
        };
        let params = params![repository.0, updated_at, digest, column::limit(page.limit), bits];
        self.list("listed manifests by time", sql, params, manifest_row)
    }

    fn list_manifest_blobs(&mut self, id: ManifestId) -> Result<Vec<Digest>, MetadataError> {
        self.list("listed a manifest's blobs", LIST_BLOBS, params![id.0], |row| {
            column::digest(row, 0)
        })
    }

    fn list_manifest_children(&mut self, id: ManifestId) -> Result<Vec<Digest>, MetadataError> {
        self.list("listed an index's manifests", LIST_CHILDREN, params![id.0], |row| {
            column::digest(row, 0)
        })
    }

    fn find_manifest_needing_blob(
        &mut self,
        repository: RepositoryId,
        blob: &Digest,
    ) -> Result<Option<Digest>, MetadataError> {
        let params = params![repository.0, blob.to_db()];
        let needing = self.find(
            "looked for a manifest that needs a blob",
            FIND_NEEDING_BLOB,
            params,
            |row| column::digest(row, 0),
        )?;
        match needing {
            // An index may list blobs (BuildKit's cache).
            None => self.find_parent_of(repository, blob),
            found => Ok(found),
        }
    }

    fn find_parent_of(&mut self, repository: RepositoryId, child: &Digest) -> Result<Option<Digest>, MetadataError> {
        let params = params![repository.0, child.to_db()];
        self.find(
            "looked for an index that lists a manifest",
            FIND_PARENT,
            params,
            |row| column::digest(row, 0),
        )
    }

    fn list_referrers(
        &mut self,
        repository: RepositoryId,
        subject: &Digest,
        page: &ReferrersPage,
    ) -> Result<Vec<ReferrerRecord>, MetadataError> {
        let (subject, after) = (subject.to_db(), after(page.after.as_ref()));
        let limit = column::limit(page.limit);
        let mut bytes = 0;
        let is_full = |referrer: &ReferrerRecord| {
            bytes += referrer.annotations.as_ref().map_or(0, String::len);
            bytes >= page.max_bytes
        };
        match &page.artifact_type {
            None => {
                let params = params![repository.0, subject, after, limit];
                self.list_until("listed referrers", LIST_REFERRERS, params, referrer_row, is_full)
            }
            Some(artifact_type) => {
                let params = params![repository.0, subject, after, limit, artifact_type];
                let attempted = "listed referrers of a type";
                self.list_until(attempted, LIST_REFERRERS_OF_TYPE, params, referrer_row, is_full)
            }
        }
    }

    fn list_every_referrer(
        &mut self,
        repository: RepositoryId,
        subject: &Digest,
        after_digest: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<Digest>, MetadataError> {
        let params = params![repository.0, subject.to_db(), after(after_digest), column::limit(limit)];
        self.list("listed every referrer", LIST_EVERY_REFERRER, params, |row| {
            column::digest(row, 0)
        })
    }

    fn scan_manifests(
        &mut self,
        after: ManifestId,
        limit: usize,
    ) -> Result<Vec<(RepositoryId, ManifestRecord)>, MetadataError> {
        self.list(
            "walked over manifests",
            SCAN,
            params![after.0, column::limit(limit)],
            |row| Ok((RepositoryId(row.get(13)?), manifest_row(row)?)),
        )
    }

    fn scan_manifest_ids(&mut self, after: ManifestId, limit: usize) -> Result<Vec<ManifestId>, MetadataError> {
        let params = params![after.0, column::limit(limit)];
        self.list("walked over manifests", SCAN_IDS, params, |row| {
            row.get(0).map(ManifestId)
        })
    }

    fn list_manifest_ids(&mut self, repository: RepositoryId, limit: usize) -> Result<Vec<ManifestId>, MetadataError> {
        let params = params![repository.0, column::limit(limit)];
        self.list("listed a repository's manifests", LIST_IDS, params, |row| {
            row.get(0).map(ManifestId)
        })
    }
}

const INSERT: &str = "INSERT INTO manifest (repository_id, digest, media_type, size_bytes, subject, \
    artifact_type, config_media_type, architecture, os, image_size_bytes, attributes, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12) \
    ON CONFLICT (repository_id, digest) DO UPDATE SET updated_at = excluded.updated_at RETURNING id, attributes";
const INSERT_CONTENT: &str = "INSERT INTO manifest_content (manifest_id, bytes) VALUES (?1, ?2) \
    ON CONFLICT (manifest_id) DO NOTHING";
const INSERT_ANNOTATIONS: &str = "INSERT INTO manifest_annotations (manifest_id, annotations) VALUES (?1, ?2)";
const INSERT_BLOBS: &str = "INSERT INTO manifest_blob (manifest_id, digest, repository_id) \
    SELECT ?1, unhex(value), ?3 FROM json_each(?2)";
const INSERT_CHILDREN: &str = "INSERT INTO manifest_child (manifest_id, digest, repository_id) \
    SELECT ?1, unhex(value), ?3 FROM json_each(?2)";
const SET_ATTRIBUTES: &str = "UPDATE manifest SET attributes = ?2, updated_at = ?3 WHERE id = ?1";

const REMOVE_TAGS: &str = "DELETE FROM tag WHERE manifest_id = ?1";
const REMOVE_BLOBS: &str = "DELETE FROM manifest_blob WHERE manifest_id = ?1";
const REMOVE_CHILDREN: &str = "DELETE FROM manifest_child WHERE manifest_id = ?1";
const REMOVE_CONTENT: &str = "DELETE FROM manifest_content WHERE manifest_id = ?1";
const REMOVE_ANNOTATIONS: &str = "DELETE FROM manifest_annotations WHERE manifest_id = ?1";
const REMOVE: &str = "DELETE FROM manifest WHERE id = ?1";

impl ManifestTx for Session<'_> {
    fn put_manifest(
        &mut self,
        repository: RepositoryId,
        manifest: &NewManifest,
        named_bytes: u64,
    ) -> Result<StoredManifest, MetadataError> {
        let params = params![
            repository.0,
            manifest.digest.to_db(),
            manifest.media_type,
            column::limit(manifest.bytes.len()),
            manifest.subject.as_ref().map(Digest::to_db),
            manifest.artifact_type,
            manifest.config_media_type,
            manifest.architecture,
            manifest.os,
            column::integer(manifest.image_size_bytes.saturating_add(named_bytes)),
            Attributes::default().bits(),
            manifest.created_at.0,
        ];
        let put = self.put("put a manifest", INSERT, params, |row| {
            Ok((row.get(0)?, column::attributes(row, 1)?))
        })?;
        let (id, attributes) = one(put)?;
        let bytes: &[u8] = &manifest.bytes;
        let is_new = self.change("stored a manifest", INSERT_CONTENT, params![id, bytes])? > 0;
        if is_new {
            self.insert_needs(id, repository, manifest)?;
        }
        Ok(StoredManifest {
            id: ManifestId(id),
            attributes,
            is_new,
        })
    }

    fn set_manifest_attributes(
        &mut self,
        id: ManifestId,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), MetadataError> {
        let params = params![id.0, attributes.bits(), now.0];
        self.change("set a manifest's attributes", SET_ATTRIBUTES, params)
            .map(drop)
    }

    fn remove_manifest(&mut self, id: ManifestId) -> Result<(), MetadataError> {
        for sql in [
            REMOVE_TAGS,
            REMOVE_BLOBS,
            REMOVE_CHILDREN,
            REMOVE_CONTENT,
            REMOVE_ANNOTATIONS,
            REMOVE,
        ] {
            self.change("removed a manifest", sql, params![id.0])?;
        }
        Ok(())
    }
}

impl Session<'_> {
    /// What a new manifest needs, lists and says of itself.
    fn insert_needs(&self, id: i64, repository: RepositoryId, manifest: &NewManifest) -> Result<(), MetadataError> {
        if let Some(annotations) = manifest.annotations.as_ref().filter(|_| manifest.subject.is_some()) {
            let params = params![id, annotations];
            self.change("stored a referrer's annotations", INSERT_ANNOTATIONS, params)?;
        }
        for (attempted, sql, digests) in [
            ("noted a manifest's blobs", INSERT_BLOBS, &manifest.blobs),
            ("noted what an index lists", INSERT_CHILDREN, &manifest.children),
        ] {
            if !digests.is_empty() {
                self.change(attempted, sql, params![id, column::digests_text(digests), repository.0])?;
            }
        }
        Ok(())
    }
}

/// The one row that a statement about one thing returns.
fn one<T>(rows: Vec<T>) -> Result<T, MetadataError> {
    let row = rows.into_iter().next();
    row.ok_or_else(|| MetadataError::failed("put a manifest", Fault::NoRow { id: 0 }))
}

/// The marker of a page by digest; no digest is empty, so every one comes after the empty bytes.
fn after(digest: Option<&Digest>) -> Vec<u8> {
    digest.map(Digest::to_db).unwrap_or_default()
}

fn manifest_row(row: &Row<'_>) -> row::Result<ManifestRecord> {
    Ok(ManifestRecord {
        id: ManifestId(row.get(0)?),
        digest: column::digest(row, 1)?,
        media_type: row.get(2)?,
        size_bytes: column::unsigned(row, 3)?,
        subject: column::optional_digest(row, 4)?,
        artifact_type: row.get(5)?,
        config_media_type: row.get(6)?,
        architecture: row.get(7)?,
        os: row.get(8)?,
        image_size_bytes: column::unsigned(row, 9)?,
        attributes: column::attributes(row, 10)?,
        created_at: column::timestamp(row, 11)?,
        updated_at: column::timestamp(row, 12)?,
    })
}

fn referrer_row(row: &Row<'_>) -> row::Result<ReferrerRecord> {
    Ok(ReferrerRecord {
        digest: column::digest(row, 0)?,
        media_type: row.get(1)?,
        size_bytes: column::unsigned(row, 2)?,
        artifact_type: row.get(3)?,
        annotations: row.get(4)?,
    })
}

fn pulled_row(row: &Row<'_>, known: &dyn Fn(&Digest) -> Option<Bytes>) -> row::Result<PulledManifest> {
    let manifest = |row: &Row<'_>, first: usize| {
        let digest = column::digest(row, first)?;
        let bytes = match known(&digest) {
            Some(bytes) => bytes,
            None => Bytes::from(row.get::<Vec<u8>>(first + 3)?),
        };
        let content = ManifestContent {
            digest,
            media_type: row.get(first + 1)?,
            bytes,
        };
        Ok((content, column::attributes(row, first + 2)?))
    };
    Ok(PulledManifest {
        repository: column::attributes(row, 0)?,
        tag: column::joined(row, 1, column::attributes)?,
        manifest: column::joined(row, 2, manifest)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    FIND_SOME,
    FIND_PULLED_BY_TAG,
    FIND_PULLED_BY_DIGEST,
    LOAD_BYTES,
    LIST_BY_DIGEST,
    LIST_OLDEST_FIRST,
    LIST_NEWEST_FIRST,
    LIST_BLOBS,
    LIST_CHILDREN,
    FIND_NEEDING_BLOB,
    FIND_PARENT,
    LIST_EVERY_REFERRER,
    LIST_REFERRERS,
    LIST_REFERRERS_OF_TYPE,
    SCAN,
    SCAN_IDS,
    LIST_IDS,
    INSERT,
    INSERT_CONTENT,
    INSERT_ANNOTATIONS,
    INSERT_BLOBS,
    INSERT_CHILDREN,
    SET_ATTRIBUTES,
    REMOVE_TAGS,
    REMOVE_BLOBS,
    REMOVE_CHILDREN,
    REMOVE_CONTENT,
    REMOVE_ANNOTATIONS,
    REMOVE,
];
