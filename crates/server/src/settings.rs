//! What the operator wants, read once at start: typed, checked, all mistakes told at once with where each came from.
//! It refuses to touch anything but the settings file.

mod parse;
mod sources;
mod storage;
mod table;

use std::{ffi::OsString, fmt, path::PathBuf, time::Duration};

use holdfast_client::{Allowed, Destinations, Outgoing, SetupError};
use holdfast_content::Limits;
use holdfast_metadata::postgres;
use ipnet::IpNet;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::locations::Root;

pub(crate) use parse::{ListenAddress, duration};
pub(crate) use sources::{Flags, Given, Origin, Sources};
pub(crate) use table::{DATA_DIR, DATABASE, ENTRIES, Entry, MASTER_KEY};

/// Settings of `holdfast serve`.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    /// Whether nobody chose the data folder.
    pub(crate) is_data_dir_default: bool,
    /// Where the rows lie, unless in the data folder.
    pub(crate) database: Option<postgres::Settings>,
    /// Where the master key lies, unless in the data folder.
    pub(crate) master_key: Option<PathBuf>,
    pub(crate) http: Option<ListenAddress>,
    pub(crate) https: Option<ListenAddress>,
    /// Lower case, without a dot at the end.
    pub(crate) domain: String,
    /// Where the service's own storage lies; `None` in the data folder.
    pub(crate) storage: Option<Root>,
    /// Further locations, each once, with their places.
    pub(crate) locations: Vec<(String, Option<Root>)>,
    /// Lower case; names and IPs.
    pub(crate) hostnames: Vec<String>,
    /// The operator's certificate, when there is one.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) metrics_from: Vec<IpNet>,
    pub(crate) log_level: String,
    pub(crate) log_format: LogFormat,
    pub(crate) gc_grace: Duration,
    /// `None`: never.
    pub(crate) gc_interval: Option<Duration>,
    pub(crate) upload_idle: Duration,
    pub(crate) max_blob_bytes: u64,
    pub(crate) body_stall: Duration,
    /// What may be asked beyond the open internet.
    pub(crate) allow_outgoing: Vec<Allowed>,
    /// Whom to trust there beside this machine's CAs.
    pub(crate) outgoing_ca: Option<PathBuf>,
    /// How long it is not ready before it stops.
    pub(crate) drain: Duration,
    pub(crate) shutdown_grace: Duration,
}

/// The operator's own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    Text,
    Json,
}

/// One thing that is wrong in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// `None` of a secret.
    pub(crate) value: Option<String>,
    pub(crate) problem: String,
    pub(crate) origin: String,
}

/// Everything that is wrong in the settings.
#[derive(Debug)]
pub(crate) struct Mistakes(pub(crate) Vec<Mistake>);

impl std::error::Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("one setting is wrong")?,
            count => write!(f, "{count} settings are wrong")?,
        }
        for mistake in &self.0 {
            write!(f, "\n  {}", mistake.origin)?;
            if let Some(value) = &mistake.value {
                write!(f, " {value:?}")?;
            }
            write!(f, ": {}", mistake.problem)?;
        }
        Ok(())
    }
}

impl Settings {
    /// Reads all sources.
    ///
    /// # Errors
    /// Every mistake in any of them.
    pub(crate) fn read(flags: Flags, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let sources = Sources::read(flags, variable, &mut mistakes);
        let mut reader = Reader {
            sources,
            variable,
            mistakes,
        };
        let settings = reader.settings();
        match settings {
            Some(settings) if reader.mistakes.is_empty() => Ok(settings),
            _ => Err(Mistakes(reader.mistakes)),
        }
    }

    /// The limits of the registry's operations.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_blob_bytes: self.max_blob_bytes,
            upload_idle: self.upload_idle,
            grace: self.gc_grace,
            ..Limits::default()
        }
    }

    /// The way out for requests to others.
    ///
    /// # Errors
    /// The file of CAs cannot be used.
    pub(crate) fn outgoing(&self) -> Result<Outgoing, SetupError> {
        Outgoing::new(holdfast_client::Options {
            destinations: Destinations::new(self.allow_outgoing.clone()),
            extra_roots: self.outgoing_ca.clone(),
            ..holdfast_client::Options::default()
        })
    }
}

/// Reads setting after setting and gathers the mistakes.
struct Reader<'a> {
    sources: Sources,
    /// The environment, for secrets.
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn settings(&mut self) -> Option<Settings> {
        let data_dir = self.one("data-dir", parse::path);
        let database = self.maybe("database", parse::database);
        let master_key = self.maybe("master-key", parse::path);
        let (http, https) = (self.one("http", parse::address), self.one("https", parse::address));
        let domain = self.one("domain", parse::domain);
        let (storage, locations) = (self.storage(), self.locations());
        let hostnames = self.many("hostname", parse::host);
        let tls = self.tls();
        let allow_plain_http = self.one("allow-plain-http", parse::switch);
        let trusted_proxies = self.many("trusted-proxy", parse::network);
        let metrics_from = self.many("metrics-from", parse::network);
        let log_level = self.one("log-level", log_level);
        let log_format = self.one("log-format", log_format);
        let (gc_grace, gc_interval) = (
            self.one("gc-grace", parse::duration),
            self.one("gc-interval", parse::interval),
        );
        let upload_idle = self.one("upload-idle", parse::limit);
        let max_blob_bytes = self.one("max-blob-size", parse::size);
        let body_stall = self.one("body-stall", parse::limit);
        let allow_outgoing = self.many("allow-outgoing", |text| {
            text.parse().map_err(|error| format!("{error}"))
        });
        let outgoing_ca = self.maybe("outgoing-ca", parse::path);
        let drain = self.one("drain", parse::duration);
        let shutdown_grace = self.one("shutdown-grace", parse::duration);
        self.check_listeners(http.as_ref(), https.as_ref(), allow_plain_http);
        Some(Settings {
            data_dir: data_dir?,
            is_data_dir_default: matches!(self.given("data-dir").origin, Origin::Default(_)),
            database,
            master_key,
            http: http?,
            https: https?,
            domain: domain?,
            storage,
            locations,
            hostnames,
            tls,
            trusted_proxies,
            metrics_from,
            log_level: log_level?,
            log_format: log_format?,
            gc_grace: gc_grace?,
            gc_interval: gc_interval?,
            upload_idle: upload_idle?,
            max_blob_bytes: max_blob_bytes?,
            body_stall: body_stall?,
            allow_outgoing,
            outgoing_ca,
            drain: drain?,
            shutdown_grace: shutdown_grace?,
        })
    }

    /// Rules about more than one setting.
    fn check_listeners(
        &mut self,
        http: Option<&Option<ListenAddress>>,
        https: Option<&Option<ListenAddress>>,
        allow_plain_http: Option<bool>,
    ) {
        if let (Some(None), Some(None)) = (http, https) {
            self.wrong("https", "http is off too, so there is nothing to listen on");
        }
        if let (Some(Some(http)), Some(Some(https))) = (http, https)
            && http == https
            && http.port != 0
        {
            self.wrong("https", "http has the same address");
        }
        if let (Some(Some(http)), Some(false)) = (http, allow_plain_http)
            && !http.is_loopback()
        {
            self.wrong(
                "http",
                "others on the network could read passwords; listen there with --https, or say --allow-plain-http when \
                 the network is yours or a proxy in front speaks TLS",
            );
        }
    }

    fn tls(&mut self) -> Option<TlsFiles> {
        let [cert, key] = ["tls-cert", "tls-key"].map(|key| self.maybe(key, parse::path));
        match (cert, key) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
            (None, None) => None,
            (Some(_), None) => {
                self.wrong("tls-cert", "its private key is missing; name it with --tls-key");
                None
            }
            (None, Some(_)) => {
                self.wrong("tls-key", "its certificate is missing; name it with --tls-cert");
                None
            }
        }
    }

    /// What need not be given.
    fn maybe<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let given = self.given(key);
        (!given.values.is_empty()).then(|| self.one(key, parse)).flatten()
    }

    fn given(&self, key: &'static str) -> Given {
        self.sources.find(entry(key))
    }

    fn one<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let given = self.given(key);
        let parsed = parse(given.one());
        parsed
            .map_err(|problem| self.note(key, given.one(), problem, &given.origin))
            .ok()
    }

    fn many<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let given = self.given(key);
        let mut parsed = Vec::new();
        for value in &given.values {
            match parse(value) {
                Ok(value) => parsed.push(value),
                Err(problem) => self.note(key, value, problem, &given.origin),
            }
        }
        parsed
    }

    fn wrong(&mut self, key: &'static str, problem: &str) {
        let given = self.given(key);
        self.note(key, given.one(), problem.to_owned(), &given.origin);
    }

    fn note(&mut self, key: &'static str, value: &str, problem: String, origin: &Origin) {
        self.mistakes.push(Mistake {
            value: entry(key).shown(value),
            problem,
            origin: origin.to_string(),
        });
    }
}

fn entry(key: &str) -> &'static Entry {
    let entry = ENTRIES.iter().find(|entry| entry.key == key);
    entry.expect("every key read here is in the table")
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("it is not auto, text or json".to_owned()),
    }
}

fn log_level(text: &str) -> Result<String, String> {
    // `Targets` takes a word that is no level for a part of the program, and then nothing is logged.
    let ends_in_level = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        !level.trim().is_empty() && level.trim().parse::<LevelFilter>().is_ok()
    };
    let is_level = text.split(',').all(ends_in_level) && text.parse::<Targets>().is_ok();
    is_level
        .then(|| text.to_owned())
        .ok_or_else(|| "it is not a level such as info, or levels of parts such as info,access=off".to_owned())
}

#[cfg(test)]
mod tests;
