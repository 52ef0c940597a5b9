//! Says every statement to PostgreSQL: each must be understood, and find its rows through an index.

use holdfast_testkit::postgres::shared;

use super::connection::Connection;
use super::dialect::translate;
use super::open;
use super::settings::Settings;
use crate::sql::{NOUNS, SORTED};

/// How many parameters a statement has.
fn parameters(sql: &str) -> usize {
    let numbers = sql.split('?').skip(1).map(|rest| {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().unwrap_or(0)
    });
    numbers.max().unwrap_or(0)
}

/// The plan for whatever the parameters are.
fn plan(connection: &Connection, sql: &str) -> Result<Vec<String>, String> {
    let nothing = vec!["NULL"; parameters(sql)].join(", ");
    let arguments = if nothing.is_empty() {
        nothing
    } else {
        format!("({nothing})")
    };
    let said = |error| super::error::plain(error).to_string();
    connection
        .say(&format!("PREPARE looked_at AS {}", translate(sql)))
        .map_err(said)?;
    let lines = connection
        .lines(&format!("EXPLAIN EXECUTE looked_at {arguments}"))
        .map_err(said);
    connection.say("DEALLOCATE looked_at").map_err(said)?;
    lines
}

#[test]
fn every_statement_is_understood_and_none_has_to_walk_a_table() {
    let database = shared().database();
    let settings = Settings::parse(&shared().url(&database)).unwrap();
    open::prepare(&settings).unwrap();
    let connection = Connection::open(&settings).unwrap();
    connection
        .say("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
        .unwrap();
    let mut faults = Vec::new();
    let statements = NOUNS.iter().flat_map(|(_, statements)| *statements).chain(SORTED);
    for sql in statements {
        match plan(&connection, sql) {
            Err(error) => faults.push(format!("{sql}\n  {error}")),
            Ok(lines) if lines.iter().any(|line| line.contains("Seq Scan")) => {
                faults.push(format!("{sql}\n  {}", lines.join("\n  ")));
            }
            Ok(_) => {}
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
