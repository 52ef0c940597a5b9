//! Where PostgreSQL is and how it is spoken to, from one URL. What would send a password or rows in the clear over a network
//! is refused, unless the URL asks for it in so many words.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls};

use super::tls::{self, Trust};

/// Connections of one node when nothing else is said; half of them read.
pub const CONNECTIONS: usize = 16;
/// Reads, and writes, that may wait for a connection; about a second's worth.
const QUEUE_LIMIT: usize = 2048;
/// How long PostgreSQL may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is silent before it is looked at, and how often then.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may go without an acknowledgement.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// What each connection is told first: our schema and nobody else's, and how long anything may take. A client that is cut off
/// in the middle of a transaction must not hold its locks. What is small is not worth compiling.
const SESSION: &str = "SET search_path = holdfast, pg_temp; SET statement_timeout = '60s'; SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = warning; SET jit = off";

/// Why a URL is not one of a database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// It is no URL of PostgreSQL.
    #[error(
        "the database is given as postgresql://USER:PASSWORD@HOST:PORT/NAME?sslmode=verify-full; this is another form"
    )]
    Form,
    /// It has a part that nobody understands.
    #[error("the URL of the database cannot be read")]
    Unreadable {
        /// The cause. It names the part, and not what is in it.
        #[source]
        source: tokio_postgres::Error,
    },
    /// It names no host.
    #[error("the URL of the database names no host")]
    NoHost,
    /// A mode that falls back to plain text, or is none.
    #[error(
        "sslmode={mode} is not known here; say verify-full (with sslrootcert=FILE for an authority of your own), require, \
         which trusts any certificate, or disable"
    )]
    Mode {
        /// What it says.
        mode: String,
    },
    /// Everything would be in the clear.
    #[error(
        "passwords and rows would go to {host} in the clear; add sslmode=verify-full to the URL of the database (and \
         sslrootcert=FILE for an authority of your own), or sslmode=disable where nobody else can listen"
    )]
    InTheClear {
        /// The host.
        host: String,
    },
    /// The certificates to trust cannot be read.
    #[error("could not read the certificates to trust for the database")]
    Trust {
        /// The cause.
        #[source]
        source: tls::Error,
    },
}

/// Where the database is, and how many connections to it there may be.
#[derive(Clone)]
pub struct Settings {
    config: Config,
    trust: Option<Trust>,
    connections: usize,
    queue_limit: usize,
}

impl fmt::Debug for Settings {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("hosts", &self.config.get_hosts())
            .field("database", &self.config.get_dbname())
            .field("user", &self.config.get_user())
            .field("is_encrypted", &self.trust.is_some())
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads a URL: `postgresql://USER:PASSWORD@HOST:PORT/NAME`, with `sslmode` and `sslrootcert` as libpq knows them.
    ///
    /// # Errors
    /// When it is no URL of PostgreSQL, or asks for what is not safe.
    pub fn parse(url: &str) -> Result<Self, SettingsError> {
        if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
            return Err(SettingsError::Form);
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut authorities, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(decoded(value)?),
                Some(("sslrootcert", value)) => authorities = Some(PathBuf::from(decoded(value)?)),
                _ => others.push(pair),
            }
        }
        let url = format!("{base}?{}", others.join("&"));
        let mut config: Config = url.parse().map_err(|source| SettingsError::Unreadable { source })?;
        let trust = trust(&config, mode.as_deref(), authorities)?;
        config
            .application_name("holdfast")
            .ssl_mode(if trust.is_some() {
                SslMode::Require
            } else {
                SslMode::Disable
            })
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(SEND_TIMEOUT);
        Ok(Self {
            config,
            trust,
            connections: CONNECTIONS,
            queue_limit: QUEUE_LIMIT,
        })
    }

    /// With so many connections; at least one that reads and one that writes.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(2);
        self
    }

    /// With so many reads, and writes, that may wait.
    #[must_use]
    pub fn with_queue_limit(mut self, limit: usize) -> Self {
        self.queue_limit = limit.max(1);
        self
    }

    /// Connections that read.
    pub(super) fn readers(&self) -> usize {
        self.connections / 2
    }

    /// Connections that write.
    pub(super) fn writers(&self) -> usize {
        self.connections - self.readers()
    }

    pub(super) fn queue_limit(&self) -> usize {
        self.queue_limit
    }

    /// Connects; the runtime that this is called on drives the connection.
    pub(super) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let client = match &self.trust {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(connection);
                client
            }
            Some(trust) => {
                let (client, connection) = self.config.connect(trust.connector()).await?;
                tokio::spawn(connection);
                client
            }
        };
        client.batch_execute(SESSION).await?;
        Ok(client)
    }
}

/// How the connection is encrypted; not at all, where that is asked for or the host is this one.
fn trust(config: &Config, mode: Option<&str>, authorities: Option<PathBuf>) -> Result<Option<Trust>, SettingsError> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(SettingsError::NoHost);
    }
    let failed = |source| SettingsError::Trust { source };
    match (mode, authorities) {
        (Some("verify-full"), authorities) => Trust::verified(authorities.as_deref()).map(Some).map_err(failed),
        // With an authority to check it against there is no reason not to.
        (Some("require"), Some(authorities)) => Trust::verified(Some(&authorities)).map(Some).map_err(failed),
        (Some("require"), None) => Ok(Some(Trust::unverified())),
        (Some("disable"), _) => Ok(None),
        (Some(mode), _) => Err(SettingsError::Mode { mode: mode.to_owned() }),
        (None, _) => match far_host(config) {
            None => Ok(None),
            Some(host) => Err(SettingsError::InTheClear { host }),
        },
    }
}

/// A host that is not this one.
fn far_host(config: &Config) -> Option<String> {
    let far_address = config.get_hostaddrs().iter().find(|address| !address.is_loopback());
    let far_name = config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) => {
            let is_near = name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
            (!is_near).then(|| name.clone())
        }
        Host::Unix(_) => None,
    });
    far_address.map(ToString::to_string).or(far_name)
}

fn decoded(value: &str) -> Result<String, SettingsError> {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    decoded.map(String::from).map_err(|_| SettingsError::Form)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        Settings::parse(url).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn nothing_goes_over_a_network_in_the_clear_unless_the_url_says_so() {
        for near in [
            "postgresql://holdfast:secret@127.0.0.1:5432/holdfast",
            "postgres://localhost/holdfast",
            "postgresql://[::1]/holdfast",
            "postgresql://%2Fvar%2Frun%2Fpostgresql/holdfast",
            "postgresql://db.example/holdfast?sslmode=disable",
        ] {
            assert!(
                Settings::parse(near).is_ok_and(|settings| settings.trust.is_none()),
                "{near}"
            );
        }
        assert!(refusal("postgresql://db.example/holdfast").contains("db.example in the clear"));
        assert!(refusal("postgresql://localhost,db.example/holdfast").contains("db.example in the clear"));
        assert!(refusal("postgresql://localhost/holdfast?hostaddr=10.0.0.1").contains("10.0.0.1 in the clear"));
        for mode in ["prefer", "allow", "verify-ca", "on"] {
            assert!(refusal(&format!("postgresql://db.example/holdfast?sslmode={mode}")).contains("verify-full"));
        }
        let required = Settings::parse("postgresql://db.example/holdfast?sslmode=require").unwrap();
        assert!(required.trust.is_some());
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for url in ["host=localhost password=secret", "mysql://root:secret@localhost/x"] {
            assert!(!refusal(url).contains("secret"));
        }
        let unknown = refusal("postgresql://a:secret@localhost/x?sslcompression=1");
        assert!(unknown.contains("cannot be read"), "{unknown}");
        let missing = refusal("postgresql://a:secret@localhost/x?sslmode=verify-full&sslrootcert=%2Fnowhere%2Fca.pem");
        assert!(missing.contains("certificates"), "{missing}");
    }

    #[test]
    fn the_password_is_shown_nowhere() {
        let settings = Settings::parse("postgresql://holdfast:s3cret@localhost/holdfast").unwrap();
        let shown = format!("{settings:?}");
        assert!(shown.contains("localhost") && !shown.contains("s3cret"), "{shown}");
    }
}
