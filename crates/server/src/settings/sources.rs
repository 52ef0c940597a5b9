//! Where settings come from: flags, then the environment, then a file, then the table's defaults. Values are text here;
//! it refuses to know what they mean, and remembers where each came from, for messages.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use clap::ArgMatches;

use super::{
    Mistake,
    table::{ENTRIES, Entry, Kind},
};

/// The file that is read when nobody names one.
const FILE: &str = "holdfast.toml";
/// The largest settings file that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(&'static str),
    Variable(String),
    File { path: PathBuf, key: &'static str },
    Default(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(key) => write!(f, "--{key}"),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, key } => write!(f, "{key} in {}", path.display()),
            Self::Default(key) => write!(f, "--{key} (default)"),
        }
    }
}

/// The values given for one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) values: Vec<String>,
    pub(crate) origin: Origin,
}

impl Given {
    /// The value, of a setting that has one.
    pub(crate) fn one(&self) -> &str {
        self.values.last().map_or("", String::as_str)
    }
}

/// The flags of one command line, by setting.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    values: BTreeMap<&'static str, Vec<String>>,
    config: Option<PathBuf>,
}

impl Flags {
    /// The flags of `holdfast serve`.
    pub(crate) fn read(matches: &ArgMatches, config: Option<PathBuf>) -> Self {
        let values = ENTRIES
            .iter()
            .filter_map(|entry| {
                let values = matches.get_many::<String>(entry.key)?;
                Some((entry.key, values.cloned().collect()))
            })
            .collect();
        Self { values, config }
    }

    /// The flags that the operator's commands have.
    pub(crate) fn of_operator<const N: usize>(
        given: [(&'static Entry, Option<&String>); N],
        config: Option<PathBuf>,
    ) -> Self {
        let given = given.into_iter();
        let values = given.filter_map(|(entry, value)| Some((entry.key, vec![value?.clone()])));
        Self {
            values: values.collect(),
            config,
        }
    }
}

/// All layers.
#[derive(Debug)]
pub(crate) struct Sources {
    flags: Flags,
    environment: BTreeMap<&'static str, Given>,
    file: BTreeMap<&'static str, Given>,
}

impl Sources {
    /// Reads environment and file. `variable` tells the environment, so that tests can have their own.
    pub(crate) fn read(flags: Flags, variable: &dyn Fn(&str) -> Option<OsString>, mistakes: &mut Vec<Mistake>) -> Self {
        let mut environment = BTreeMap::new();
        for entry in ENTRIES {
            let name = entry.variable();
            match variable(&name).map(OsString::into_string) {
                None => {}
                // An empty variable is how people unset one in service files.
                Some(Ok(value)) if value.is_empty() => {}
                Some(Ok(value)) => {
                    let given = Given {
                        values: split(entry, value),
                        origin: Origin::Variable(name),
                    };
                    environment.insert(entry.key, given);
                }
                Some(Err(value)) => mistakes.push(Mistake {
                    value: entry.shown(&value.to_string_lossy()),
                    problem: "it is not UTF-8".to_owned(),
                    origin: name,
                }),
            }
        }
        let file = read_file(&flags, variable, mistakes);
        Self {
            flags,
            environment,
            file,
        }
    }

    /// What was given for a setting by the strongest source that has it; the default otherwise.
    pub(crate) fn find(&self, entry: &Entry) -> Given {
        if let Some(values) = self.flags.values.get(entry.key) {
            return Given {
                values: values.clone(),
                origin: Origin::Flag(entry.key),
            };
        }
        if let Some(given) = self.environment.get(entry.key).or_else(|| self.file.get(entry.key)) {
            return given.clone();
        }
        Given {
            values: split(entry, entry.default.to_owned()),
            origin: Origin::Default(entry.key),
        }
    }
}

fn split(entry: &Entry, value: String) -> Vec<String> {
    match entry.kind {
        Kind::Many => {
            let values = value.split(',').map(str::trim);
            values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
        }
        Kind::One | Kind::Switch if value.is_empty() => Vec::new(),
        Kind::One | Kind::Switch => vec![value],
    }
}

fn read_file(
    flags: &Flags,
    variable: &dyn Fn(&str) -> Option<OsString>,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<&'static str, Given> {
    let named = flags.config.clone().map(|path| (path, "--config"));
    let named = named.or_else(|| {
        let path = variable("HOLDFAST_CONFIG").filter(|path| !path.is_empty())?;
        Some((PathBuf::from(path), "HOLDFAST_CONFIG"))
    });
    let (path, origin) = named.clone().unwrap_or_else(|| (PathBuf::from(FILE), FILE));
    let mut wrong = |problem: String| {
        mistakes.push(Mistake {
            value: Some(path.display().to_string()),
            problem,
            origin: origin.to_owned(),
        });
    };
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => return BTreeMap::new(),
        Err(error) => {
            wrong(format!("cannot be read: {error}"));
            return BTreeMap::new();
        }
    };
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            // Without the line itself, which may hold a password.
            let before = error
                .span()
                .map_or("", |span| text.get(..span.start).unwrap_or_default());
            let line = before.matches('\n').count() + 1;
            wrong(format!("is not TOML in line {line}: {}", error.message()));
            return BTreeMap::new();
        }
    };
    let mut file = BTreeMap::new();
    for (key, value) in table {
        let Some(entry) = ENTRIES.iter().find(|entry| entry.key == key) else {
            wrong(format!("has the key {key:?}, which is not a setting"));
            continue;
        };
        match texts(entry, &value) {
            Some(values) => {
                let origin = Origin::File {
                    path: path.clone(),
                    key: entry.key,
                };
                file.insert(entry.key, Given { values, origin });
            }
            None => wrong(format!("has a {} for {key}, which does not fit", value.type_str())),
        }
    }
    file
}

fn read_text(path: &Path) -> io::Result<String> {
    let length = fs::metadata(path)?.len();
    if length > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    fs::read_to_string(path)
}

/// A value of the file as the text a flag would have.
fn texts(entry: &Entry, value: &toml::Value) -> Option<Vec<String>> {
    match (entry.kind, value) {
        (Kind::Switch, toml::Value::Boolean(is_on)) => Some(vec![is_on.to_string()]),
        (Kind::One | Kind::Many, toml::Value::String(text)) => Some(vec![text.clone()]),
        (Kind::One, toml::Value::Integer(number)) => Some(vec![number.to_string()]),
        (Kind::Many, toml::Value::Array(values)) => {
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    }
}
