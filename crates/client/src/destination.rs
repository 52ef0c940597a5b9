//! Which addresses may be reached. An inside address is one that the open internet would not route, or that a cloud gives
//! a meaning of its own: whoever makes the server ask it reaches what only the server should reach. It refuses to resolve
//! names and to connect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::allow::{Allowed, comparable};

/// What may be reached: the open internet, and what the operator allows.
#[derive(Debug, Clone, Default)]
pub struct Destinations {
    allowed: Vec<Allowed>,
}

impl Destinations {
    /// The open internet and these.
    #[must_use]
    pub fn new(allowed: Vec<Allowed>) -> Self {
        Self { allowed }
    }

    /// Whether a host that resolved to this address may be connected to.
    #[must_use]
    pub fn may_reach(&self, host: &str, port: u16, address: IpAddr) -> bool {
        !is_inside(address) || self.is_allowed(host, port, address)
    }

    /// Whether a host may be spoken to in plain HTTP.
    #[must_use]
    pub fn may_speak_plainly(&self, host: &str, port: u16) -> bool {
        let host = comparable(host);
        self.allowed.iter().any(
            |allowed| matches!(allowed, Allowed::PlainHttp { host: plain, port: of } if *plain == host && *of == port),
        )
    }

    fn is_allowed(&self, host: &str, port: u16, address: IpAddr) -> bool {
        let (host, address) = (comparable(host), address.to_canonical());
        self.allowed.iter().any(|allowed| match allowed {
            Allowed::Network(network) => network.contains(&address),
            Allowed::Host(name) => *name == host,
            Allowed::PlainHttp { host: name, port: of } => *name == host && *of == port,
        })
    }
}

/// Networks of IPv4 that are not the open internet (IANA's special-purpose registry), and one that a cloud took.
const INSIDE_V4: &[Ipv4Net] = &[
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Azure answers a machine's questions about itself here, as others do at 169.254.169.254.
    v4([168, 63, 129, 16], 32),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// All that is given out of IPv6's open internet (RFC 4291); the rest is inside or nowhere.
const OPEN_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// Parts of [`OPEN_V6`] that are not: protocol assignments with Teredo, and documentation.
const INSIDE_V6: &[Ipv6Net] = &[
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];
/// An IPv4 address translated (RFC 6052).
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
/// An IPv4 address tunnelled (RFC 3056).
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// Whether an address is not part of the open internet, whichever way it is written.
#[must_use]
pub fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_inside_v4(address),
        IpAddr::V6(address) => is_inside_v6(address),
    }
}

fn is_inside_v4(address: Ipv4Addr) -> bool {
    INSIDE_V4.iter().any(|network| network.contains(&address))
}

fn is_inside_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_inside_v4(mapped);
    }
    let [_, _, a, b, c, d, ..] = address.octets();
    let [.., e, f, g, h] = address.octets();
    if NAT64.contains(&address) {
        return is_inside_v4(Ipv4Addr::new(e, f, g, h));
    }
    if SIX_TO_FOUR.contains(&address) {
        return is_inside_v4(Ipv4Addr::new(a, b, c, d));
    }
    !OPEN_V6.contains(&address) || INSIDE_V6.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_addresses_are_known_in_every_form() {
        for inside in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2002:c0a8:101::",
            "2001::1",
            "2001:0:4136:e378::",
            "2001:20::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "4000::1",
        ] {
            assert!(is_inside(inside.parse().unwrap()), "{inside}");
        }
    }

    #[test]
    fn the_open_internet_is_not_inside() {
        for open in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00::1",
        ] {
            assert!(!is_inside(open.parse().unwrap()), "{open}");
        }
    }

    #[test]
    fn the_operator_s_list_opens_what_it_names_and_nothing_else() {
        let list = ["10.1.0.0/16", "registry.corp.example", "http://localhost:5001"];
        let destinations = Destinations::new(list.iter().map(|entry| entry.parse().unwrap()).collect());
        let may = |host: &str, port, address: &str| destinations.may_reach(host, port, address.parse().unwrap());
        assert!(may("any.example", 443, "8.8.8.8"));
        assert!(may("any.example", 443, "10.1.2.3"));
        assert!(may("any.example", 443, "::ffff:10.1.2.3"));
        assert!(!may("any.example", 443, "10.2.0.1"));
        assert!(may("REGISTRY.corp.example.", 443, "192.168.0.1"));
        assert!(!may("x.registry.corp.example", 443, "192.168.0.1"));
        assert!(may("localhost", 5001, "127.0.0.1"));
        assert!(!may("localhost", 5002, "127.0.0.1"));
        assert!(destinations.may_speak_plainly("LOCALHOST", 5001));
        assert!(!destinations.may_speak_plainly("localhost", 80));
        assert!(!destinations.may_speak_plainly("registry.corp.example", 80));
    }
}
