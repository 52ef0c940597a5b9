//! Role assignments.

use holdfast_model::{
    MetadataError, PrincipalType, RoleAssignment, RoleAssignmentRead, RoleAssignmentTx, WrittenCondition,
};

use super::row::{self, Row};
use super::value::params;
use uuid::Uuid;

use super::column;
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, principal_id, principal_type, role, scope, shown_scope, condition, condition_version, \
             description, created_at, created_by, updated_at, updated_by FROM role_assignment ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE id = ?1");
const LIST_OF_PRINCIPAL: &str = select!("WHERE principal_id = ?1 ORDER BY role, scope");
const LIST_AT: &str = select!("WHERE scope = ?1 ORDER BY id");
// '0' follows '/'.
const LIST_BELOW: &str = select!("WHERE scope > ?1 || '/' AND scope < ?1 || '0' ORDER BY scope, id");
// Two ranges of the index; with OR it would be read whole.
const COUNT_WITHIN: &str = "SELECT (SELECT count(*) FROM role_assignment WHERE scope = ?1) + \
    (SELECT count(*) FROM role_assignment WHERE scope > ?2 || '/' AND scope < ?2 || '0')";

impl RoleAssignmentRead for Session<'_> {
    fn find_role_assignment(&mut self, id: Uuid) -> Result<Option<RoleAssignment>, MetadataError> {
        self.find("looked up a role assignment", FIND, params![id.as_bytes()], assignment)
    }

    fn list_role_assignments(&mut self, principal: Uuid) -> Result<Vec<RoleAssignment>, MetadataError> {
        self.list(
            "listed a principal's roles",
            LIST_OF_PRINCIPAL,
            params![principal.as_bytes()],
            assignment,
        )
    }

    fn list_role_assignments_at(&mut self, scope: &str) -> Result<Vec<RoleAssignment>, MetadataError> {
        self.list("listed the roles at a scope", LIST_AT, params![scope], assignment)
    }

    fn list_role_assignments_below(&mut self, scope: &str) -> Result<Vec<RoleAssignment>, MetadataError> {
        let path = scope.trim_end_matches('/');
        self.list("listed the roles below a scope", LIST_BELOW, params![path], assignment)
    }

    fn count_role_assignments_within(&mut self, scope: &str) -> Result<u64, MetadataError> {
        let path = scope.trim_end_matches('/');
        let count = self.find(
            "counted the roles in a scope",
            COUNT_WITHIN,
            params![scope, path],
            |row| column::unsigned(row, 0),
        )?;
        Ok(count.unwrap_or(0))
    }
}

const INSERT: &str = "INSERT INTO role_assignment (id, principal_id, principal_type, role, scope, shown_scope, \
    condition, condition_version, description, created_at, created_by, updated_at, updated_by) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const UPDATE: &str = "UPDATE role_assignment SET condition = ?2, condition_version = ?3, description = ?4, \
    updated_at = ?5, updated_by = ?6 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM role_assignment WHERE id = ?1";
const REMOVE_AT: &str = "DELETE FROM role_assignment WHERE scope = ?1";
const REMOVE_BELOW: &str = "DELETE FROM role_assignment WHERE scope > ?1 || '/' AND scope < ?1 || '0'";

impl RoleAssignmentTx for Session<'_> {
    fn insert_role_assignment(&mut self, assignment: &RoleAssignment) -> Result<(), MetadataError> {
        let condition = assignment.condition.as_ref();
        let params = params![
            assignment.id.as_bytes(),
            assignment.principal.as_bytes(),
            assignment.principal_type.as_str(),
            assignment.role.to_string(),
            assignment.scope,
            assignment.shown_scope,
            condition.map(|condition| &condition.text),
            condition.map(|condition| &condition.version),
            assignment.description,
            assignment.created_at.0,
            assignment.created_by,
            assignment.updated_at.0,
            assignment.updated_by,
        ];
        self.change("inserted a role assignment", INSERT, params).map(drop)
    }

    fn update_role_assignment(&mut self, assignment: &RoleAssignment) -> Result<(), MetadataError> {
        let condition = assignment.condition.as_ref();
        let params = params![
            assignment.id.as_bytes(),
            condition.map(|condition| &condition.text),
            condition.map(|condition| &condition.version),
            assignment.description,
            assignment.updated_at.0,
            assignment.updated_by,
        ];
        self.change("updated a role assignment", UPDATE, params).map(drop)
    }

    fn remove_role_assignment(&mut self, id: Uuid) -> Result<bool, MetadataError> {
        let removed = self.change("removed a role assignment", REMOVE, params![id.as_bytes()])?;
        Ok(removed > 0)
    }

    fn remove_role_assignments_within(&mut self, scope: &str) -> Result<usize, MetadataError> {
        let path = scope.trim_end_matches('/');
        let at = self.change("removed the roles at a scope", REMOVE_AT, params![scope])?;
        let below = self.change("removed the roles below a scope", REMOVE_BELOW, params![path])?;
        Ok(at + below)
    }
}

fn assignment(row: &Row<'_>) -> row::Result<RoleAssignment> {
    assignment_row(row, 0)
}

/// A role whose columns begin at `first`.
pub(super) fn assignment_row(row: &Row<'_>, first: usize) -> row::Result<RoleAssignment> {
    Ok(RoleAssignment {
        id: column::uuid(row, first)?,
        principal: column::uuid(row, first + 1)?,
        principal_type: principal_type(row, first + 2)?,
        role: column::word(row, first + 3)?,
        scope: row.get(first + 4)?,
        shown_scope: row.get(first + 5)?,
        condition: condition(row, first + 6)?,
        description: row.get(first + 8)?,
        created_at: column::timestamp(row, first + 9)?,
        created_by: row.get(first + 10)?,
        updated_at: column::timestamp(row, first + 11)?,
        updated_by: row.get(first + 12)?,
    })
}

fn principal_type(row: &Row<'_>, index: usize) -> row::Result<PrincipalType> {
    let name = row.get::<&str>(index)?;
    PrincipalType::from_name(name).ok_or_else(|| column::misread(index, format!("{name} is not a type of principals")))
}

/// The condition in this column and its version in the next.
fn condition(row: &Row<'_>, index: usize) -> row::Result<Option<WrittenCondition>> {
    let text: Option<String> = row.get(index)?;
    // Without its version it is an error, never a role without a limit.
    text.map(|text| {
        let version = row.get(index + 1)?;
        Ok(WrittenCondition { text, version })
    })
    .transpose()
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    LIST_OF_PRINCIPAL,
    LIST_AT,
    LIST_BELOW,
    COUNT_WITHIN,
    INSERT,
    UPDATE,
    REMOVE,
    REMOVE_AT,
    REMOVE_BELOW,
];
