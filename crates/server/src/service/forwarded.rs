//! Who really calls when a proxy stands in between. Forwarded headers count only from the proxies that the operator
//! named; from anybody else they are ignored, for anybody can write them.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;

use super::Wire;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What only proxies write.
const PROXY_HEADERS: [HeaderName; 3] = [header::FORWARDED, header::VIA, FORWARDED_FOR];

/// The connection as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) peer: IpAddr,
    /// Our address that the connection came in on.
    pub(super) local: IpAddr,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// The host a trusted proxy says the client named.
    pub(super) host: Option<HeaderValue>,
    /// Whether a proxy that nobody named stands in between: the peer is not the client then.
    pub(super) is_veiled: bool,
}

/// Looks through trusted proxies.
pub(super) fn resolve(wire: Wire, headers: &HeaderMap, trusted: &[IpNet]) -> Resolved {
    let mut resolved = Resolved {
        peer: wire.peer.ip().to_canonical(),
        local: wire.local.ip().to_canonical(),
        scheme: wire.scheme,
        host: None,
        is_veiled: false,
    };
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    if trusted.is_empty() || !is_trusted(&resolved.peer) {
        resolved.is_veiled = PROXY_HEADERS.iter().any(|name| headers.contains_key(name));
        return resolved;
    }
    // Each proxy appends whom it heard from. From the right, the first that is no proxy of ours is the client; what
    // stands further left is that client's own word.
    let chain = headers.get_all(FORWARDED_FOR).iter().collect::<Vec<_>>();
    let hops = chain
        .iter()
        .rev()
        .flat_map(|value| value.to_str().unwrap_or("").rsplit(','));
    for hop in hops {
        let Some(ip) = address(hop) else { break };
        resolved.peer = ip;
        if !is_trusted(&ip) {
            break;
        }
    }
    match headers.get(FORWARDED_PROTO).map(HeaderValue::as_bytes) {
        Some(b"https") => resolved.scheme = "https",
        Some(b"http") => resolved.scheme = "http",
        _ => {}
    }
    resolved.host = headers.get(FORWARDED_HOST).cloned();
    resolved
}

/// An address, with or without a port.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let ip = hop.parse::<IpAddr>().ok();
    let ip = ip.or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()));
    ip.map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve_from(peer: &str, headers: &[(&str, &str)]) -> Resolved {
        let wire = Wire {
            peer: peer.parse().unwrap(),
            local: "192.0.2.1:5000".parse().unwrap(),
            scheme: "http",
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        resolve(wire, &map, &["10.0.0.0/8".parse().unwrap()])
    }

    const ALL: [(&str, &str); 3] = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "registry.example"),
    ];

    #[test]
    fn strangers_forwarded_headers_do_not_count() {
        let resolved = resolve_from("203.0.113.1:999", &ALL);
        assert_eq!(resolved.peer.to_string(), "203.0.113.1");
        assert_eq!((resolved.scheme, resolved.host), ("http", None));
        assert!(resolved.is_veiled);
        assert!(!resolve_from("203.0.113.1:999", &[]).is_veiled);
    }

    #[test]
    fn a_trusted_proxys_forwarded_headers_count() {
        for peer in ["10.0.0.1:999", "[::ffff:10.0.0.1]:999"] {
            let resolved = resolve_from(peer, &ALL);
            assert_eq!(resolved.peer.to_string(), "203.0.113.9");
            assert_eq!(resolved.scheme, "https");
            assert_eq!(resolved.host.unwrap(), "registry.example");
        }
    }

    #[test]
    fn only_what_trusted_proxies_appended_counts() {
        for (chain, client) in [
            (vec!["198.51.100.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (vec!["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            (vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (vec!["203.0.113.9:4711"], "203.0.113.9"),
            (vec!["[2001:db8::9]:4711"], "2001:db8::9"),
            (vec!["203.0.113.9, nonsense, 10.0.0.2"], "10.0.0.2"),
            (vec!["nonsense"], "10.0.0.1"),
            (vec![""], "10.0.0.1"),
            (vec![], "10.0.0.1"),
        ] {
            let headers: Vec<_> = chain.iter().map(|value| ("x-forwarded-for", *value)).collect();
            assert_eq!(
                resolve_from("10.0.0.1:999", &headers).peer.to_string(),
                client,
                "{chain:?}"
            );
        }
    }

    #[test]
    fn other_schemes_do_not_count() {
        let resolved = resolve_from("10.0.0.1:999", &[("x-forwarded-proto", "javascript")]);
        assert_eq!(resolved.scheme, "http");
    }
}
