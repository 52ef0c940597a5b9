//! Repositories.

use holdfast_access::RegistryId;
use holdfast_oci::RepositoryName;
use holdfast_registry::ports::{RepositoryId, RepositoryRead, RepositoryRecord, RepositoryTx};
use holdfast_registry::{Attributes, Error, Timestamp};
use rusqlite::{Row, params};

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
    ) -> Result<Option<RepositoryRecord>, Error> {
        self.find(
            "looked up a repository",
            FIND,
            params![registry.0, name.as_str()],
            repository_row,
        )
    }

    fn load_repository(&mut self, id: RepositoryId) -> Result<Option<(RegistryId, RepositoryRecord)>, Error> {
        self.find("looked up a repository by row", LOAD, [id.0], |row| {
            Ok((RegistryId(row.get(7)?), repository_row(row)?))
        })
    }

    fn list_repositories(
        &mut self,
        registry: RegistryId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RepositoryName>, Error> {
        // No name is empty, so every name comes after the empty text.
        let params = params![registry.0, after.unwrap_or_default(), column::limit(limit)];
        self.list("listed repositories", LIST, params, |row| column::word(row, 0))
    }

    fn list_every_repository(&mut self, registry: RegistryId, limit: usize) -> Result<Vec<RepositoryId>, Error> {
        let params = params![registry.0, column::limit(limit)];
        self.list("listed every repository", LIST_ALL, params, |row| {
            row.get(0).map(RepositoryId)
        })
    }

    fn scan_repository_ids(&mut self, after: RepositoryId, limit: usize) -> Result<Vec<RepositoryId>, Error> {
        let params = params![after.0, column::limit(limit)];
        self.list("walked over repositories", SCAN_IDS, params, |row| {
            row.get(0).map(RepositoryId)
        })
    }
}

const INSERT: &str = "INSERT INTO repository (registry_id, name, attributes, manifest_count, tag_count, \
    created_at, updated_at) VALUES (?1, ?2, ?3, 0, 0, ?4, ?4)";
const SET_ATTRIBUTES: &str = "UPDATE repository SET attributes = ?2, updated_at = ?3 WHERE id = ?1";
const REVIVE: &str = "UPDATE repository SET attributes = ?2, created_at = ?3, updated_at = ?3 WHERE id = ?1";
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
    ) -> Result<RepositoryRecord, Error> {
        use holdfast_registry::ports::RepositoryRead as _;

        if let Some(found) = self.find_repository(registry, name)? {
            return Ok(found);
        }
        let attributes = Attributes::default();
        let params = params![registry.0, name.as_str(), attributes.bits(), now.0];
        let id = self.insert("inserted a repository", INSERT, params)?;
        Ok(RepositoryRecord {
            id: RepositoryId(id),
            name: name.clone(),
            attributes,
            manifest_count: 0,
            tag_count: 0,
            created_at: now,
            updated_at: now,
        })
    }

    fn set_repository_attributes(
        &mut self,
        id: RepositoryId,
        attributes: Attributes,
        now: Timestamp,
    ) -> Result<(), Error> {
        let params = params![id.0, attributes.bits(), now.0];
        self.change("set a repository's attributes", SET_ATTRIBUTES, params)
            .map(drop)
    }

    fn revive_repository(&mut self, id: RepositoryId, now: Timestamp) -> Result<(), Error> {
        let params = params![id.0, Attributes::default().bits(), now.0];
        self.change("started a repository anew", REVIVE, params).map(drop)
    }

    fn touch_repository(&mut self, id: RepositoryId, now: Timestamp) -> Result<(), Error> {
        self.change("touched a repository", TOUCH, params![id.0, now.0])
            .map(drop)
    }

    fn remove_repository_if_empty(&mut self, id: RepositoryId) -> Result<bool, Error> {
        Ok(self.change("removed an empty repository", REMOVE_IF_EMPTY, [id.0])? > 0)
    }
}

fn repository_row(row: &Row<'_>) -> rusqlite::Result<RepositoryRecord> {
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
    REVIVE,
    TOUCH,
    REMOVE_IF_EMPTY,
];
