//! What the operator wants, read once at start: typed, checked, all mistakes told at once with where each came from.
//! It refuses to touch anything but the settings file.

mod parse;
mod sources;
mod table;

use std::{collections::BTreeSet, ffi::OsString, fmt, path::PathBuf, time::Duration};

use holdfast_client::{Allowed, Destinations, Outgoing, SetupError};
use holdfast_content::Limits;
use ipnet::IpNet;
use tracing_subscriber::filter::{LevelFilter, Targets};

pub(crate) use parse::{ListenAddress, duration};
pub(crate) use sources::{Flags, Given, Origin, Sources};
pub(crate) use table::{DATA_DIR, ENTRIES, Entry};

/// Settings of `holdfast serve`.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    /// Whether nobody chose the data folder.
    pub(crate) is_data_dir_default: bool,
    pub(crate) http: Option<ListenAddress>,
    pub(crate) https: Option<ListenAddress>,
    /// Lower case, without a dot at the end.
    pub(crate) domain: String,
    /// Further locations, each once, with their folders.
    pub(crate) locations: Vec<(String, Option<PathBuf>)>,
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
    pub(crate) value: String,
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
            write!(f, "\n  {} {:?}: {}", mistake.origin, mistake.value, mistake.problem)?;
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
        let mut reader = Reader { sources, mistakes };
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
struct Reader {
    sources: Sources,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn settings(&mut self) -> Option<Settings> {
        let data_dir = self.one("data-dir", parse::path);
        let (http, https) = (self.one("http", parse::address), self.one("https", parse::address));
        let domain = self.one("domain", parse::domain);
        let locations = self.many("location", parse::location);
        self.check_locations(&locations);
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
        let outgoing_ca = self.file("outgoing-ca");
        let drain = self.one("drain", parse::duration);
        let shutdown_grace = self.one("shutdown-grace", parse::duration);
        self.check_listeners(http.as_ref(), https.as_ref(), allow_plain_http);
        Some(Settings {
            data_dir: data_dir?,
            is_data_dir_default: matches!(self.given("data-dir").origin, Origin::Default(_)),
            http: http?,
            https: https?,
            domain: domain?,
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

    fn check_locations(&mut self, locations: &[(String, Option<PathBuf>)]) {
        let mut seen = BTreeSet::new();
        for (name, _) in locations {
            if !seen.insert(name) {
                self.wrong("location", &format!("the location {name} is given twice"));
            }
        }
    }

    fn tls(&mut self) -> Option<TlsFiles> {
        let [cert, key] = ["tls-cert", "tls-key"].map(|key| self.file(key));
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

    /// A file that need not be named.
    fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        let given = self.given(key);
        (!given.values.is_empty()).then(|| self.one(key, parse::path)).flatten()
    }

    fn given(&self, key: &'static str) -> Given {
        let entry = ENTRIES.iter().find(|entry| entry.key == key);
        self.sources.find(entry.expect("every key read here is in the table"))
    }

    fn one<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let given = self.given(key);
        let parsed = parse(given.one());
        parsed
            .map_err(|problem| self.note(given.one(), problem, &given.origin))
            .ok()
    }

    fn many<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let given = self.given(key);
        let mut parsed = Vec::new();
        for value in &given.values {
            match parse(value) {
                Ok(value) => parsed.push(value),
                Err(problem) => self.note(value, problem, &given.origin),
            }
        }
        parsed
    }

    fn wrong(&mut self, key: &'static str, problem: &str) {
        let given = self.given(key);
        self.note(given.one(), problem.to_owned(), &given.origin);
    }

    fn note(&mut self, value: &str, problem: String, origin: &Origin) {
        self.mistakes.push(Mistake {
            value: value.to_owned(),
            problem,
            origin: origin.to_string(),
        });
    }
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
mod tests {
    use std::{collections::HashMap, fs};

    use super::*;
    use clap::Command;

    fn flags(args: &[&str], config: Option<PathBuf>) -> Flags {
        let command = Command::new("serve").args(ENTRIES.iter().map(Entry::flag));
        let matches = command.no_binary_name(true).get_matches_from(args);
        Flags::read(&matches, config)
    }

    fn read(args: &[&str], environment: &[(&str, &str)], file: &str) -> Result<Settings, Mistakes> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        fs::write(&path, file).unwrap();
        let environment: HashMap<_, _> = environment.iter().copied().collect();
        Settings::read(flags(args, Some(path)), &|name| {
            environment.get(name).map(OsString::from)
        })
    }

    fn origins(args: &[&str], environment: &[(&str, &str)], file: &str) -> Vec<String> {
        let mistakes = read(args, environment, file).unwrap_err().0;
        mistakes.into_iter().map(|mistake| mistake.origin).collect()
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        let settings = read(&[], &[], "").unwrap();
        assert_eq!(settings.data_dir, PathBuf::from("./holdfast-data"));
        assert!(settings.is_data_dir_default);
        assert_eq!(settings.http.unwrap().to_string(), "127.0.0.1:5000");
        assert_eq!(settings.https.unwrap().to_string(), "127.0.0.1:5443");
        assert_eq!(settings.domain, "registry.localhost");
        assert_eq!(settings.metrics_from.len(), 2);
        assert_eq!(settings.max_blob_bytes, 200 << 30);
        assert_eq!(settings.tls, None);
    }

    #[test]
    fn a_flag_beats_the_environment_and_that_beats_the_file() {
        let file = "domain = \"file.example\"\ngc-grace = \"3h\"\nupload-idle = \"3h\"";
        let environment = [("HOLDFAST_DOMAIN", "env.example"), ("HOLDFAST_GC_GRACE", "2h")];
        let settings = read(&["--domain", "flag.example"], &environment, file).unwrap();
        assert_eq!(settings.domain, "flag.example");
        assert_eq!(settings.gc_grace, Duration::from_secs(2 * 3600));
        assert_eq!(settings.upload_idle, Duration::from_secs(3 * 3600));
    }

    #[test]
    fn lists_repeat_as_flags_are_commas_in_the_environment_and_arrays_in_the_file() {
        let by_flags = read(&["--hostname", "a.example", "--hostname", "10.0.0.1"], &[], "").unwrap();
        let by_environment = read(&[], &[("HOLDFAST_HOSTNAME", "a.example, 10.0.0.1")], "").unwrap();
        let by_file = read(&[], &[], "hostname = [\"a.example\", \"10.0.0.1\"]").unwrap();
        for settings in [by_flags, by_environment, by_file] {
            assert_eq!(settings.hostnames, ["a.example", "10.0.0.1"]);
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_where_they_came_from() {
        let found = origins(
            &["--http", "nowhere", "--max-blob-size", "much"],
            &[
                ("HOLDFAST_GC_GRACE", "5 parsecs"),
                ("HOLDFAST_TRUSTED_PROXY", "10.0.0.0/8,proxy"),
                ("HOLDFAST_ALLOW_OUTGOING", "10.0.0.0/8,https://a.example"),
            ],
            "shutdown-grace = \"soon\"\ncolour = \"blue\"\n[http2]\n",
        );
        let expected = [
            "settings.toml",
            "--config",
            "--config",
            "--http",
            "HOLDFAST_TRUSTED_PROXY",
            "HOLDFAST_ALLOW_OUTGOING",
        ];
        assert_eq!(found.len(), 8, "{found:?}");
        for name in [&expected[1..], &["HOLDFAST_GC_GRACE", "--max-blob-size"]].concat() {
            assert!(found.iter().any(|origin| origin == name), "{name} in {found:?}");
        }
        assert!(
            found.iter().any(|origin| origin.starts_with("shutdown-grace in ")),
            "{found:?}"
        );
    }

    #[test]
    fn a_log_level_is_a_level_or_levels_of_parts() {
        for good in ["info", "warn,access=off", "holdfast_metadata=trace"] {
            assert!(read(&["--log-level", good], &[], "").is_ok(), "{good}");
        }
        for bad in ["verbose", "?!", "", "access=loud", "info,"] {
            assert_eq!(origins(&["--log-level", bad], &[], ""), ["--log-level"], "{bad}");
        }
    }

    #[test]
    fn a_named_file_must_be_there() {
        let flags = flags(&[], Some(PathBuf::from("/nowhere/holdfast.toml")));
        let error = Settings::read(flags, &|_| None).unwrap_err().to_string();
        assert!(error.contains("/nowhere/holdfast.toml"), "{error}");
    }

    #[test]
    fn plain_http_needs_loopback_or_a_word_of_the_operator() {
        let error = read(&["--http", "0.0.0.0:5000"], &[], "").unwrap_err().to_string();
        assert!(error.contains("--allow-plain-http"), "{error}");
        assert!(read(&["--http", "0.0.0.0:5000", "--allow-plain-http"], &[], "").is_ok());
        assert!(
            read(
                &["--http", "0.0.0.0:5000"],
                &[("HOLDFAST_ALLOW_PLAIN_HTTP", "true")],
                ""
            )
            .is_ok()
        );
        assert!(read(&["--http", "0.0.0.0:5000"], &[], "allow-plain-http = true").is_ok());
        assert!(read(&["--https", "0.0.0.0:5443"], &[], "").is_ok());
    }

    #[test]
    fn something_must_be_listened_on_and_a_certificate_needs_its_key() {
        assert_eq!(origins(&["--http", "off", "--https", "off"], &[], ""), ["--https"]);
        assert_eq!(
            origins(&["--http", "[::1]:5443", "--https", "[::1]:5443"], &[], ""),
            ["--https"]
        );
        assert_eq!(origins(&["--tls-cert", "a.pem"], &[], ""), ["--tls-cert"]);
        assert_eq!(origins(&["--tls-key", "a.pem"], &[], ""), ["--tls-key"]);
        assert!(
            read(&["--tls-cert", "a.pem", "--tls-key", "b.pem"], &[], "")
                .unwrap()
                .tls
                .is_some()
        );
    }
}
