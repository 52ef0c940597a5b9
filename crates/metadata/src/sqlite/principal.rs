//! Principals of the directory.

use holdfast_registry::Error;
use holdfast_registry::ports::{PrincipalKey, PrincipalRead, PrincipalRecord, PrincipalTx, RoleAssignment};
use rusqlite::types::ValueRef;
use rusqlite::{Row, params};
use uuid::Uuid;

use super::column;
use super::role_assignment::assignment_row;
use super::session::Session;

const FIND: &str = "SELECT id, app_id, display_name, is_enabled, generation, created_at FROM principal WHERE id = ?1";
const FIND_BY_APP: &str =
    "SELECT id, app_id, display_name, is_enabled, generation, created_at FROM principal WHERE app_id = ?1";

macro_rules! select_with_roles {
    ($key:literal) => {
        concat!(
            "SELECT principal.id, app_id, display_name, is_enabled, generation, principal.created_at, \
             role.id, principal_id, principal_type, role, scope, shown_scope, condition, condition_version, \
             description, role.created_at, created_by, updated_at, updated_by \
             FROM principal LEFT JOIN role_assignment AS role ON principal_id = principal.id WHERE ",
            $key,
            " ORDER BY role, scope"
        )
    };
}

/// Where the columns of a role begin there.
const ROLE: usize = 6;
const FIND_WITH_ROLES: &str = select_with_roles!("principal.id = ?1");
const FIND_BY_APP_WITH_ROLES: &str = select_with_roles!("app_id = ?1");

impl PrincipalRead for Session<'_> {
    fn find_principal(&mut self, id: Uuid) -> Result<Option<PrincipalRecord>, Error> {
        self.find("looked up a principal", FIND, [id.as_bytes()], principal_row)
    }

    fn find_principal_by_app(&mut self, app_id: Uuid) -> Result<Option<PrincipalRecord>, Error> {
        self.find(
            "looked up a principal by its application",
            FIND_BY_APP,
            [app_id.as_bytes()],
            principal_row,
        )
    }

    fn find_principal_and_roles(
        &mut self,
        key: PrincipalKey,
    ) -> Result<Option<(PrincipalRecord, Vec<RoleAssignment>)>, Error> {
        let (sql, id) = match key {
            PrincipalKey::Object(id) => (FIND_WITH_ROLES, id),
            PrincipalKey::Application(id) => (FIND_BY_APP_WITH_ROLES, id),
        };
        let rows = self.list("looked up a principal and its roles", sql, [id.as_bytes()], |row| {
            let has_role = row.get_ref(ROLE)? != ValueRef::Null;
            let role = has_role.then(|| assignment_row(row, ROLE)).transpose()?;
            Ok((principal_row(row)?, role))
        })?;
        let mut rows = rows.into_iter();
        let Some((principal, first)) = rows.next() else {
            return Ok(None);
        };
        let roles = first.into_iter().chain(rows.filter_map(|(_, role)| role)).collect();
        Ok(Some((principal, roles)))
    }
}

const INSERT: &str = "INSERT INTO principal (id, app_id, display_name, is_enabled, generation, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const UPDATE: &str = "UPDATE principal SET display_name = ?2, is_enabled = ?3, generation = ?4 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM principal WHERE id = ?1";
const REMOVE_ASSIGNMENTS: &str = "DELETE FROM role_assignment WHERE principal_id = ?1";

impl PrincipalTx for Session<'_> {
    fn insert_principal(&mut self, principal: &PrincipalRecord) -> Result<(), Error> {
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

    fn update_principal(&mut self, principal: &PrincipalRecord) -> Result<(), Error> {
        let params = params![
            principal.id.as_bytes(),
            principal.display_name,
            principal.is_enabled,
            principal.generation,
        ];
        self.change("updated a principal", UPDATE, params).map(drop)
    }

    fn remove_principal(&mut self, id: Uuid) -> Result<bool, Error> {
        self.change("removed a principal's roles", REMOVE_ASSIGNMENTS, [id.as_bytes()])?;
        Ok(self.change("removed a principal", REMOVE, [id.as_bytes()])? > 0)
    }
}

/// A principal whose columns stand first.
pub(super) fn principal_row(row: &Row<'_>) -> rusqlite::Result<PrincipalRecord> {
    Ok(PrincipalRecord {
        id: column::uuid(row, 0)?,
        app_id: column::uuid(row, 1)?,
        display_name: row.get(2)?,
        is_enabled: row.get(3)?,
        generation: row.get(4)?,
        created_at: column::timestamp(row, 5)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    FIND_BY_APP,
    FIND_WITH_ROLES,
    FIND_BY_APP_WITH_ROLES,
    INSERT,
    UPDATE,
    REMOVE,
    REMOVE_ASSIGNMENTS,
];
