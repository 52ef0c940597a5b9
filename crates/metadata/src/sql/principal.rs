//! Principals of the directory.

use super::row::{self, Row};
use super::value::params;
use holdfast_model::{MetadataError, PrincipalRead, PrincipalRecord, PrincipalTx};
use uuid::Uuid;

use super::column;
use super::session::Session;

const FIND: &str = "SELECT id, app_id, display_name, is_enabled, generation, created_at FROM principal WHERE id = ?1";
const FIND_BY_APP: &str =
    "SELECT id, app_id, display_name, is_enabled, generation, created_at FROM principal WHERE app_id = ?1";

const FIND_SOME: &str = "SELECT id, app_id, display_name, is_enabled, generation, created_at FROM principal \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const FIND_SOME_BY_APP: &str = "SELECT id, app_id, display_name, is_enabled, generation, created_at FROM principal \
    WHERE app_id IN (SELECT unhex(value) FROM json_each(?1))";

impl PrincipalRead for Session<'_> {
    fn find_principal(&mut self, id: Uuid) -> Result<Option<PrincipalRecord>, MetadataError> {
        self.find("looked up a principal", FIND, params![id.as_bytes()], principal_row)
    }

    fn find_principal_by_app(&mut self, app_id: Uuid) -> Result<Option<PrincipalRecord>, MetadataError> {
        self.find(
            "looked up a principal by its application",
            FIND_BY_APP,
            params![app_id.as_bytes()],
            principal_row,
        )
    }

    fn find_principals(&mut self, ids: &[Uuid]) -> Result<Vec<PrincipalRecord>, MetadataError> {
        let ids = column::uuids_text(ids);
        self.list("looked up principals", FIND_SOME, params![ids], principal_row)
    }

    fn find_principals_by_app(&mut self, app_ids: &[Uuid]) -> Result<Vec<PrincipalRecord>, MetadataError> {
        let ids = column::uuids_text(app_ids);
        self.list(
            "looked up principals by their applications",
            FIND_SOME_BY_APP,
            params![ids],
            principal_row,
        )
    }
}

const INSERT: &str = "INSERT INTO principal (id, app_id, display_name, is_enabled, generation, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const UPDATE: &str = "UPDATE principal SET display_name = ?2, is_enabled = ?3, generation = ?4 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM principal WHERE id = ?1";
const REMOVE_ASSIGNMENTS: &str = "DELETE FROM role_assignment WHERE principal_id = ?1";

impl PrincipalTx for Session<'_> {
    fn insert_principal(&mut self, principal: &PrincipalRecord) -> Result<(), MetadataError> {
        let params = params![
            principal.id.as_bytes(),
            principal.app_id.as_bytes(),
            principal.display_name,
            principal.is_enabled,
            principal.generation,
            principal.created_at.0,
        ];
        self.change("inserted a principal", INSERT, params).map(drop)
    }

    fn update_principal(&mut self, principal: &PrincipalRecord) -> Result<(), MetadataError> {
        let params = params![
            principal.id.as_bytes(),
            principal.display_name,
            principal.is_enabled,
            principal.generation,
        ];
        self.change("updated a principal", UPDATE, params).map(drop)
    }

    fn remove_principal(&mut self, id: Uuid) -> Result<bool, MetadataError> {
        self.change(
            "removed a principal's roles",
            REMOVE_ASSIGNMENTS,
            params![id.as_bytes()],
        )?;
        Ok(self.change("removed a principal", REMOVE, params![id.as_bytes()])? > 0)
    }
}

/// A principal whose columns stand first.
pub(super) fn principal_row(row: &Row<'_>) -> row::Result<PrincipalRecord> {
    principal_at(row, 0)
}

/// A principal whose columns begin at `first`.
pub(super) fn principal_at(row: &Row<'_>, first: usize) -> row::Result<PrincipalRecord> {
    Ok(PrincipalRecord {
        id: column::uuid(row, first)?,
        app_id: column::uuid(row, first + 1)?,
        display_name: row.get(first + 2)?,
        is_enabled: row.get(first + 3)?,
        generation: row.get(first + 4)?,
        created_at: column::timestamp(row, first + 5)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    FIND_BY_APP,
    FIND_SOME,
    FIND_SOME_BY_APP,
    INSERT,
    UPDATE,
    REMOVE,
    REMOVE_ASSIGNMENTS,
];
