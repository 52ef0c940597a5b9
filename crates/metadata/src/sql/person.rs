//! People of the directory.

use super::row::{self, Row};
use super::value::params;
use holdfast_model::{MetadataError, PersonRead, PersonRecord, PersonTx, UserName};
use uuid::Uuid;

use super::session::Session;
use super::{column, principal};

/// The principal's columns first, as `principal_row` reads them.
const FIND: &str = "SELECT principal.id, app_id, display_name, is_enabled, generation, created_at, user_name, verifier \
    FROM person JOIN principal ON principal.id = person.id WHERE person.id = ?1";
const FIND_BY_NAME: &str = "SELECT principal.id, app_id, display_name, is_enabled, generation, created_at, user_name, \
    verifier FROM person JOIN principal ON principal.id = person.id WHERE folded_name = ?1";
const FIND_SOME: &str = "SELECT principal.id, app_id, display_name, is_enabled, generation, created_at, user_name, \
    verifier FROM person JOIN principal ON principal.id = person.id \
    WHERE person.id IN (SELECT unhex(value) FROM json_each(?1))";
const LIST: &str = "SELECT principal.id, app_id, display_name, is_enabled, generation, created_at, user_name, verifier \
    FROM person JOIN principal ON principal.id = person.id WHERE folded_name > ?1 ORDER BY folded_name LIMIT ?2";

impl PersonRead for Session<'_> {
    fn find_person(&mut self, id: Uuid) -> Result<Option<PersonRecord>, MetadataError> {
        self.find("looked up a person", FIND, params![id.as_bytes()], row)
    }

    fn find_person_by_name(&mut self, name: &UserName) -> Result<Option<PersonRecord>, MetadataError> {
        self.find("looked up a person by name", FIND_BY_NAME, params![name.folded()], row)
    }

    fn find_people(&mut self, ids: &[Uuid]) -> Result<Vec<PersonRecord>, MetadataError> {
        self.list("looked up people", FIND_SOME, params![column::uuids_text(ids)], row)
    }

    fn list_people(&mut self, after: Option<&UserName>, limit: usize) -> Result<Vec<PersonRecord>, MetadataError> {
        let after = after.map(UserName::folded).unwrap_or_default();
        self.list("listed people", LIST, params![after, column::limit(limit)], row)
    }
}

const INSERT: &str = "INSERT INTO person (id, user_name, folded_name, verifier) VALUES (?1, ?2, ?3, ?4)";
const UPDATE: &str = "UPDATE person SET verifier = ?2 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM person WHERE id = ?1";

impl PersonTx for Session<'_> {
    fn insert_person(&mut self, person: &PersonRecord) -> Result<(), MetadataError> {
        let params = params![
            person.principal.id.as_bytes(),
            person.user_name.as_str(),
            person.user_name.folded(),
            person.verifier,
        ];
        self.change("inserted a person", INSERT, params).map(drop)
    }

    fn update_person(&mut self, person: &PersonRecord) -> Result<(), MetadataError> {
        let params = params![person.principal.id.as_bytes(), person.verifier];
        self.change("updated a person", UPDATE, params).map(drop)
    }

    fn remove_person(&mut self, id: Uuid) -> Result<bool, MetadataError> {
        Ok(self.change("removed a person", REMOVE, params![id.as_bytes()])? > 0)
    }
}

fn row(row: &Row<'_>) -> row::Result<PersonRecord> {
    Ok(PersonRecord {
        principal: principal::principal_row(row)?,
        user_name: column::word(row, 6)?,
        verifier: row.get(7)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[FIND, FIND_BY_NAME, FIND_SOME, LIST, INSERT, UPDATE, REMOVE];
