//! What an operator allows beyond the open internet, as written in a setting. It refuses to resolve names.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Longest name of a host (RFC 1035 2.3.4).
const MAX_HOST_BYTES: usize = 253;

/// One entry of the operator's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// A network, or one address: inside addresses in it may be reached.
    Network(IpNet),
    /// A host, lower case: wherever its name leads.
    Host(String),
    /// A host, lower case, and its port: wherever its name leads, and by plain HTTP.
    PlainHttp {
        /// The host's name or its address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// The text is no entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is neither a host name, nor a network such as 10.0.0.0/8, nor http://HOST:PORT for plain HTTP")]
pub struct ParseAllowedError;

impl FromStr for Allowed {
    type Err = ParseAllowedError;

    fn from_str(text: &str) -> Result<Self, ParseAllowedError> {
        if let Some(authority) = text.strip_prefix("http://") {
            let authority: http::uri::Authority = authority.parse().map_err(|_| ParseAllowedError)?;
            let has_user = authority.as_str().contains('@');
            let host = host(bare(authority.host())).ok_or(ParseAllowedError)?;
            let port = authority.port_u16().unwrap_or(80);
            return if has_user {
                Err(ParseAllowedError)
            } else {
                Ok(Self::PlainHttp { host, port })
            };
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = bare(text).parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        host(text).map(Self::Host).ok_or(ParseAllowedError)
    }
}

/// Without the brackets of an IPv6 address.
pub(crate) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// A name as it is compared: lower case, without the dot at its end.
pub(crate) fn comparable(host: &str) -> String {
    let host = bare(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn host(text: &str) -> Option<String> {
    let name = comparable(text);
    if let Ok(address) = name.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (name.len() <= MAX_HOST_BYTES && name.split('.').all(is_label)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_hosts_networks_or_plain_http() {
        let parsed = |text: &str| text.parse::<Allowed>();
        let network = |text: &str| Ok(Allowed::Network(text.parse().unwrap()));
        assert_eq!(parsed("10.0.0.0/8"), network("10.0.0.0/8"));
        assert_eq!(parsed("10.1.2.3"), network("10.1.2.3/32"));
        assert_eq!(parsed("fd00::/8"), network("fd00::/8"));
        assert_eq!(parsed("[::1]"), network("::1/128"));
        assert_eq!(
            parsed("Registry.Corp.Example."),
            Ok(Allowed::Host("registry.corp.example".to_owned()))
        );
        let plain = |host: &str, port| {
            Ok(Allowed::PlainHttp {
                host: host.to_owned(),
                port,
            })
        };
        assert_eq!(parsed("http://localhost:5001"), plain("localhost", 5001));
        assert_eq!(parsed("http://[::1]:5001"), plain("::1", 5001));
        assert_eq!(parsed("http://old.example"), plain("old.example", 80));
        for wrong in [
            "",
            "a b",
            "https://a.example",
            "http://",
            "http://u@a",
            "10.0.0.0/33",
            "a..b",
            "a/b",
            "host:5000",
        ] {
            assert_eq!(parsed(wrong), Err(ParseAllowedError), "{wrong}");
        }
    }
}
