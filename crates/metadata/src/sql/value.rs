//! Parameters of statements: what a column may hold, borrowed from what is written. No text of a caller ever becomes a part
//! of a statement.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'v> {
    /// Nothing.
    Null,
    /// A number, a moment, or a yes (1) and a no (0).
    Integer(i64),
    /// Text.
    Text(&'v str),
    /// Bytes: digests, ids, contents.
    Bytes(&'v [u8]),
}

/// What can be a parameter.
pub(crate) trait ToValue {
    /// As a column holds it.
    fn to_value(&self) -> Value<'_>;
}

/// The parameters of one statement.
pub(crate) type Params<'p> = &'p [&'p dyn ToValue];

/// A list of parameters; each is borrowed.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::sql::value::ToValue),*] as $crate::sql::value::Params<'_>
    };
}
pub(crate) use params;

macro_rules! integers {
    ($($number:ty),*) => {
        $(impl ToValue for $number {
            fn to_value(&self) -> Value<'_> {
                Value::Integer(i64::from(*self))
            }
        })*
    };
}
integers!(bool, u8, u32, i64);

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}
