//! What comments may cite: the repository, and specifications by their names.

use std::path::{Path, PathBuf};

use holdfast_tidy::{expect_none, manifest::Manifest, read, root, source::Source};

/// Whose files have names that the repository does not have.
const SPECIFICATIONS: [&str; 3] = ["image-spec", "distribution-spec", "runtime-spec"];

/// Notes to self, and folders of somebody's machine. This file names them.
const BANNED: [&str; 4] = ["TODO", "FIXME", "/home/", "/root/"];

/// Where the faults of a check of each comment are.
fn faults(check: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for source in Source::all()
        .iter()
        .filter(|source| source.path != "crates/tidy/tests/rules/comment.rs")
    {
        for (line, comment) in source.comments() {
            found.extend(check(comment).map(|what| format!("{}:{line}: {what}", source.path)));
        }
    }
    found
}

#[test]
fn no_comment_is_a_note_to_self_or_cites_what_is_elsewhere() {
    let found = faults(|comment| {
        BANNED
            .iter()
            .find(|word| comment.contains(**word))
            .map(|word| (*word).to_owned())
    });
    expect_none("say it here, or cite ARCHITECTURE.md", &found);
}

#[test]
fn no_comment_cites_an_issue_by_number_alone() {
    let number = |text: &str| {
        text.trim_start_matches('#')
            .starts_with(|first: char| first.is_ascii_digit())
    };
    let cites = |comment: &str| comment.to_lowercase().split("issue ").skip(1).any(number);
    let found = faults(|comment| cites(comment).then(|| comment.trim().to_owned()));
    expect_none("say why instead of where it was asked for", &found);
}

#[test]
fn pages_that_comments_cite_are_in_the_repository() {
    let found = faults(|comment| {
        let mut before = "";
        for word in comment.split(|character: char| character.is_whitespace() || "()`\"',;:".contains(character)) {
            let page = word.trim_end_matches('.');
            let is_page = page.ends_with(".md") && page != ".md";
            if is_page && !SPECIFICATIONS.contains(&before) && !root().join(page).is_file() {
                return Some(format!("there is no {page}"));
            }
            before = word;
        }
        None
    });
    expect_none(
        "cite a page of the repository, or name the specification before its file",
        &found,
    );
}

#[test]
fn laws_that_comments_cite_stand_in_architecture() {
    let laws = laws();
    assert!(laws > 0, "ARCHITECTURE.md lists the laws of the data");
    let found = faults(|comment| {
        let (_, after) = comment.split_once("law ")?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        let law: usize = digits.parse().ok()?;
        (law == 0 || law > laws).then(|| format!("there is no law {law}"))
    });
    expect_none("the laws are those of ARCHITECTURE.md", &found);
}

/// How many laws there are.
fn laws() -> usize {
    let text = read("ARCHITECTURE.md");
    let section = text
        .split("\n## ")
        .find(|section| section.starts_with("The laws"))
        .unwrap_or_default();
    let is_law = |line: &&str| {
        line.split_once(". ")
            .is_some_and(|(number, _)| number.parse::<usize>().is_ok())
    };
    section.lines().filter(is_law).count()
}

#[test]
fn files_that_architecture_names_are_there() {
    let names: Vec<String> = Manifest::all().into_iter().map(|manifest| manifest.name).collect();
    let mut missing = Vec::new();
    for block in blocks(&read("ARCHITECTURE.md")) {
        let mut folder: Option<PathBuf> = None;
        let words = block.split('`').skip(1).step_by(2).filter(|word| !word.contains('<'));
        for path in words.flat_map(spread) {
            let first = path.split('/').next().unwrap_or_default();
            let is_whole = path.contains('/') && (first == ".." || names.iter().any(|name| name == first));
            let place = match (&folder, is_whole) {
                (_, true) => PathBuf::from(&path),
                (Some(folder), false) if is_rest(&path) => folder.join(&path),
                _ => continue,
            };
            if !root().join("crates").join(&place).exists() {
                missing.push(place.display().to_string());
            }
            if is_whole {
                folder = place
                    .parent()
                    .filter(|_| !path.ends_with('/'))
                    .map(Path::to_path_buf)
                    .or(Some(place));
            }
        }
    }
    expect_none("ARCHITECTURE.md names what is not there", &missing);
}

/// The paragraphs, list items and rows of tables of a page: in each, a path that begins with no crate goes on from the
/// folder of the last one that does.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in page.lines() {
        let begins_item = line.trim_start().split_once(' ').is_some_and(|(mark, _)| {
            mark == "-"
                || mark
                    .strip_suffix('.')
                    .is_some_and(|number| number.parse::<usize>().is_ok())
        });
        if begins_item || line.is_empty() || line.starts_with(['|', '#']) {
            blocks.push(String::new());
        }
        let last = blocks.last_mut().expect("there is one from the beginning");
        last.push_str(line);
        last.push('\n');
    }
    blocks
}

/// Whether a word in a page may be the rest of a path.
fn is_rest(word: &str) -> bool {
    let is_of_names = word
        .chars()
        .all(|letter| letter.is_ascii_lowercase() || "_/.".contains(letter));
    is_of_names && !word.starts_with('/') && (word.ends_with(".rs") || word.ends_with('/'))
}

/// `a/{b,c}.rs` is two paths.
fn spread(path: &str) -> Vec<String> {
    let Some(((before, choices), after)) = path
        .split_once('{')
        .and_then(|(before, rest)| Some(((before, rest.split_once('}')?.0), rest.split_once('}')?.1)))
    else {
        return vec![path.to_owned()];
    };
    choices
        .split(',')
        .map(|choice| format!("{before}{choice}{after}"))
        .collect()
}
