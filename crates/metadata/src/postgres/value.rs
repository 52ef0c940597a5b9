//! Parameters and columns, as PostgreSQL sends them: integers of eight bytes, text, bytes. It refuses to convert: a column
//! of another type is an error.

use std::error::Error;
use std::fmt;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::sql::row::{self, Misread};
use crate::sql::value::{ToValue, Value};

type Source = Box<dyn Error + Sync + Send>;

/// A parameter.
pub(super) struct Bound<'p>(pub(super) &'p dyn ToValue);

impl fmt::Debug for Bound<'_> {
    /// Without its value, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bound(..)")
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Source> {
        match (self.0.to_value(), wanted) {
            (Value::Null, _) => return Ok(IsNull::Yes),
            (Value::Integer(number), &Type::INT8) => out.put_i64(number),
            (Value::Integer(number), &Type::INT4) => out.put_i32(number.try_into()?),
            (Value::Text(text), &Type::TEXT) if text.contains('\0') => {
                return Err("PostgreSQL keeps no text with a NUL in it".into());
            }
            (Value::Text(text), &Type::TEXT) => out.put_slice(text.as_bytes()),
            (Value::Bytes(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (_, wanted) => return Err(format!("a parameter is no {wanted}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // By its value, which is known only there.
        true
    }

    to_sql_checked!();
}

/// A column.
struct Column<'r>(Value<'r>);

impl<'r> FromSql<'r> for Column<'r> {
    fn from_sql(kind: &Type, raw: &'r [u8]) -> Result<Self, Source> {
        Ok(Self(match *kind {
            Type::INT8 => Value::Integer(i64::from_be_bytes(raw.try_into()?)),
            Type::INT4 => Value::Integer(i32::from_be_bytes(raw.try_into()?).into()),
            Type::TEXT => Value::Text(str::from_utf8(raw)?),
            _ => Value::Bytes(raw),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Source> {
        Ok(Self(Value::Null))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::TEXT | Type::BYTEA)
    }
}

/// What a column of a row holds.
pub(crate) fn value(row: &tokio_postgres::Row, column: usize) -> row::Result<Value<'_>> {
    row.try_get(column)
        .map(|Column(value)| value)
        .map_err(|source| Misread::new(column, source))
}
