//! Where the server is reached, in the words that clients need. Kept in a small file of the data folder, so that the
//! operator's commands know it when no server runs.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{folder::Folder, settings::Settings};

/// The listeners and the domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Addresses {
    pub(crate) http: Option<SocketAddr>,
    pub(crate) https: Option<SocketAddr>,
    pub(crate) domain: String,
    /// The certificate of the local CA; `None` when the operator has a certificate of their own.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Addresses {
    /// Those of the last run; those of the settings when there was none.
    pub(crate) fn last(folder: &Folder, settings: &Settings) -> Self {
        let stored = std::fs::read(folder.addresses()).ok();
        let stored = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        stored.unwrap_or_else(|| {
            let address = |wanted: &Option<crate::settings::ListenAddress>| {
                let wanted = wanted.as_ref()?;
                let ip = wanted.host.parse().unwrap_or(std::net::Ipv4Addr::LOCALHOST.into());
                Some(SocketAddr::new(ip, wanted.port))
            };
            Self {
                http: address(&settings.http),
                https: address(&settings.https),
                domain: settings.domain.clone(),
                ca_file: None,
            }
        })
    }

    /// Keeps them for later.
    pub(crate) fn store(&self, folder: &Folder) -> anyhow::Result<()> {
        folder.write(&folder.addresses(), &serde_json::to_vec_pretty(self)?)
    }

    /// What people type after `docker login` for the default registry: plain HTTP where there is some, for it needs no
    /// certificate to be trusted.
    pub(crate) fn default_login_server(&self) -> String {
        match self.http.or(self.https) {
            Some(address) => typed(address),
            None => "localhost".to_owned(),
        }
    }

    /// The login server of a registry by its name.
    pub(crate) fn login_server(&self, registry: &str) -> String {
        let host = format!("{}.{}", registry.to_ascii_lowercase(), self.domain);
        match (self.https, self.http) {
            (Some(https), _) if https.port() != 443 => format!("{host}:{}", https.port()),
            (None, Some(http)) if http.port() != 80 => format!("{host}:{}", http.port()),
            _ => host,
        }
    }

    /// The base host's URL, HTTPS where there is some.
    pub(crate) fn base_url(&self) -> String {
        match (self.https, self.http) {
            (Some(https), _) if https.port() == 443 => format!("https://{}", typed_host(https)),
            (Some(https), _) => format!("https://{}", typed(https)),
            (None, Some(http)) => format!("http://{}", typed(http)),
            (None, None) => "http://localhost".to_owned(),
        }
    }
}

/// Docker allows plain HTTP for `localhost` without being told.
fn typed(address: SocketAddr) -> String {
    format!("{}:{}", typed_host(address), address.port())
}

fn typed_host(address: SocketAddr) -> String {
    let ip = address.ip().to_canonical();
    if ip.is_loopback() || ip.is_unspecified() {
        return "localhost".to_owned();
    }
    match ip {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(http: Option<&str>, https: Option<&str>) -> Addresses {
        Addresses {
            http: http.map(|text| text.parse().unwrap()),
            https: https.map(|text| text.parse().unwrap()),
            domain: "registry.localhost".to_owned(),
            ca_file: None,
        }
    }

    #[test]
    fn people_type_localhost_and_plain_http_first() {
        for (http, https, login, other, base) in [
            (
                Some("127.0.0.1:5000"),
                Some("127.0.0.1:5443"),
                "localhost:5000",
                "other.registry.localhost:5443",
                "https://localhost:5443",
            ),
            (
                None,
                Some("0.0.0.0:443"),
                "localhost:443",
                "other.registry.localhost",
                "https://localhost",
            ),
            (
                Some("10.0.0.5:80"),
                None,
                "10.0.0.5:80",
                "other.registry.localhost",
                "http://10.0.0.5:80",
            ),
            (
                Some("[2001:db8::1]:5000"),
                None,
                "[2001:db8::1]:5000",
                "other.registry.localhost:5000",
                "http://[2001:db8::1]:5000",
            ),
        ] {
            let addresses = addresses(http, https);
            assert_eq!(addresses.default_login_server(), login);
            assert_eq!(addresses.login_server("Other"), other);
            assert_eq!(addresses.base_url(), base);
        }
    }
}
