//! A page of the documentation: the lines of its `sh` blocks, and the code in its sentences. It runs nothing.

use std::fs;

use crate::project;

/// A page, or a section of one.
#[derive(Debug)]
pub struct Page {
    /// Its file, relative to the project.
    pub name: String,
    /// The lines of all `sh` blocks, in order.
    pub commands: Vec<String>,
    /// Everything between back quotes outside of blocks.
    pub words: Vec<String>,
    /// All of it.
    pub text: String,
}

impl Page {
    /// Reads a page; `name` is relative to the project.
    ///
    /// # Panics
    /// When it is not there, or has a block that is no block of a page of ours.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let text = fs::read_to_string(project::root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self::of(name, text)
    }

    /// What stands between the heading `title` and the next one.
    ///
    /// # Panics
    /// When the page has no such heading.
    #[must_use]
    pub fn section(&self, title: &str) -> Self {
        let mut sections = self
            .text
            .split("\n## ")
            .skip(1)
            .filter_map(|text| text.split_once('\n'));
        let found = sections.find(|(heading, _)| *heading == title);
        let (_, text) = found.unwrap_or_else(|| panic!("{} has no section {title:?}", self.name));
        Self::of(&self.name, text.to_owned())
    }

    fn of(name: &str, text: String) -> Self {
        let mut page = Self {
            name: name.to_owned(),
            commands: Vec::new(),
            words: Vec::new(),
            text,
        };
        let text = page.text.clone();
        let (mut block, mut prose) = (None, String::new());
        for line in text.lines() {
            match (line.trim_start().strip_prefix("```"), block) {
                (Some(language), None) => {
                    // A block of commands under another name would not be run.
                    assert!(
                        ["sh", "toml", "text"].contains(&language),
                        "{name}: a block of {language:?}"
                    );
                    block = Some(language);
                }
                (Some(_), Some(_)) => block = None,
                (None, Some("sh")) => page.command(line),
                (None, Some(_)) => {}
                (None, None) => {
                    prose.push_str(line);
                    prose.push('\n');
                }
            }
        }
        assert_eq!(block, None, "{name}: a block without an end");
        let words = prose.split('`').skip(1).step_by(2);
        page.words = words.map(|word| word.replace('\n', " ")).collect();
        page
    }

    fn command(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        match self.commands.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push_str(line);
            }
            _ => self.commands.push(line.to_owned()),
        }
    }
}

/// README.md and every page in docs/, README first.
///
/// # Panics
/// When one cannot be read.
#[must_use]
pub fn pages() -> Vec<Page> {
    let folder = fs::read_dir(project::root().join("docs")).expect("the project has docs/");
    let names = folder.map(|entry| {
        entry
            .expect("docs/ can be listed")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    let mut names: Vec<String> = names
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    names.sort();
    names.insert(0, "README.md".to_owned());
    names.iter().map(|name| Page::read(name)).collect()
}
