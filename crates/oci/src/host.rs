//! The host of a registry as people write it in front of a repository's name: `docker.io`, `registry.example:5000`.
//!
//! Says nothing of how it is spoken to: a scheme, a path and a user's name are no part of it.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::message::excerpt;

/// Bytes of the longest host: a name (RFC 1035 §2.3.4: 253), or an address, with a colon and a little more than a port.
pub const MAX_HOST_BYTES: usize = 255;

/// A registry's host, lower case, with a port if need be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegistryHost(String);

/// Why a text is no registry's host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not the host of a registry, such as docker.io or registry.example:5000", excerpt(.input))]
pub struct Error {
    /// What was sent.
    input: String,
}

impl RegistryHost {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RegistryHost {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map(Self).ok_or_else(|| Error { input: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<String> {
    if text.len() > MAX_HOST_BYTES {
        return None;
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            let port = match rest {
                "" => None,
                rest => Some(rest.strip_prefix(':')?),
            };
            (format!("[{address}]"), port)
        }
        None => {
            let (name, port) = match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            };
            (host_name(name)?, port)
        }
    };
    match port {
        None => Some(host),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port: u16 = digits.parse().ok()?;
            Some(format!("{host}:{port}"))
        }
        Some(_) => None,
    }
}

/// Without the dot that may end it.
fn host_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(is_letter)
    };
    name.split('.').all(is_label).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_a_port_if_need_be() {
        for (text, read) in [
            ("docker.io", "docker.io"),
            ("Registry.Example.:5000", "registry.example:5000"),
            ("localhost:0080", "localhost:80"),
            ("my_host", "my_host"),
            ("10.0.0.1:5000", "10.0.0.1:5000"),
            ("[::1]", "[::1]"),
            ("[0:0::1]:5000", "[::1]:5000"),
            (&"n".repeat(255), &"n".repeat(255)),
        ] {
            assert_eq!(text.parse::<RegistryHost>().unwrap().as_str(), read, "{text}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_host_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            "-a",
            "a-",
            ":5000",
            "a:",
            "a:b",
            "a:65536",
            "a:+1",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]5000",
            "[::1]:",
            "[a]",
            "http://127.0.0.1:18200",
            "https://docker.io",
            "user@127.0.0.1",
            "user:password@docker.io",
            "127.0.0.1#.evil.example",
            "127.0.0.1?.evil.example",
            "evil.example/../x",
            "evil.example/",
            "evil.example\\x",
            "a b",
            "a%2fb",
            "ä.example",
            &"n".repeat(256),
        ] {
            assert!(text.parse::<RegistryHost>().is_err(), "{text}");
        }
    }
}
