//! From the `Host` header (or HTTP/2's `:authority`) to a registry. Nothing that a client writes there gets into an
//! answer before it was found to be a name of this server: challenges carry it, and clients send passwords where
//! challenges say.

use std::{borrow::Cow, net::IpAddr};

use holdfast_api_distribution::{Address, Names};
use holdfast_identity::OwnNames;
use http::{HeaderValue, StatusCode, header, request::Parts};

/// The names this server has.
#[derive(Debug)]
pub(crate) struct Hosts {
    domain: String,
    /// What follows a registry's name in its login server as ARM shows it: `.DOMAIN` or `.DOMAIN:PORT`.
    login_server_suffix: String,
    default_registry: String,
    base: OwnNames,
}

/// Where a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// The registry, and how the client addressed it.
    pub(crate) address: Address,
    /// Whether it came to the host itself, not to a login server.
    pub(crate) is_base: bool,
}

/// Why no registry answers a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request names no host")]
    Missing,
    #[error("the request names more than one host")]
    Repeated,
    #[error("the request's host is not a host name or address with an optional port")]
    Malformed,
    #[error(
        "this registry does not know itself as {host:?}; if that is its name, start it with --hostname {host}, or with \
         --domain for login servers"
    )]
    Unknown { host: String },
    #[error(
        "there is no registry {name}: a registry's name has 5 to 50 letters and digits; if {host:?} is a name of the \
         server itself, start it with --hostname {host}"
    )]
    NoRegistry { name: String, host: String },
}

impl Refusal {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Repeated | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unknown { .. } | Self::NoRegistry { .. } => StatusCode::MISDIRECTED_REQUEST,
        }
    }
}

/// What a client calls a host: lower case, without a dot at the end.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    /// Without brackets.
    host: String,
    ip: Option<IpAddr>,
    port: Option<u16>,
}

impl Hosts {
    /// `domain` and `hostnames` are lower case.
    pub(crate) fn new(domain: &str, login_server_suffix: String, default_registry: &str, hostnames: &[String]) -> Self {
        Self {
            domain: domain.to_owned(),
            login_server_suffix,
            default_registry: default_registry.to_ascii_lowercase(),
            base: OwnNames::new(domain, hostnames),
        }
    }

    /// Where the request goes. `forwarded` is the host that a trusted proxy vouches for; `local` is the address of ours
    /// that the connection came in on.
    pub(crate) fn find(
        &self,
        head: &Parts,
        forwarded: Option<&HeaderValue>,
        local: IpAddr,
        scheme: &'static str,
    ) -> Result<Visit, Refusal> {
        let named = parse(&spoken(head, forwarded)?).ok_or(Refusal::Malformed)?;
        let (registry, is_base) = self.registry(&named, local)?;
        let address = Address {
            login_server: format!("{registry}.{}", self.domain),
            shown_login_server: format!("{registry}{}", self.login_server_suffix),
            registry,
            authority: named.authority(),
            scheme,
            local,
        };
        Ok(Visit { address, is_base })
    }

    fn registry(&self, named: &Named, local: IpAddr) -> Result<(String, bool), Refusal> {
        if self.base.holds(&named.host, local) {
            return Ok((self.default_registry.clone(), true));
        }
        let label = match named.ip {
            Some(_) => None,
            None => named
                .host
                .strip_suffix(&self.domain)
                .and_then(|rest| rest.strip_suffix('.')),
        };
        let host = || named.host.clone();
        match label {
            Some(name) if is_registry_name(name) => Ok((name.to_owned(), false)),
            Some(name) => Err(Refusal::NoRegistry {
                name: name.to_owned(),
                host: host(),
            }),
            None => Err(Refusal::Unknown { host: host() }),
        }
    }
}

impl Names for Hosts {
    fn registry_of(&self, authority: &str, local: IpAddr) -> Option<String> {
        let named = parse(authority)?;
        self.registry(&named, local).ok().map(|(registry, _)| registry)
    }
}

impl Named {
    fn authority(&self) -> String {
        let host = match self.ip {
            Some(IpAddr::V6(ip)) => Cow::Owned(format!("[{ip}]")),
            _ => Cow::Borrowed(self.host.as_str()),
        };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host.into_owned(),
        }
    }
}

/// The one host that a request names.
fn spoken(head: &Parts, forwarded: Option<&HeaderValue>) -> Result<String, Refusal> {
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).map_err(|_| Refusal::Malformed);
    let mut headers = head.headers.get_all(header::HOST).iter();
    let (first, second) = (headers.next(), headers.next());
    if second.is_some() {
        return Err(Refusal::Repeated);
    }
    let first = first.map(text).transpose()?;
    let target = head.uri.authority().map(|authority| authority.as_str().to_owned());
    let own = match (target, first) {
        // RFC 9113 §8.3.1 and RFC 9112 §3.2.2: the two may be there together, but two names are an attack.
        (Some(target), Some(host)) if !target.eq_ignore_ascii_case(&host) => return Err(Refusal::Repeated),
        (Some(target), _) => target,
        (None, Some(host)) => host,
        (None, None) => return Err(Refusal::Missing),
    };
    match forwarded {
        Some(value) => text(value),
        None if own.is_empty() => Err(Refusal::Missing),
        None => Ok(own),
    }
}

fn parse(text: &str) -> Option<Named> {
    const MAX_BYTES: usize = 253 + ":65535".len() + "[].".len();
    if text.is_empty() || text.len() > MAX_BYTES {
        return None;
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (ip, port) = rest.split_once(']')?;
        let ip = IpAddr::V6(ip.parse().ok()?).to_canonical();
        return Some(Named {
            host: ip.to_string(),
            ip: Some(ip),
            port: parse_port(port.strip_prefix(':'), port)?,
        });
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, parse_port(Some(port), port)?),
        None => (text, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if !host.split('.').all(is_label) {
        return None;
    }
    let ip = host.parse().ok();
    Some(Named { host, ip, port })
}

/// `after_colon` is what follows a colon, if there is one; `rest` must be empty otherwise.
fn parse_port(after_colon: Option<&str>, rest: &str) -> Option<Option<u16>> {
    match after_colon {
        None => rest.is_empty().then_some(None),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok().map(Some),
        Some(_) => None,
    }
}

/// ACR: 5 to 50 letters and digits.
fn is_registry_name(name: &str) -> bool {
    (5..=50).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn hosts() -> Hosts {
        let names = ["registry.example".to_owned(), "10.1.2.3".to_owned()];
        let suffix = ".registry.localhost:5443".to_owned();
        Hosts::new("registry.localhost", suffix, "Holdfast", &names)
    }

    fn find(head: &Parts, forwarded: Option<&str>) -> Result<Visit, Refusal> {
        let forwarded = forwarded.map(|value| HeaderValue::from_str(value).unwrap());
        hosts().find(head, forwarded.as_ref(), "192.0.2.7".parse().unwrap(), "http")
    }

    fn with_hosts(values: &[&str]) -> Parts {
        let mut request = Request::get("/v2/");
        for value in values {
            request = request.header(header::HOST, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn at(host: &str) -> Result<Visit, Refusal> {
        find(&with_hosts(&[host]), None)
    }

    #[test]
    fn the_base_host_has_many_names() {
        for (host, authority) in [
            ("localhost", "localhost"),
            ("localhost:5000", "localhost:5000"),
            ("LocalHost.:5000", "localhost:5000"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("127.8.8.8", "127.8.8.8"),
            ("[::1]:5000", "[::1]:5000"),
            ("[0:0::1]", "[::1]"),
            ("[::ffff:127.0.0.1]:1", "127.0.0.1:1"),
            ("192.0.2.7:5000", "192.0.2.7:5000"),
            ("10.1.2.3", "10.1.2.3"),
            ("registry.localhost:5443", "registry.localhost:5443"),
            ("registry.example", "registry.example"),
        ] {
            let visit = at(host).unwrap_or_else(|refusal| panic!("{host}: {refusal}"));
            assert_eq!(visit.address.authority, authority, "{host}");
            assert_eq!(visit.address.registry, "holdfast", "{host}");
            assert_eq!(visit.address.login_server, "holdfast.registry.localhost", "{host}");
            let shown = "holdfast.registry.localhost:5443";
            assert_eq!(visit.address.shown_login_server, shown, "{host}");
            assert!(visit.is_base, "{host}");
        }
    }

    #[test]
    fn a_login_server_is_a_registrys() {
        for (host, registry) in [
            ("myregistry.registry.localhost", "myregistry"),
            ("MyRegistry.registry.localhost:5443", "myregistry"),
            ("holdfast.registry.localhost", "holdfast"),
        ] {
            let visit = at(host).unwrap();
            assert_eq!(visit.address.registry, registry, "{host}");
            assert_eq!(
                visit.address.login_server,
                format!("{registry}.registry.localhost"),
                "{host}"
            );
            assert!(!visit.is_base, "{host}");
        }
    }

    #[test]
    fn a_registry_is_found_by_any_of_its_names() {
        for (name, registry) in [
            ("localhost:5000", Some("holdfast")),
            ("192.0.2.7", Some("holdfast")),
            ("holdfast.registry.localhost", Some("holdfast")),
            ("MyRegistry.registry.localhost:5443", Some("myregistry")),
            ("evil.example", None),
            ("", None),
            ("localhost/path", None),
        ] {
            let found = hosts().registry_of(name, "192.0.2.7".parse().unwrap());
            assert_eq!(found.as_deref(), registry, "{name}");
        }
    }

    #[test]
    fn other_names_are_misdirected() {
        for host in [
            "evil.example",
            "192.0.2.8",
            "[2001:db8::1]:5000",
            "my.registry.registry.localhost",
            "abc.registry.localhost",
            "my-registry.registry.localhost",
            "xregistry.localhost",
            "localhost.evil.example",
            "registry.localhost.evil.example",
            "sub.registry.example",
        ] {
            let refusal = at(host).unwrap_err();
            assert_eq!(refusal.status(), StatusCode::MISDIRECTED_REQUEST, "{host}");
            assert!(refusal.to_string().contains("--hostname"), "{host}");
        }
    }

    #[test]
    fn a_name_below_the_domain_that_no_registry_can_have_is_called_that() {
        for (host, name) in [
            ("beta.registry.localhost", "beta"),
            ("Beta.registry.localhost.:5443", "beta"),
            ("my-registry.registry.localhost", "my-registry"),
            ("my.registry.registry.localhost", "my.registry"),
        ] {
            let told = at(host).unwrap_err().to_string();
            assert!(told.starts_with(&format!("there is no registry {name}: ")), "{told}");
        }
        for host in ["evil.example", "xregistry.localhost", "sub.registry.example"] {
            let told = at(host).unwrap_err().to_string();
            assert!(!told.contains("no registry"), "{told}");
        }
    }

    #[test]
    fn odd_hosts_are_bad_requests() {
        for host in [
            "",
            ":5000",
            "localhost:",
            "localhost:port",
            "localhost:65536",
            "localhost:+80",
            "localhost:80:80",
            "user@localhost",
            "localhost/path",
            "localhost, evil.example",
            "local host",
            "a..b",
            ".",
            "[::1",
            "[::1]x",
            "[localhost]",
            "::1",
            "local\"host",
        ] {
            let refusal = at(host).unwrap_err();
            assert_eq!(refusal.status(), StatusCode::BAD_REQUEST, "{host}");
        }
        assert_eq!(find(&with_hosts(&[]), None), Err(Refusal::Missing));
        assert_eq!(
            find(&with_hosts(&["localhost", "localhost"]), None),
            Err(Refusal::Repeated)
        );
    }

    #[test]
    fn an_authority_and_a_host_header_must_agree() {
        let request = |host: Option<&str>| {
            let request = Request::get("http://localhost:5000/v2/");
            let request = host
                .into_iter()
                .fold(request, |request, host| request.header(header::HOST, host));
            request.body(()).unwrap().into_parts().0
        };
        assert!(find(&request(None), None).is_ok());
        assert!(find(&request(Some("localhost:5000")), None).is_ok());
        assert_eq!(find(&request(Some("registry.example")), None), Err(Refusal::Repeated));
    }

    #[test]
    fn a_trusted_proxys_word_replaces_the_host_and_is_checked_like_it() {
        let head = with_hosts(&["upstream:8080"]);
        let visit = find(&head, Some("registry.example")).unwrap();
        assert_eq!(visit.address.authority, "registry.example");
        assert!(matches!(
            find(&head, Some("evil.example")),
            Err(Refusal::Unknown { .. })
        ));
        assert_eq!(find(&head, Some("a, b")), Err(Refusal::Malformed));
    }
}
