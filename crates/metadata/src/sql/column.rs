//! Columns to words and back. A value that this program cannot have written is an error of the
//! column it stands in, never a guess.

use std::str::FromStr;

use holdfast_model::{Attributes, ObjectKey, Tags, Timestamp};
use holdfast_oci::Digest;
use uuid::Uuid;

use super::row::{self, Misread, Row};
use super::value::Value;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A digest.
pub(super) fn digest(row: &Row<'_>, index: usize) -> row::Result<Digest> {
    let bytes = row.get::<&[u8]>(index)?;
    Digest::from_db(bytes).map_err(|source| misread(index, source))
}

/// What an outer join found, whose columns begin at `first`; nothing when that one is NULL.
pub(super) fn joined<T>(
    row: &Row<'_>,
    first: usize,
    read: impl FnOnce(&Row<'_>, usize) -> row::Result<T>,
) -> row::Result<Option<T>> {
    match row.value(first)? {
        Value::Null => Ok(None),
        _ => read(row, first).map(Some),
    }
}

/// A list of digests as a parameter: hexadecimal, as `unhex` reads it.
pub(super) fn digests_text(digests: &[Digest]) -> String {
    use std::fmt::Write as _;

    let mut text = String::from("[");
    for (index, digest) in digests.iter().enumerate() {
        text.push_str(if index == 0 { "\"" } else { ",\"" });
        for byte in digest.to_db() {
            write!(text, "{byte:02x}").expect("a text takes all");
        }
        text.push('"');
    }
    text.push(']');
    text
}

/// A list of ids as a parameter: hexadecimal, as `unhex` reads it.
pub(super) fn uuids_text(ids: &[Uuid]) -> String {
    let texts: Vec<String> = ids.iter().map(|id| format!("\"{}\"", id.simple())).collect();
    format!("[{}]", texts.join(","))
}

/// A list of integers as a parameter.
pub(super) fn integers_text(values: impl Iterator<Item = i64>) -> String {
    let texts: Vec<String> = values.map(|value| value.to_string()).collect();
    format!("[{}]", texts.join(","))
}

/// A digest that may be NULL.
pub(super) fn optional_digest(row: &Row<'_>, index: usize) -> row::Result<Option<Digest>> {
    let bytes = row.get::<Option<&[u8]>>(index)?;
    bytes
        .map(Digest::from_db)
        .transpose()
        .map_err(|source| misread(index, source))
}

/// A word parsed from its text: a repository's name, a tag, an algorithm.
pub(super) fn word<T>(row: &Row<'_>, index: usize) -> row::Result<T>
where
    T: FromStr,
    T::Err: Into<Source>,
{
    let text = row.get::<&str>(index)?;
    text.parse().map_err(|source: T::Err| misread(index, source))
}

/// The same, that may be NULL.
pub(super) fn optional_word<T>(row: &Row<'_>, index: usize) -> row::Result<Option<T>>
where
    T: FromStr,
    T::Err: Into<Source>,
{
    match row.get::<Option<&str>>(index)? {
        Some(_) => word(row, index).map(Some),
        None => Ok(None),
    }
}

/// A UUID of 16 bytes.
pub(super) fn uuid(row: &Row<'_>, index: usize) -> row::Result<Uuid> {
    let bytes = row.get::<&[u8]>(index)?;
    Uuid::from_slice(bytes).map_err(|source| misread(index, source))
}

/// An object's key.
pub(super) fn object_key(row: &Row<'_>, index: usize) -> row::Result<ObjectKey> {
    uuid(row, index).map(ObjectKey::new)
}

/// A length or a count.
pub(super) fn unsigned(row: &Row<'_>, index: usize) -> row::Result<u64> {
    let value = row.get::<i64>(index)?;
    u64::try_from(value).map_err(|source| misread(index, source))
}

/// A moment.
pub(super) fn timestamp(row: &Row<'_>, index: usize) -> row::Result<Timestamp> {
    row.get(index).map(Timestamp)
}

/// Tags of a resource, as JSON text.
pub(super) fn tags(row: &Row<'_>, index: usize) -> row::Result<Tags> {
    let text = row.get::<&str>(index)?;
    serde_json::from_str(text).map_err(|source| misread(index, source))
}

/// Tags of a resource as a parameter.
pub(super) fn tags_text(tags: &Tags) -> String {
    serde_json::to_string(tags).expect("a map of texts serialises")
}

/// A list of texts, as JSON text.
pub(super) fn texts(row: &Row<'_>, index: usize) -> row::Result<Vec<String>> {
    let text = row.get::<&str>(index)?;
    serde_json::from_str(text).map_err(|source| misread(index, source))
}

/// A list of texts as a parameter.
pub(super) fn texts_text(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("a list of texts serialises")
}

/// Locks.
pub(super) fn attributes(row: &Row<'_>, index: usize) -> row::Result<Attributes> {
    row.get(index).map(Attributes::from_bits)
}

/// A value that has a name.
pub(super) fn named<T>(
    row: &Row<'_>,
    index: usize,
    what: &str,
    find: impl FnOnce(&str) -> Option<T>,
) -> row::Result<T> {
    let name = row.get::<&str>(index)?;
    find(name).ok_or_else(|| misread(index, format!("{name} is not {what}")))
}

/// The error of a value that is not what the column holds.
pub(super) fn misread(index: usize, source: impl Into<Source>) -> Misread {
    Misread::new(index, source)
}

/// A length or a count as a parameter; a database's integers end at 2^63 - 1.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The most rows to return, as a parameter.
pub(super) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
