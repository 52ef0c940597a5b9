//! `$filter`: the part of OData that Azure's clients send to ARM and to Graph, such as
//! `resourceType eq 'Microsoft.ContainerRegistry/registries'`, `tagName eq 'env' and tagValue eq 'test'`,
//! `atScope() and assignedTo('…')`, `servicePrincipalNames/any(c:c eq '…')` and `startswith(displayName,'…')`.
//!
//! It knows the grammar, not the fields: a face asks [`Filter::fields`] and refuses those it does not have, since a
//! filter that is ignored would answer with things that were not asked for.

use std::str::FromStr;

use crate::text::{excerpt, fold_case};

/// Bytes of the longest filter that is read.
pub const MAX_BYTES: usize = 2048;
/// How deep parentheses and `not` may nest.
pub const MAX_DEPTH: usize = 8;

/// A filter, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of these hold; at least two.
    And(Vec<Filter>),
    /// One of these holds; at least two.
    Or(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// `field eq 'value'`. The field may be a path (`properties/principalId`).
    Equal {
        /// The field as written.
        field: String,
        /// The value, unquoted.
        value: String,
    },
    /// `field ne 'value'`.
    NotEqual {
        /// The field as written.
        field: String,
        /// The value, unquoted.
        value: String,
    },
    /// `startswith(field,'value')`.
    StartsWith {
        /// The field as written.
        field: String,
        /// The beginning, unquoted.
        value: String,
    },
    /// `field/any(x:x eq 'value')`: one of the field's values is this.
    Any {
        /// The field as written.
        field: String,
        /// The value, unquoted.
        value: String,
    },
    /// `name('argument',…)`: `atScope()`, `assignedTo('…')` and the like; what it means is the face's to say.
    Call {
        /// The function's name as written.
        name: String,
        /// The arguments, unquoted.
        arguments: Vec<String>,
    },
}

/// Why a text is not a filter, as far as this server reads them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than [`MAX_BYTES`].
    #[error("$filter has {length_bytes} bytes, more than {MAX_BYTES}")]
    TooLong {
        /// How long it was.
        length_bytes: usize,
    },
    /// More than [`MAX_DEPTH`] levels.
    #[error("$filter {} nests deeper than {MAX_DEPTH} levels", excerpt(.input))]
    TooDeep {
        /// The filter.
        input: String,
    },
    /// Something else than what the grammar expects.
    #[error("$filter {} breaks off at byte {offset}, where {expected} is due", excerpt(.input))]
    Syntax {
        /// The filter.
        input: String,
        /// Where, in bytes.
        offset: usize,
        /// What was expected.
        expected: &'static str,
    },
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// The text is outside the grammar above, too long or too deep.
    pub fn parse(input: &str) -> Result<Self, Error> {
        if input.len() > MAX_BYTES {
            return Err(Error::TooLong {
                length_bytes: input.len(),
            });
        }
        let mut reader = Reader { input, offset: 0 };
        let filter = reader.any_of(0)?;
        reader.skip_spaces();
        if reader.offset == input.len() {
            Ok(filter)
        } else {
            Err(reader.expected("'and', 'or' or the end"))
        }
    }

    /// Every field and function that the filter names, in the order of the text; functions with `()` behind them.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::fields).collect(),
            Self::Not(inner) => inner.fields(),
            Self::Equal { field, .. }
            | Self::NotEqual { field, .. }
            | Self::StartsWith { field, .. }
            | Self::Any { field, .. } => vec![field.clone()],
            Self::Call { name, .. } => vec![format!("{name}()")],
        }
    }

    /// Whether an item passes. `values` gives the values of a field (none, one or many), `call` decides a function;
    /// both get names in lower case. Values compare without regard to case, as ARM and Graph compare them.
    #[must_use]
    pub fn passes(&self, values: &dyn Fn(&str) -> Vec<String>, call: &dyn Fn(&str, &[String]) -> bool) -> bool {
        let one_of = |field: &str, test: &dyn Fn(&str) -> bool| {
            let own = values(&fold_case(field));
            own.iter().any(|own| test(&fold_case(own)))
        };
        match self {
            Self::And(parts) => parts.iter().all(|part| part.passes(values, call)),
            Self::Or(parts) => parts.iter().any(|part| part.passes(values, call)),
            Self::Not(inner) => !inner.passes(values, call),
            Self::Equal { field, value } | Self::Any { field, value } => one_of(field, &|own| own == fold_case(value)),
            Self::NotEqual { field, value } => !one_of(field, &|own| own == fold_case(value)),
            Self::StartsWith { field, value } => one_of(field, &|own| own.starts_with(&fold_case(value))),
            Self::Call { name, arguments } => call(&fold_case(name), arguments),
        }
    }

    /// The value that this filter demands a field to be equal to, wherever it is certain: at the top or in an `and`.
    /// Lets a store look up by key before anything else is compared.
    #[must_use]
    pub fn demanded(&self, wanted: &str) -> Option<&str> {
        match self {
            Self::Equal { field, value } | Self::Any { field, value } if field.eq_ignore_ascii_case(wanted) => {
                Some(value)
            }
            Self::And(parts) => parts.iter().find_map(|part| part.demanded(wanted)),
            _ => None,
        }
    }

    /// What a field must begin with, or be equal to, wherever that is certain: lets a store seek to its place.
    #[must_use]
    pub fn demanded_prefix(&self, wanted: &str) -> Option<&str> {
        match self {
            Self::Equal { field, value } | Self::StartsWith { field, value } if field.eq_ignore_ascii_case(wanted) => {
                Some(value)
            }
            Self::And(parts) => parts.iter().find_map(|part| part.demanded_prefix(wanted)),
            _ => None,
        }
    }

    /// The arguments of a function that must hold: at the top or in an `and`.
    #[must_use]
    pub fn demanded_call(&self, wanted: &str) -> Option<&[String]> {
        match self {
            Self::Call { name, arguments } if name.eq_ignore_ascii_case(wanted) => Some(arguments),
            Self::And(parts) => parts.iter().find_map(|part| part.demanded_call(wanted)),
            _ => None,
        }
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Reads a filter from left to right, each byte once.
struct Reader<'a> {
    input: &'a str,
    offset: usize,
}

impl<'a> Reader<'a> {
    fn any_of(&mut self, depth: usize) -> Result<Filter, Error> {
        let mut parts = vec![self.all_of(depth)?];
        while self.word("or") {
            parts.push(self.all_of(depth)?);
        }
        Ok(joined(parts, Filter::Or))
    }

    fn all_of(&mut self, depth: usize) -> Result<Filter, Error> {
        let mut parts = vec![self.term(depth)?];
        while self.word("and") {
            parts.push(self.term(depth)?);
        }
        Ok(joined(parts, Filter::And))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, Error> {
        if depth == MAX_DEPTH {
            return Err(Error::TooDeep {
                input: self.input.to_owned(),
            });
        }
        if self.mark('(') {
            let inner = self.any_of(depth + 1)?;
            self.need(')', "')'")?;
            return Ok(inner);
        }
        if self.word("not") {
            return Ok(Filter::Not(Box::new(self.term(depth + 1)?)));
        }
        let name = self.name()?;
        if self.mark('(') {
            return self.call(name);
        }
        if self.word("eq") {
            return Ok(Filter::Equal {
                field: name,
                value: self.value()?,
            });
        }
        if self.word("ne") {
            return Ok(Filter::NotEqual {
                field: name,
                value: self.value()?,
            });
        }
        Err(self.expected("'eq', 'ne' or '('"))
    }

    /// What follows `name(`.
    fn call(&mut self, name: String) -> Result<Filter, Error> {
        if let Some((field, function)) = name.rsplit_once('/')
            && function.eq_ignore_ascii_case("any")
        {
            return self.any(field.to_owned());
        }
        if name.eq_ignore_ascii_case("startswith") {
            let field = self.name()?;
            self.need(',', "','")?;
            let value = self.value()?;
            self.need(')', "')'")?;
            return Ok(Filter::StartsWith { field, value });
        }
        let mut arguments = Vec::new();
        if self.mark(')') {
            return Ok(Filter::Call { name, arguments });
        }
        loop {
            arguments.push(self.value()?);
            if self.mark(')') {
                return Ok(Filter::Call { name, arguments });
            }
            self.need(',', "',' or ')'")?;
        }
    }

    /// What follows `field/any(`: `c:c eq 'value')`.
    fn any(&mut self, field: String) -> Result<Filter, Error> {
        let variable = self.name()?;
        self.need(':', "':'")?;
        if self.name()? != variable || !self.word("eq") {
            return Err(self.expected("the same variable and 'eq'"));
        }
        let value = self.value()?;
        self.need(')', "')'")?;
        Ok(Filter::Any { field, value })
    }

    fn name(&mut self) -> Result<String, Error> {
        self.skip_spaces();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '@');
        self.while_holds(is_name).ok_or_else(|| self.expected("a name"))
    }

    /// A text in quotes (a quote inside is doubled), or a bare word such as `true` or a GUID.
    fn value(&mut self) -> Result<String, Error> {
        self.skip_spaces();
        if !self.rest().starts_with('\'') {
            let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            return self.while_holds(is_bare).ok_or_else(|| self.expected("a value"));
        }
        let mut value = String::new();
        let mut rest = &self.rest()[1..];
        loop {
            let Some(quote) = rest.find('\'') else {
                self.offset = self.input.len();
                return Err(self.expected("a closing quote"));
            };
            value.push_str(&rest[..quote]);
            rest = &rest[quote + 1..];
            if !rest.starts_with('\'') {
                self.offset = self.input.len() - rest.len();
                return Ok(value);
            }
            value.push('\'');
            rest = &rest[1..];
        }
    }

    fn while_holds(&mut self, holds: impl Fn(char) -> bool) -> Option<String> {
        let rest = self.rest();
        let length = rest.find(|c| !holds(c)).unwrap_or(rest.len());
        self.offset += length;
        (length > 0).then(|| rest[..length].to_owned())
    }

    /// Steps over the word if it stands here, whole and in any case.
    fn word(&mut self, word: &str) -> bool {
        self.skip_spaces();
        let rest = self.rest();
        let is_here = rest
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
            && !rest[word.len()..]
                .starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '@'));
        if is_here {
            self.offset += word.len();
        }
        is_here
    }

    fn mark(&mut self, mark: char) -> bool {
        self.skip_spaces();
        let is_here = self.rest().starts_with(mark);
        if is_here {
            self.offset += mark.len_utf8();
        }
        is_here
    }

    fn need(&mut self, mark: char, expected: &'static str) -> Result<(), Error> {
        if self.mark(mark) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.offset += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn rest(&self) -> &'a str {
        &self.input[self.offset..]
    }

    fn expected(&self, expected: &'static str) -> Error {
        Error::Syntax {
            input: self.input.to_owned(),
            offset: self.offset,
            expected,
        }
    }
}

fn joined(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}
