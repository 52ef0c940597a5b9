//! Brings SQLite's schema up to date. It refuses to go back.

use rusqlite::{Connection, TransactionBehavior};

use crate::migrations::STEPS;
pub(super) use crate::migrations::VERSION;

/// Marks a file as ours (`PRAGMA application_id`): "Hold" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x486f_6c64;

/// Why a schema cannot be brought up to date.
#[derive(Debug)]
pub(super) enum Error {
    /// Made by a newer build.
    Newer { found: i64 },
    /// A SQLite database of somebody else.
    Foreign,
    /// A step failed; nothing of it was kept.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

/// Looks, without changing anything, whether the file is ours to use; returns its version.
pub(super) fn check(connection: &Connection) -> Result<i64, Error> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = application == 0 && version == 0 && objects == 0;
    if (application != APPLICATION_ID && !is_new) || version < 0 {
        return Err(Error::Foreign);
    }
    if version > VERSION {
        return Err(Error::Newer { found: version });
    }
    Ok(version)
}

/// Brings the schema to [`VERSION`], all steps in one transaction.
pub(super) fn apply(connection: &mut Connection) -> Result<(), Error> {
    // Immediate: of two processes that start at once, the second sees what the first made.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(check(&transaction)?).unwrap_or(STEPS.len());
    if done == STEPS.len() {
        return Ok(());
    }
    for step in &STEPS[done..] {
        transaction.execute_batch(step.sqlite)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_a_principal_becomes_its_applications() {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..2] {
            connection.execute_batch(step.sqlite).unwrap();
        }
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 2;
                 INSERT INTO principal VALUES (zeroblob(16), x'00112233445566778899aabbccddeeff', 'Name', 3, 4);
                 INSERT INTO principal_secret VALUES (randomblob(16), zeroblob(16), zeroblob(32), 9, 5);"
            ))
            .unwrap();
        apply(&mut connection).unwrap();
        let moved: (String, bool, i64, i64) = connection
            .query_row(
                "SELECT folded_name, is_enabled, starts_at, expires_at FROM principal
                 JOIN application USING (app_id) JOIN application_secret ON application_id = application.id",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        assert_eq!(moved, ("name".to_owned(), true, 5, 9));
    }

    #[test]
    fn an_upload_under_way_goes_on_without_a_state_of_its_store() {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..17] {
            connection.execute_batch(step.sqlite).unwrap();
        }
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 17; PRAGMA foreign_keys = OFF;
                 INSERT INTO upload VALUES
                     (zeroblob(16), 1, 'app', 'ann', 1, zeroblob(16), 'sha256', 70, x'01', 5, 6);
                 INSERT INTO candidate (kind, owner_id, name, size_bytes, queued_at) VALUES (4, 1, zeroblob(16), 7, 8);"
            ))
            .unwrap();
        apply(&mut connection).unwrap();
        let states: (i64, Vec<u8>, Option<Vec<u8>>) = connection
            .query_row(
                "SELECT offset_bytes, upload.store_state, candidate.store_state FROM upload, candidate",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap();
        assert_eq!(states, (70, Vec::new(), None));
    }

    #[test]
    fn what_lies_in_objects_stays_there_and_what_is_counted_stays_counted() {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..18] {
            connection.execute_batch(step.sqlite).unwrap();
        }
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 18;
                 INSERT INTO storage_account (id, name, location, created_at) VALUES (1, 'default', 'local', 1);
                 INSERT INTO blob VALUES (7, 1, x'01', 70, x'00112233445566778899aabbccddeeff', 3);
                 UPDATE total SET value = CASE name WHEN 'blobs' THEN 1 WHEN 'blob_bytes' THEN 70 ELSE 0 END;
                 INSERT INTO candidate (kind, owner_id, name, size_bytes, queued_at) VALUES (4, 1, zeroblob(16), 7, 8);
                 UPDATE total SET value = 1 WHERE name = 'candidates';"
            ))
            .unwrap();
        apply(&mut connection).unwrap();
        let key: String = connection
            .query_row(
                "SELECT hex(object_key) FROM blob LEFT JOIN blob_content ON blob_id = id WHERE bytes IS NULL",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(key, "00112233445566778899AABBCCDDEEFF");
        connection
            .execute_batch("DELETE FROM blob; DELETE FROM candidate")
            .unwrap();
        let counted: i64 = connection
            .query_row("SELECT sum(value) FROM total", [], |row| row.get(0))
            .unwrap();
        assert_eq!(counted, 0);
    }

    #[test]
    fn accounts_of_users_are_told_from_the_services() {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..11] {
            connection.execute_batch(step.sqlite).unwrap();
        }
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 11;
                 INSERT INTO subscription VALUES (zeroblob(16), 'Subscription', 1);
                 INSERT INTO resource_group (subscription_id, name, location, created_at)
                     VALUES (zeroblob(16), 'web', 'local', 1);
                 INSERT INTO storage_account (id, name, location, created_at)
                     VALUES (1, 'default', 'local', 1), (2, 'mine', 'local', 1);
                 INSERT INTO storage_resource VALUES (2, zeroblob(16), 'web', '{{}}', 1);"
            ))
            .unwrap();
        apply(&mut connection).unwrap();
        let own: String = connection
            .query_row(
                "SELECT group_concat(name) FROM storage_account WHERE is_own",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(own, "default");
    }

    #[test]
    fn what_is_there_is_counted() {
        let mut connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..12] {
            connection.execute_batch(step.sqlite).unwrap();
        }
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 12;
                 INSERT INTO subscription VALUES (x'00112233445566778899aabbccddeeff', 'Subscription', 1);
                 INSERT INTO resource_group (subscription_id, name, location, created_at)
                     VALUES (x'00112233445566778899aabbccddeeff', 'Web', 'local', 1);
                 INSERT INTO storage_account (id, name, location, created_at) VALUES (2, 'mine', 'local', 1);
                 INSERT INTO storage_resource VALUES (2, x'00112233445566778899aabbccddeeff', 'Web', '{{}}', 1);
                 INSERT INTO application VALUES (zeroblob(16), zeroblob(16), 'App', 'app', 1);
                 INSERT INTO principal (id, app_id, display_name, generation, created_at)
                     VALUES (zeroblob(16), zeroblob(16), 'App', 1, 1);
                 INSERT INTO role_assignment (id, principal_id, role, scope, created_at, created_by)
                     VALUES (zeroblob(16), zeroblob(16), 'owner', '/', 1, 'ann');
                 INSERT INTO person VALUES (zeroblob(16), 'Ann', 'ann', 'verifier');
                 INSERT INTO device_code VALUES
                     (zeroblob(32), zeroblob(32), zeroblob(16), 'scope', 0, NULL, NULL, 0, 9);"
            ))
            .unwrap();
        apply(&mut connection).unwrap();
        let mut statement = connection.prepare("SELECT kind, place, count FROM tally").unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let counts: Vec<(String, String, i64)> = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
        let subscription = "00112233445566778899aabbccddeeff";
        let group = format!("{subscription}/web");
        let expected = [
            ("application", ""),
            ("application by", "operator"),
            ("device", ""),
            ("device far", ""),
            ("device near", "::"),
            ("person", ""),
            ("resource group", subscription),
            ("role assignment", ""),
            ("role assignment by", "ann"),
            ("storage account", subscription),
            ("storage account in", &group),
        ];
        assert_eq!(
            counts,
            expected.map(|(kind, place)| (kind.to_owned(), place.to_owned(), 1))
        );
    }
}
