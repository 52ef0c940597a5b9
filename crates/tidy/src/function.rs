//! Functions and how long they are, from the line with `fn` to the brace that closes them. It refuses to know who may be
//! long.

use crate::source::Source;

/// What may stand before `fn`.
const MODIFIERS: [&str; 6] = ["pub", "default", "const", "async", "unsafe", "extern"];

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line with `fn`.
    pub line: usize,
    /// How many lines it has.
    pub lines: usize,
}

impl Function {
    /// The functions of a file that are not in its inline module of tests.
    #[must_use]
    pub fn all(source: &Source) -> Vec<Self> {
        let named = source.program().filter_map(|(line, text)| Some((line, name(text)?)));
        named
            .map(|(line, name)| Self {
                name: name.to_owned(),
                line,
                lines: length(&source.lines[line - 1..]),
            })
            .collect()
    }
}

/// The name of the function that a line begins.
fn name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (before, after) = if let Some(after) = line.strip_prefix("fn ") {
        ("", after)
    } else {
        line.split_once(" fn ")?
    };
    let is_modifier = |word: &str| {
        let word = word.split('(').next().unwrap_or_default();
        // `pub(in super::super)` has a space, `extern "C"` a string.
        MODIFIERS.contains(&word) || word.starts_with('"') || word.ends_with(')')
    };
    let name = after.split(['(', '<']).next()?;
    before.split_whitespace().all(is_modifier).then_some(name)
}

/// How many lines the function has that begins in the first of these.
fn length(lines: &[String]) -> usize {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let own = lines.first().map_or(0, |line| indentation(line));
    let ends = |(index, line): (usize, &String)| {
        let is_alone = index == 0 && (line.ends_with('}') || line.ends_with(';'));
        let is_closed = index > 0 && indentation(line) == own && (line.trim_start() == "}" || line.ends_with(';'));
        is_alone || is_closed
    };
    lines
        .iter()
        .enumerate()
        .position(ends)
        .map_or(lines.len(), |last| last + 1)
}
