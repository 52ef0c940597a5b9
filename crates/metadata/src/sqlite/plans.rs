//! Looks at the plan of every statement: each must go straight to its rows through an index.

use super::open;
use crate::sql::{NOUNS, SORTED};

/// The lines of `EXPLAIN QUERY PLAN`.
fn plan(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get::<_, String>(3).unwrap());
    }
    lines
}

/// A walk over a whole table, or a sort of what was found.
fn is_slow(line: &str) -> bool {
    let is_walk = line.starts_with("SCAN") && line != "SCAN CONSTANT ROW";
    // A list that came as a parameter is read whole.
    (is_walk && !line.starts_with("SCAN json_each VIRTUAL TABLE")) || line.contains("TEMP B-TREE")
}

#[test]
fn no_statement_walks_a_table_or_sorts() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open::writer(&folder.path().join("plans.sqlite")).unwrap();
    let mut slow = Vec::new();
    for (noun, statements) in NOUNS {
        for sql in *statements {
            let lines = plan(&connection, sql);
            if lines.iter().any(|line| is_slow(line)) {
                slow.push(format!("{noun}: {sql}\n  {}", lines.join("\n  ")));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

#[test]
fn tags_of_one_digest_by_time_are_found_by_index_and_only_then_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open::writer(&folder.path().join("plans.sqlite")).unwrap();
    for sql in SORTED {
        let lines = plan(&connection, sql);
        assert!(
            lines[0].starts_with("SEARCH tag USING INDEX tag_by_manifest (manifest_id=?"),
            "{lines:?}"
        );
        assert!(!lines.iter().any(|line| line.starts_with("SCAN")), "{lines:?}");
    }
}

#[test]
fn pages_seek_to_their_marker() {
    let folder = tempfile::tempdir().unwrap();
    let connection = open::writer(&folder.path().join("plans.sqlite")).unwrap();
    for (_, statements) in NOUNS.iter().filter(|(noun, _)| matches!(*noun, "tag" | "manifest")) {
        for sql in statements.iter().filter(|sql| sql.contains("(updated_at,")) {
            let lines = plan(&connection, sql);
            assert!(lines[0].contains("(updated_at,"), "{lines:?}");
        }
    }
}
