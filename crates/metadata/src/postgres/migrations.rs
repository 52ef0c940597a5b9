//! Brings PostgreSQL's schema up to date: one node at a time, all steps in one transaction. It refuses to go back.

use super::connection::Connection;
use super::error::plain;
use super::open::{Error, look};
use super::worker::LOCK_CLASS;
use crate::migrations::{BASELINE, STEPS, VERSION};

/// The lock of whoever changes the schema, in the class of our locks; lanes are not below zero.
const LOCK: i32 = -1;
/// A step may take longer than a statement of a request, and waits longer for another node's.
const PATIENCE: &str =
    "SET statement_timeout = 0; SET lock_timeout = '120s'; SET idle_in_transaction_session_timeout = 0";

/// Looks, without changing anything, whether the schema is ours to use; returns its version, none when there is none.
fn check(connection: &Connection) -> Result<Option<i64>, Error> {
    let is_there = |question| look(connection, question).map(|answer| answer == "t");
    if !is_there("SELECT to_regnamespace('holdfast') IS NOT NULL")? {
        return Ok(None);
    }
    if !is_there("SELECT to_regclass('holdfast.schema_version') IS NOT NULL")? {
        // Somebody with more rights may have made the schema for us.
        let is_empty =
            is_there("SELECT NOT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace('holdfast'))")?;
        return if is_empty { Ok(None) } else { Err(Error::Foreign) };
    }
    let version = look(connection, "SELECT version FROM holdfast.schema_version")?;
    let found = version.parse().map_err(|_| Error::Foreign)?;
    if found < BASELINE {
        return Err(Error::Foreign);
    }
    if found > VERSION {
        return Err(Error::Newer { found, known: VERSION });
    }
    Ok(Some(found))
}

/// Brings the schema to [`VERSION`].
pub(super) fn apply(connection: &Connection) -> Result<(), Error> {
    if check(connection)? == Some(VERSION) {
        return Ok(());
    }
    let failed = |source| Error::Migrate {
        version: VERSION,
        source: plain(source),
    };
    let say = |sql: &str| connection.say(sql).map_err(failed);
    say(PATIENCE)?;
    // Of several nodes that start at once, the others see what the first made. It ends with the connection at the latest.
    say(&format!("SELECT pg_advisory_lock({LOCK_CLASS}, {LOCK})"))?;
    let found = check(connection)?;
    if found == Some(VERSION) {
        return say("SELECT pg_advisory_unlock_all()");
    }
    say(&steps_from(connection, found)?)?;
    say("SELECT pg_advisory_unlock_all()")
}

/// One transaction from the version that was found.
fn steps_from(connection: &Connection, found: Option<i64>) -> Result<String, Error> {
    let mut steps = "BEGIN;\n".to_owned();
    if found.is_none() {
        if look(connection, "SELECT to_regnamespace('holdfast') IS NOT NULL")? != "t" {
            steps += "CREATE SCHEMA holdfast;\n";
        }
        steps += "CREATE TABLE schema_version (version bigint NOT NULL);\nINSERT INTO schema_version VALUES (0);\n";
    }
    for step in STEPS {
        let is_new = match found {
            None => step.version >= BASELINE,
            Some(found) => step.version > found,
        };
        if let Some(sql) = step.postgres.filter(|_| is_new) {
            steps += sql;
        }
    }
    steps += &format!("UPDATE schema_version SET version = {VERSION};\nCOMMIT;\n");
    Ok(steps)
}
