//! Repositories.

use super::row::{self, Row};
use super::value::params;
use holdfast_access::RegistryId;
use holdfast_model::{
    Attributes, MetadataError, RepositoryId, RepositoryRead, RepositoryRecord, RepositoryTx, StorageAccountId,
    TargetRepository, Timestamp,
};
use holdfast_oci::RepositoryName;

use super::column;
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, attributes, manifest_count, tag_count, created_at, updated_at, registry_id \
             FROM repository ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE registry_id = ?1 AND name = ?2");
const LOAD: &str = select!("WHERE id = ?1");
// The conditions are those of the partial index, word for word.
const LIST: &str = "SELECT name FROM repository \
    WHERE registry_id = ?1 AND name > ?2 AND manifest_count > 0 AND attributes & 8 = 8 \
    ORDER BY name LIMIT ?3";
// Hidden and empty ones too.
const LIST_ALL: &str = "SELECT id FROM repository WHERE registry_id = ?1 ORDER BY name LIMIT ?2";
const SCAN_IDS: &str = "SELECT id FROM repository WHERE id > ?1 ORDER BY id LIMIT ?2";

impl RepositoryRead for Session<'_> {
    fn find_repository(
        &mut self,
        registry: RegistryId,
        name: &RepositoryName,
    ) -> Result<Option<RepositoryRecord>, MetadataError> {
        self.find(
            "looked up a repository",
            FIND,
            params![registry.0, name.as_str()],
            repository_row,
        )
    }

    fn find_repository_by_id(
        &mut self,
        id: RepositoryId,
    ) -> Result<Option<(RegistryId, RepositoryRecord)>, MetadataError> {
        self.find("looked up a repository by row", LOAD, params![id.0], |row| {
            Ok((RegistryId(row.get(7)?), repository_row(row)?))
        })
    }

    fn list_repositories(
        &mut self,
        registry: RegistryId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, MetadataError> {
        // No name is empty, so every name comes after the empty text.
        let params = params![registry.0, after.unwrap_or_default(), column::limit(limit)];
        self.list("listed repositories", LIST, params, |row| column::word(row, 0))
    }

    fn list_every_repository(
        &mut self,
        registry: RegistryId,
        limit: usize,
    ) -> Result<Vec<RepositoryId>, MetadataError> {
        let params = params![registry.0, column::limit(limit)];
        self.list("listed every repository", LIST_ALL, params, |row| {
            row.get(0).map(RepositoryId)
        })
    }

    fn scan_repository_ids(&mut self, after: RepositoryId, limit: usize) -> Result<Vec<RepositoryId>, MetadataError> {
        let params = params![after.0, column::limit(limit)];
        self.list("walked over repositories", SCAN_IDS, params, |row| {
            row.get(0).map(RepositoryId)
        })
    }
}

// What comes after the repository's own columns.
const FIND_TARGET: &str = "SELECT repository.id, repository.name, attributes, manifest_count, tag_count, \
    repository.created_at, repository.updated_at, registry_id, accept_sparse_manifests, \
    retention_days, storage_account_id FROM registry LEFT JOIN repository ON registry_id = registry.id AND repository.name = ?2 \
    WHERE registry.id = ?1 AND is_deleting = 0";
const INSERT_OR_TOUCH: &str = "INSERT INTO repository (registry_id, name, attributes, manifest_count, tag_count, \
    created_at, updated_at) SELECT id, ?2, ?3, 0, 0, ?4, ?4 FROM registry WHERE id = ?1 AND is_deleting = 0 \
    ON CONFLICT (registry_id, name) DO UPDATE SET updated_at = excluded.updated_at, \
    attributes = CASE repository.manifest_count WHEN 0 THEN excluded.attributes ELSE repository.attributes END, \
    created_at = CASE repository.manifest_count WHEN 0 THEN excluded.created_at ELSE repository.created_at END \
    RETURNING id, name, attributes, manifest_count, tag_count, created_at, updated_at, registry_id, \
    (SELECT accept_sparse_manifests FROM registry WHERE id = ?1), \
    (SELECT retention_days FROM registry WHERE id = ?1), \
    (SELECT storage_account_id FROM registry WHERE id = ?1)";
const INSERT: &str = "INSERT INTO repository (registry_id, name, attributes, manifest_count, tag_count, \
    created_at, updated_at) VALUES (?1, ?2, ?3, 0, 0, ?4, ?4) RETURNING id";
const SET_ATTRIBUTES: &str = "UPDATE repository SET attributes = ?2, updated_at = ?3 WHERE id = ?1";
const TOUCH: &str = "UPDATE repository SET updated_at = ?2 WHERE id = ?1";
const REMOVE_IF_EMPTY: &str = "DELETE FROM repository WHERE id = ?1 AND manifest_count = 0 \
    AND NOT EXISTS (SELECT 1 FROM blob_link WHERE blob_link.repository_id = repository.id) \
    AND NOT EXISTS (SELECT 1 FROM upload \
        WHERE upload.registry_id = repository.registry_id AND upload.repository = repository.name)";

impl RepositoryTx for Session<'_> {
    fn ensure_repository(
        &mut self,
        registry: RegistryId,
        name: &RepositoryName,
        now: Timestamp,
    ) -> Result<Option<TargetRepository>, MetadataError> {
        let params = params![registry.0, name.as_str()];
        let found = self.find("looked up a repository to write into", FIND_TARGET, params, |row| {
            let repository = column::joined(row, 0, |row, _| repository_row(row))?;
            Ok((repository, target_of(row)?))
        })?;
        let Some((repository, target)) = found else {
            return Ok(None);
        };
        if let Some(repository) = repository {
            return Ok(Some(target(repository)));
        }
        let attributes = Attributes::default();
        let params = params![registry.0, name.as_str(), attributes.bits(), now.0];
        let id = self.insert("inserted a repository", INSERT, params)?;
        Ok(Some(target(RepositoryRecord {
            id: RepositoryId(id),
            name: name.clone(),
            attributes,
            manifest_count: 0,
            tag_count: 0,
            created_at: now,
            updated_at: now,
        })))
    }

    fn ensure_touched_repository(
        &mut self,
        registry: RegistryId,
        name: &RepositoryName,
        now: Timestamp,
    ) -> Result<Option<TargetRepository>, MetadataError> {
        let params = params![registry.0, name.as_str(), Attributes::default().bits(), now.0];
        let touched = self.put("touched or inserted a repository", INSERT_OR_TOUCH, params, |row| {
            Ok(target_of(row)?(repository_row(row)?))
        })?;
        Ok(touched.into_iter().next())
    }

    fn set_repository_attributes(
        &mut self,
        id: RepositoryId,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), MetadataError> {
        let params = params![id.0, attributes.bits(), now.0];
        self.change("set a repository's attributes", SET_ATTRIBUTES, params)
            .map(drop)
    }

    fn touch_repository(&mut self, id: RepositoryId, now: Timestamp) -> Result<(), MetadataError> {
        self.change("touched a repository", TOUCH, params![id.0, now.0])
            .map(drop)
    }

    fn remove_repository_if_empty(&mut self, id: RepositoryId) -> Result<bool, MetadataError> {
        Ok(self.change("removed an empty repository", REMOVE_IF_EMPTY, params![id.0])? > 0)
    }
}

fn repository_row(row: &Row<'_>) -> row::Result<RepositoryRecord> {
    Ok(RepositoryRecord {
        id: RepositoryId(row.get(0)?),
        name: column::word(row, 1)?,
        attributes: column::attributes(row, 2)?,
        manifest_count: column::unsigned(row, 3)?,
        tag_count: column::unsigned(row, 4)?,
        created_at: column::timestamp(row, 5)?,
        updated_at: column::timestamp(row, 6)?,
    })
}

/// What a registry says of its repositories, in the columns after theirs.
fn target_of(row: &Row<'_>) -> row::Result<impl Fn(RepositoryRecord) -> TargetRepository + use<>> {
    let (accept_sparse_manifests, retention_days) = (row.get(8)?, row.get(9)?);
    let storage_account = StorageAccountId(row.get(10)?);
    Ok(move |repository| TargetRepository {
        repository,
        accept_sparse_manifests,
        retention_days,
        storage_account,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    LOAD,
    LIST,
    LIST_ALL,
    SCAN_IDS,
    INSERT,
    SET_ATTRIBUTES,
    FIND_TARGET,
    INSERT_OR_TOUCH,
    TOUCH,
    REMOVE_IF_EMPTY,
];
