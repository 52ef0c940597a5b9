//! Principals of the directory, their secrets and their roles.

use holdfast_registry::Error;
use holdfast_registry::ports::{PrincipalRead, PrincipalRecord, PrincipalSecret, PrincipalTx, RoleAssignment};
use rusqlite::{Row, params};
use uuid::Uuid;

use super::column;
use super::session::Session;

const FIND: &str = "SELECT id, app_id, display_name, generation, created_at FROM principal WHERE id = ?1";
const FIND_BY_APP: &str = "SELECT id, app_id, display_name, generation, created_at FROM principal WHERE app_id = ?1";
const LIST_SECRETS: &str = "SELECT id, principal_id, verifier, expires_at, created_at FROM principal_secret \
    WHERE principal_id = ?1 ORDER BY created_at, id";
const LIST_ASSIGNMENTS: &str = "SELECT id, principal_id, role, scope, created_at FROM role_assignment \
    WHERE principal_id = ?1 ORDER BY role, scope";

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

    fn list_principal_secrets(&mut self, principal: Uuid) -> Result<Vec<PrincipalSecret>, Error> {
        self.list(
            "listed a principal's secrets",
            LIST_SECRETS,
            [principal.as_bytes()],
            secret_row,
        )
    }

    fn list_role_assignments(&mut self, principal: Uuid) -> Result<Vec<RoleAssignment>, Error> {
        self.list(
            "listed role assignments",
            LIST_ASSIGNMENTS,
            [principal.as_bytes()],
            assignment_row,
        )
    }
}

const INSERT: &str =
    "INSERT INTO principal (id, app_id, display_name, generation, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const INSERT_SECRET: &str = "INSERT INTO principal_secret (id, principal_id, verifier, expires_at, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5)";
const INSERT_ASSIGNMENT: &str =
    "INSERT INTO role_assignment (id, principal_id, role, scope, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";

impl PrincipalTx for Session<'_> {
    fn insert_principal(&mut self, principal: &PrincipalRecord) -> Result<(), Error> {
        let params = params![
            principal.id.as_bytes(),
            principal.app_id.as_bytes(),
            principal.display_name,
            principal.generation,
            principal.created_at.0,
        ];
        self.change("inserted a principal", INSERT, params).map(drop)
    }

    fn insert_principal_secret(&mut self, secret: &PrincipalSecret) -> Result<(), Error> {
        let params = params![
            secret.id.as_bytes(),
            secret.principal.as_bytes(),
            secret.verifier,
            secret.expires_at.0,
            secret.created_at.0,
        ];
        self.change("inserted a secret", INSERT_SECRET, params).map(drop)
    }

    fn insert_role_assignment(&mut self, assignment: &RoleAssignment) -> Result<(), Error> {
        let params = params![
            assignment.id.as_bytes(),
            assignment.principal.as_bytes(),
            assignment.role.to_string(),
            assignment.scope,
            assignment.created_at.0,
        ];
        self.change("inserted a role assignment", INSERT_ASSIGNMENT, params)
            .map(drop)
    }
}

fn principal_row(row: &Row<'_>) -> rusqlite::Result<PrincipalRecord> {
    Ok(PrincipalRecord {
        id: column::uuid(row, 0)?,
        app_id: column::uuid(row, 1)?,
        display_name: row.get(2)?,
        generation: row.get(3)?,
        created_at: column::timestamp(row, 4)?,
    })
}

fn secret_row(row: &Row<'_>) -> rusqlite::Result<PrincipalSecret> {
    Ok(PrincipalSecret {
        id: column::uuid(row, 0)?,
        principal: column::uuid(row, 1)?,
        verifier: row.get(2)?,
        expires_at: column::timestamp(row, 3)?,
        created_at: column::timestamp(row, 4)?,
    })
}

fn assignment_row(row: &Row<'_>) -> rusqlite::Result<RoleAssignment> {
    Ok(RoleAssignment {
        id: column::uuid(row, 0)?,
        principal: column::uuid(row, 1)?,
        role: column::word(row, 2)?,
        scope: row.get(3)?,
        created_at: column::timestamp(row, 4)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[FIND, FIND_BY_APP, LIST_SECRETS, LIST_ASSIGNMENTS, INSERT];
