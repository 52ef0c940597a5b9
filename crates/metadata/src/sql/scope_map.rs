//! Scope maps that users made.

use holdfast_access::{RegistryId, ScopeMap};
use holdfast_model::{MetadataError, ScopeMapRead, ScopeMapRecord, ScopeMapTx};

use super::row::{self, Row};
use super::value::params;

use super::column;
use super::registry_columns::{author_columns, system_data};
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT registry_id, name, description, actions, created_by, created_by_kind, created_at, updated_by, \
             updated_by_kind, updated_at FROM scope_map ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE registry_id = ?1 AND name COLLATE NOCASE = ?2 COLLATE NOCASE");
const LIST: &str =
    select!("WHERE registry_id = ?1 AND name COLLATE NOCASE > ?2 COLLATE NOCASE ORDER BY name COLLATE NOCASE LIMIT ?3");
const LIST_NAMES: &str = "SELECT name FROM scope_map WHERE registry_id = ?1 LIMIT ?2";

impl ScopeMapRead for Session<'_> {
    fn find_scope_map(&mut self, registry: RegistryId, name: &str) -> Result<Option<ScopeMapRecord>, MetadataError> {
        self.find("looked up a scope map", FIND, params![registry.0, name], scope_map_row)
    }

    fn list_scope_maps(
        &mut self,
        registry: RegistryId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ScopeMapRecord>, MetadataError> {
        let params = params![registry.0, after, column::limit(limit)];
        self.list("listed scope maps", LIST, params, scope_map_row)
    }

    fn list_scope_map_names(&mut self, registry: RegistryId, limit: usize) -> Result<Vec<String>, MetadataError> {
        let params = params![registry.0, column::limit(limit)];
        self.list("listed scope maps", LIST_NAMES, params, |row| row.get(0))
    }
}

const INSERT: &str = "INSERT INTO scope_map (registry_id, name, description, actions, created_by, created_by_kind, \
    created_at, updated_by, updated_by_kind, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const UPDATE: &str = "UPDATE scope_map SET description = ?3, actions = ?4, updated_by = ?5, updated_by_kind = ?6, \
    updated_at = ?7 WHERE registry_id = ?1 AND name COLLATE NOCASE = ?2 COLLATE NOCASE";
const REMOVE: &str = "DELETE FROM scope_map WHERE registry_id = ?1 AND name COLLATE NOCASE = ?2 COLLATE NOCASE";

impl ScopeMapTx for Session<'_> {
    fn insert_scope_map(&mut self, map: &ScopeMapRecord) -> Result<(), MetadataError> {
        let (maker, maker_kind) = author_columns(map.system_data.created_by.as_ref());
        let (author, author_kind) = author_columns(map.system_data.updated_by.as_ref());
        let params = params![
            map.registry.0,
            map.name,
            map.description,
            actions_text(&map.actions),
            maker,
            maker_kind,
            map.system_data.created_at.0,
            author,
            author_kind,
            map.system_data.updated_at.0,
        ];
        self.change("inserted a scope map", INSERT, params).map(drop)
    }

    fn update_scope_map(&mut self, map: &ScopeMapRecord) -> Result<(), MetadataError> {
        let (author, author_kind) = author_columns(map.system_data.updated_by.as_ref());
        let params = params![
            map.registry.0,
            map.name,
            map.description,
            actions_text(&map.actions),
            author,
            author_kind,
            map.system_data.updated_at.0,
        ];
        self.change("updated a scope map", UPDATE, params).map(drop)
    }

    fn remove_scope_map(&mut self, registry: RegistryId, name: &str) -> Result<bool, MetadataError> {
        let removed = self.change("removed a scope map", REMOVE, params![registry.0, name])?;
        Ok(removed > 0)
    }
}

fn actions_text(actions: &ScopeMap) -> String {
    serde_json::to_string(&actions.texts()).expect("a list of texts serialises")
}

/// The actions in a column.
pub(super) fn actions(row: &Row<'_>, index: usize) -> row::Result<ScopeMap> {
    let text = row.get::<&str>(index)?;
    let actions: Vec<String> = serde_json::from_str(text).map_err(|source| column::misread(index, source))?;
    ScopeMap::parse(&actions).map_err(|source| column::misread(index, source))
}

fn scope_map_row(row: &Row<'_>) -> row::Result<ScopeMapRecord> {
    Ok(ScopeMapRecord {
        registry: RegistryId(row.get(0)?),
        name: row.get(1)?,
        description: row.get(2)?,
        actions: actions(row, 3)?,
        system_data: system_data(row, 4)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[FIND, LIST, LIST_NAMES, INSERT, UPDATE, REMOVE];
