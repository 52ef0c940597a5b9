//! The readers see what the rules are about.

use holdfast_tidy::{function::Function, licence::satisfies, source::Source};

const TEXT: &str = r#"//! A file.

pub(crate) async fn two(
    one: u8, // the only one
) -> u8 {
    inner(|| {
        one
    })
}

trait Noun {
    fn find(&self) -> u8;
    fn load(&self) -> u8 { 1 }
    fn
}

impl Noun for u8 {
    const fn a_fn_of(&self) {
        // closes at its own brace
    }
}

#[cfg(test)]
mod tests {
    fn claim() {
    }
}
"#;

#[test]
fn functions_are_found_with_their_lengths() {
    let found = Function::all(&Source::new("crates/a/src/a.rs", TEXT));
    let found: Vec<(&str, usize, usize)> = found.iter().map(|it| (it.name.as_str(), it.line, it.lines)).collect();
    assert_eq!(
        found,
        [("two", 3, 7), ("find", 12, 1), ("load", 13, 1), ("a_fn_of", 18, 3)]
    );
}

#[test]
fn an_inline_module_of_tests_is_no_part_of_the_program() {
    let source = Source::new("crates/a/src/a.rs", TEXT);
    let last = source.program().last().map(|(number, _)| number);
    assert_eq!((source.lines.len(), last), (27, Some(22)));
}

#[test]
fn comments_are_found_alone_and_behind_code() {
    let source = Source::new("crates/a/src/a.rs", TEXT);
    let found: Vec<(usize, &str)> = source.comments().collect();
    assert_eq!(
        found,
        [(1, "! A file."), (4, "the only one"), (19, " closes at its own brace")]
    );
}

#[test]
fn tests_benches_and_examples_are_beside() {
    let is_beside = |path: &str| Source::new(path, "").is_beside();
    assert!(is_beside("crates/a/tests/it/main.rs") && is_beside("crates/a/src/route/tests.rs"));
    assert!(is_beside("crates/a/examples/b.rs") && !is_beside("crates/a/src/tests_of.rs"));
}

#[test]
fn an_expression_of_licences_is_satisfied_by_what_is_accepted() {
    let accepted: Vec<String> = ["MIT", "ISC", "GPL-2.0 WITH exception"].map(str::to_owned).to_vec();
    for (expression, expected) in [
        ("MIT", true),
        ("Apache-2.0", false),
        ("Apache-2.0/MIT", true),
        ("Apache-2.0 OR MIT AND ISC", true),
        ("(Apache-2.0 OR MIT) AND BSD-3-Clause", false),
        ("ISC AND (Apache-2.0 OR (MIT))", true),
        ("GPL-2.0 WITH exception", true),
        ("MIT WITH exception", false),
        ("MIT ISC", false),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(satisfies(expression, &accepted), expected, "{expression}");
    }
}
