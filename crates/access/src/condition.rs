//! Conditions of role assignments (Azure ABAC, version 2.0), as far as ACR has them: data actions and the repository's
//! name.
//!
//! ```text
//! ((!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'}))
//!  OR (@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWithIgnoreCase 'backend/'))
//! ```
//!
//! A condition is a sum of repository patterns for each data action, and nothing else: what cannot be written so (a
//! negated comparison, another attribute, another operator) is refused when it is read, never guessed at. As in Azure,
//! a data action that the condition does not name is not limited by it.

use std::str::FromStr;

use holdfast_oci::RepositoryName;

use crate::RepositoryPattern;
use crate::rights::{PrefixError, RepositoryPrefix};
use crate::role::action_matches;

/// The version of the language that is read; ARM carries it beside the condition.
pub const CONDITION_VERSION: &str = "2.0";
/// Bytes of the longest condition that is read (Azure: 8 KB).
pub const MAX_BYTES: usize = 8192;
/// How deep parentheses and `!` may nest.
pub const MAX_DEPTH: usize = 16;
/// The most repository names and prefixes in one condition; evaluating costs their square at worst.
pub const MAX_NAMES: usize = 128;

/// The one attribute there is, in lower case.
const ATTRIBUTE: &str = "microsoft.containerregistry/registries/repositories:name";

/// A condition, read. Equal when written alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    text: String,
    expression: Expression,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expression {
    /// The data action matches this pattern.
    Action(String),
    /// The repository is one of these.
    Repository(Vec<RepositoryPattern>),
    /// Has no [`Expression::Repository`] inside.
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

/// Why a condition is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than [`MAX_BYTES`].
    #[error("condition has {length_bytes} bytes, more than {MAX_BYTES}")]
    TooLong {
        /// How long it was.
        length_bytes: usize,
    },
    /// More than [`MAX_DEPTH`] levels.
    #[error("condition nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More than [`MAX_NAMES`] names and prefixes.
    #[error("condition compares with more than {MAX_NAMES} repository names")]
    TooManyNames,
    /// Something else than what the grammar expects.
    #[error("condition breaks off at byte {offset}, where {expected} is due")]
    Syntax {
        /// Where, in bytes.
        offset: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// An attribute other than the repository's name in the request.
    #[error(
        "condition asks for the attribute {attribute:?}; only \
         @Request[Microsoft.ContainerRegistry/registries/repositories:name] is known"
    )]
    Attribute {
        /// The attribute as written.
        attribute: String,
    },
    /// An operator that is not known.
    #[error(
        "condition uses {operator:?}; only StringEquals, StringEqualsIgnoreCase, StringStartsWith and \
         StringStartsWithIgnoreCase are known, also after ForAnyOfAnyValues:"
    )]
    Operator {
        /// The operator as written.
        operator: String,
    },
    /// A comparison under a `!`.
    #[error("condition negates a comparison of the repository's name; only ActionMatches can be negated")]
    NegatedComparison,
    /// A letter in upper case where case counts.
    #[error("condition compares with {value:?}, which no repository name can equal: names are lower case")]
    UpperCase {
        /// The value as written.
        value: String,
    },
    /// A value that is no repository name.
    #[error("condition compares with {value:?}, which is not a repository name")]
    NotAName {
        /// The value as written.
        value: String,
        /// What the grammar says.
        #[source]
        source: holdfast_oci::name::Error,
    },
    /// A value that no repository name begins with.
    #[error("condition compares with {value:?}, which no repository name begins with")]
    NotABeginning {
        /// The value as written.
        value: String,
        /// What the grammar says.
        #[source]
        source: PrefixError,
    },
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// It is outside the grammar, or says what is not supported here.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::TooLong {
                length_bytes: text.len(),
            });
        }
        let mut reader = Reader {
            text,
            offset: 0,
            names: 0,
        };
        let expression = reader.any_of(0)?;
        reader.skip_spaces();
        if reader.offset < text.len() {
            return Err(reader.expected("AND, OR or the end"));
        }
        Ok(Self {
            text: text.to_owned(),
            expression,
        })
    }

    /// The condition as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The repositories in which the condition holds for a data action: every one that some pattern covers.
    /// [`RepositoryPattern::All`] alone means that the action is not limited, nothing that it is nowhere allowed.
    #[must_use]
    pub fn repositories_for(&self, data_action: &str) -> Vec<RepositoryPattern> {
        self.expression.repositories_for(data_action)
    }

    /// Whether the condition holds for a data action that is about no repository, such as listing the catalog.
    #[must_use]
    pub fn holds_without_repository(&self, data_action: &str) -> bool {
        self.expression.repositories_for(data_action) == [RepositoryPattern::All]
    }
}

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl Expression {
    fn repositories_for(&self, action: &str) -> Vec<RepositoryPattern> {
        match self {
            Self::Action(pattern) if action_matches(pattern, action) => vec![RepositoryPattern::All],
            Self::Action(_) => Vec::new(),
            Self::Repository(patterns) => patterns.clone(),
            Self::Not(inner) if inner.repositories_for(action).is_empty() => vec![RepositoryPattern::All],
            Self::Not(_) => Vec::new(),
            Self::And(parts) => {
                let everything = vec![RepositoryPattern::All];
                parts
                    .iter()
                    .fold(everything, |sum, part| common(&sum, &part.repositories_for(action)))
            }
            Self::Or(parts) => simplified(parts.iter().flat_map(|part| part.repositories_for(action))),
        }
    }

    fn names_repositories(&self) -> bool {
        match self {
            Self::Action(_) => false,
            Self::Repository(_) => true,
            Self::Not(inner) => inner.names_repositories(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::names_repositories),
        }
    }
}

fn common(left: &[RepositoryPattern], right: &[RepositoryPattern]) -> Vec<RepositoryPattern> {
    let pairs = left.iter().flat_map(|a| right.iter().map(move |b| a.intersect(b)));
    simplified(pairs.flatten())
}

/// Each pattern once, and `All` alone where it is among them. The common part of two patterns is one of them, so a set
/// never grows beyond the patterns that the condition names.
fn simplified(patterns: impl Iterator<Item = RepositoryPattern>) -> Vec<RepositoryPattern> {
    let mut kept = Vec::new();
    for pattern in patterns {
        if pattern == RepositoryPattern::All {
            return vec![pattern];
        }
        if !kept.contains(&pattern) {
            kept.push(pattern);
        }
    }
    kept
}

/// Reads a condition from left to right.
struct Reader<'a> {
    text: &'a str,
    offset: usize,
    /// How many names and prefixes were read.
    names: usize,
}

impl<'a> Reader<'a> {
    fn any_of(&mut self, depth: usize) -> Result<Expression, Error> {
        let mut parts = vec![self.all_of(depth)?];
        while self.word("OR") || self.mark("||") {
            parts.push(self.all_of(depth)?);
        }
        Ok(joined(parts, Expression::Or))
    }

    fn all_of(&mut self, depth: usize) -> Result<Expression, Error> {
        let mut parts = vec![self.term(depth)?];
        while self.word("AND") || self.mark("&&") {
            parts.push(self.term(depth)?);
        }
        Ok(joined(parts, Expression::And))
    }

    fn term(&mut self, depth: usize) -> Result<Expression, Error> {
        if depth == MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        if self.mark("(") {
            let inner = self.any_of(depth + 1)?;
            self.need(")", "')'")?;
            return Ok(inner);
        }
        if self.mark("!") || self.word("NOT") {
            let inner = self.term(depth + 1)?;
            if inner.names_repositories() {
                return Err(Error::NegatedComparison);
            }
            return Ok(Expression::Not(Box::new(inner)));
        }
        if self.word("ActionMatches") {
            self.need("{", "'{'")?;
            let pattern = self.quoted()?;
            self.need("}", "'}'")?;
            return Ok(Expression::Action(pattern.to_owned()));
        }
        if self.mark("@") {
            return self.comparison();
        }
        Err(self.expected("'(', '!', ActionMatches or @Request"))
    }

    /// What follows `@`.
    fn comparison(&mut self) -> Result<Expression, Error> {
        let source = self.bare();
        self.need("[", "'['")?;
        let end = self.rest().find(']').ok_or_else(|| self.expected("']'"))?;
        let attribute = &self.rest()[..end];
        self.offset += end + 1;
        if !source.eq_ignore_ascii_case("request") || attribute.trim().to_ascii_lowercase() != ATTRIBUTE {
            return Err(Error::Attribute {
                attribute: format!("@{source}[{attribute}]"),
            });
        }
        let operator = self.bare();
        let read = operator_named(operator).ok_or_else(|| Error::Operator {
            operator: operator.to_owned(),
        })?;
        let values = self.values()?;
        self.names += values.len();
        if self.names > MAX_NAMES {
            return Err(Error::TooManyNames);
        }
        let patterns = values.into_iter().map(|value| read.pattern(value));
        Ok(Expression::Repository(patterns.collect::<Result<_, _>>()?))
    }

    /// `'one'`, or `{'one', 'two'}`.
    fn values(&mut self) -> Result<Vec<&'a str>, Error> {
        if !self.mark("{") {
            return Ok(vec![self.quoted()?]);
        }
        let mut values = vec![self.quoted()?];
        while self.mark(",") {
            values.push(self.quoted()?);
        }
        self.need("}", "',' or '}'")?;
        Ok(values)
    }

    /// A text between single quotes. No name holds a quote, so none can be escaped.
    fn quoted(&mut self) -> Result<&'a str, Error> {
        self.need("'", "a quote")?;
        let end = self.rest().find('\'').ok_or_else(|| self.expected("a closing quote"))?;
        let value = &self.rest()[..end];
        self.offset += end + 1;
        Ok(value)
    }

    /// A word of letters and colons, maybe empty.
    fn bare(&mut self) -> &'a str {
        self.skip_spaces();
        let rest = self.rest();
        let end = rest.find(|c: char| !is_word(c) && c != ':').unwrap_or(rest.len());
        self.offset += end;
        &rest[..end]
    }

    /// Steps over the word if it stands here, whole and in any case.
    fn word(&mut self, word: &str) -> bool {
        self.skip_spaces();
        let rest = self.rest();
        let is_here = rest
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
            && !rest[word.len()..].starts_with(is_word);
        if is_here {
            self.offset += word.len();
        }
        is_here
    }

    fn mark(&mut self, mark: &str) -> bool {
        self.skip_spaces();
        let is_here = self.rest().starts_with(mark);
        if is_here {
            self.offset += mark.len();
        }
        is_here
    }

    fn need(&mut self, mark: &str, expected: &'static str) -> Result<(), Error> {
        if self.mark(mark) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.offset += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn expected(&self, expected: &'static str) -> Error {
        Error::Syntax {
            offset: self.offset,
            expected,
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

/// How a value becomes a pattern.
#[derive(Clone, Copy)]
struct Operator {
    is_prefix: bool,
    ignores_case: bool,
}

fn operator_named(operator: &str) -> Option<Operator> {
    let name = operator.to_ascii_lowercase();
    let name = name.strip_prefix("foranyofanyvalues:").unwrap_or(&name);
    let (is_prefix, ignores_case) = match name {
        "stringequals" => (false, false),
        "stringequalsignorecase" => (false, true),
        "stringstartswith" => (true, false),
        "stringstartswithignorecase" => (true, true),
        _ => return None,
    };
    Some(Operator {
        is_prefix,
        ignores_case,
    })
}

impl Operator {
    fn pattern(self, value: &str) -> Result<RepositoryPattern, Error> {
        if !self.ignores_case && value.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(Error::UpperCase {
                value: value.to_owned(),
            });
        }
        let lower = value.to_ascii_lowercase();
        if self.is_prefix {
            let prefix = RepositoryPrefix::beginning(&lower).map_err(|source| Error::NotABeginning {
                value: value.to_owned(),
                source,
            })?;
            return Ok(RepositoryPattern::Prefix(prefix));
        }
        let name = lower.parse::<RepositoryName>().map_err(|source| Error::NotAName {
            value: value.to_owned(),
            source,
        })?;
        Ok(RepositoryPattern::Exact(name))
    }
}
