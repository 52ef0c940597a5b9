//! A row that a statement found, of whichever database. Columns are read one by one, where the noun wants them: what is not
//! asked for is not copied.

use super::value::Value;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What reading a row gives.
pub(crate) type Result<T> = std::result::Result<T, Misread>;

/// A value that this program cannot have written, or not into this column.
#[derive(Debug, thiserror::Error)]
#[error("column {column} of the row cannot be read")]
pub(crate) struct Misread {
    column: usize,
    #[source]
    source: Source,
}

impl Misread {
    /// Of the column with this number, for this reason.
    pub(crate) fn new(column: usize, source: impl Into<Source>) -> Self {
        Self {
            column,
            source: source.into(),
        }
    }
}

/// A row. One type for both databases, and not a trait, so that what reads it is one plain function and costs no call more
/// than the database's own.
pub(crate) enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    /// What the column holds.
    pub(crate) fn value(&self, column: usize) -> Result<Value<'_>> {
        match self {
            Self::Sqlite(row) => crate::sqlite::value(row, column),
            Self::Postgres(row) => crate::postgres::value(row, column),
        }
    }

    /// The same, as what is wanted.
    pub(crate) fn get<'s, T: FromValue<'s>>(&'s self, column: usize) -> Result<T> {
        T::from_value(self.value(column)?).map_err(|source| Misread::new(column, source))
    }
}

/// What can be read from a column.
pub(crate) trait FromValue<'v>: Sized {
    /// From what the column holds.
    fn from_value(value: Value<'v>) -> std::result::Result<Self, Source>;
}

fn unexpected<T>(wanted: &str, found: Value<'_>) -> std::result::Result<T, Source> {
    // Not the value: it may be a secret.
    let found = match found {
        Value::Null => "nothing",
        Value::Integer(_) => "a number",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
    };
    Err(format!("found {found} instead of {wanted}").into())
}

impl FromValue<'_> for i64 {
    fn from_value(value: Value<'_>) -> std::result::Result<Self, Source> {
        match value {
            Value::Integer(number) => Ok(number),
            other => unexpected("a number", other),
        }
    }
}

macro_rules! integers {
    ($($number:ty),*) => {
        $(impl FromValue<'_> for $number {
            fn from_value(value: Value<'_>) -> std::result::Result<Self, Source> {
                Ok(Self::try_from(i64::from_value(value)?)?)
            }
        })*
    };
}
integers!(u8, u32, u64);

impl FromValue<'_> for bool {
    fn from_value(value: Value<'_>) -> std::result::Result<Self, Source> {
        Ok(i64::from_value(value)? != 0)
    }
}

impl<'v> FromValue<'v> for &'v str {
    fn from_value(value: Value<'v>) -> std::result::Result<Self, Source> {
        match value {
            Value::Text(text) => Ok(text),
            other => unexpected("text", other),
        }
    }
}

impl<'v> FromValue<'v> for String {
    fn from_value(value: Value<'v>) -> std::result::Result<Self, Source> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl<'v> FromValue<'v> for &'v [u8] {
    fn from_value(value: Value<'v>) -> std::result::Result<Self, Source> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            other => unexpected("bytes", other),
        }
    }
}

impl<'v> FromValue<'v> for Vec<u8> {
    fn from_value(value: Value<'v>) -> std::result::Result<Self, Source> {
        <&[u8]>::from_value(value).map(<[u8]>::to_vec)
    }
}

impl<'v, const N: usize> FromValue<'v> for [u8; N] {
    fn from_value(value: Value<'v>) -> std::result::Result<Self, Source> {
        Ok(<&[u8]>::from_value(value)?.try_into()?)
    }
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Option<T> {
    fn from_value(value: Value<'v>) -> std::result::Result<Self, Source> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}
