//! From where a registry may be reached at all: the rules of its firewall and their one decision. It comes before any
//! question of who calls, and knows only the caller's address. It refuses to find that address out: the server does,
//! through its trusted proxies.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// How much of a text that is no rule an error shows: what a rule has at most (an IPv6 address in full, a slash and a
/// length), with room.
const MAX_SHOWN_CHARS: usize = 64;
/// How many bits of an IPv6 address say that an IPv4 address follows (`::ffff:0:0/96`).
const MAPPED_BITS: u8 = 96;

/// What happens to an address that no rule names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NetworkAction {
    /// It may come in.
    #[default]
    Allow,
    /// It may not.
    Deny,
}

/// One allowed address or range of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpRule {
    network: IpNet,
    text: String,
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{input} is not an IPv4 or IPv6 address or CIDR range, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")]
pub struct IpRuleError {
    /// What was given, shortened.
    pub input: String,
}

/// The rules of one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkRules {
    /// Whether any network may reach it (ACR: `publicNetworkAccess`). Off, the rules do not matter: nobody comes in.
    pub public_access: bool,
    /// For addresses that no rule names.
    pub default_action: NetworkAction,
    /// The addresses that may come in whatever the default is.
    pub ip_rules: Vec<IpRule>,
}

impl Default for NetworkRules {
    /// Everybody may come in.
    fn default() -> Self {
        Self {
            public_access: true,
            default_action: NetworkAction::Allow,
            ip_rules: Vec::new(),
        }
    }
}

impl NetworkRules {
    /// Whether a client at this address may speak to the registry. An IPv4 address inside an IPv6 one counts as the
    /// IPv4 address. This machine's own addresses are addresses like all others.
    #[must_use]
    pub fn admits(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.public_access
            && (self.default_action == NetworkAction::Allow
                || self.ip_rules.iter().any(|rule| rule.network.contains(&peer)))
    }

    /// Whether they shut anybody out.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.public_access && self.default_action == NetworkAction::Allow
    }
}

impl NetworkAction {
    /// As ARM writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }

    /// Reads it in any case.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        [Self::Allow, Self::Deny]
            .into_iter()
            .find(|action| action.as_str().eq_ignore_ascii_case(text))
    }
}

impl IpRule {
    /// The rule as it was given: `az acr network-rule remove` looks for that text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether two rules name the same addresses.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.network == other.network
    }
}

impl FromStr for IpRule {
    type Err = IpRuleError;

    fn from_str(input: &str) -> Result<Self, IpRuleError> {
        let text = input.trim();
        let wrong = || IpRuleError {
            input: format!("{:?}", input.chars().take(MAX_SHOWN_CHARS).collect::<String>()),
        };
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => unmapped(text.parse::<IpNet>().map_err(|_| wrong())?),
        };
        Ok(Self {
            network: network.trunc(),
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for IpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A range of IPv4 addresses written as IPv6 ones is a range of IPv4 addresses.
fn unmapped(network: IpNet) -> IpNet {
    let bits = network.prefix_len();
    match (network.addr().to_canonical(), network) {
        (IpAddr::V4(address), IpNet::V6(_)) if bits >= MAPPED_BITS => {
            Ipv4Net::new(address, bits - MAPPED_BITS).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deny_but(rules: &[&str]) -> NetworkRules {
        NetworkRules {
            default_action: NetworkAction::Deny,
            ip_rules: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
            ..NetworkRules::default()
        }
    }

    fn admits(rules: &NetworkRules, peer: &str) -> bool {
        rules.admits(peer.parse().unwrap())
    }

    #[test]
    fn only_named_addresses_come_in_where_the_default_is_to_deny() {
        let rules = deny_but(&["192.0.2.7", "198.51.100.9/24", "2001:db8::1", "2001:db8:7::/48"]);
        for inside in [
            "192.0.2.7",
            "198.51.100.255",
            "2001:db8::1",
            "2001:db8:7:ffff::9",
            "::ffff:192.0.2.7",
        ] {
            assert!(admits(&rules, inside), "{inside}");
        }
        for outside in [
            "192.0.2.8",
            "198.51.101.0",
            "2001:db8::2",
            "2001:db8:8::",
            "127.0.0.1",
            "::1",
        ] {
            assert!(!admits(&rules, outside), "{outside}");
        }
        assert!(!admits(&deny_but(&[]), "127.0.0.1"), "this machine is no exception");
    }

    #[test]
    fn a_mapped_rule_is_one_of_ipv4() {
        let rules = deny_but(&["::ffff:192.0.2.7", "::ffff:198.51.100.0/120"]);
        for inside in ["192.0.2.7", "198.51.100.3", "::ffff:198.51.100.3"] {
            assert!(admits(&rules, inside), "{inside}");
        }
        assert!(!admits(&rules, "198.51.101.3"));
        let all_of_ipv6 = deny_but(&["::/0"]);
        assert!(admits(&all_of_ipv6, "2001:db8::1") && !admits(&all_of_ipv6, "192.0.2.7"));
    }

    #[test]
    fn a_registry_closed_to_the_public_admits_no_one() {
        let mut rules = deny_but(&["0.0.0.0/0"]);
        assert!(admits(&rules, "192.0.2.7"));
        rules.public_access = false;
        assert!(!admits(&rules, "192.0.2.7"));
        rules.default_action = NetworkAction::Allow;
        assert!(!admits(&rules, "192.0.2.7") && !rules.is_open());
        assert!(NetworkRules::default().is_open() && admits(&NetworkRules::default(), "::1"));
    }

    #[test]
    fn rules_keep_their_spelling_and_other_texts_are_refused() {
        let rule: IpRule = " 10.0.0.1/8 ".parse().unwrap();
        assert_eq!(rule.as_str(), "10.0.0.1/8");
        assert!(rule.is_same(&"10.0.0.0/8".parse().unwrap()));
        for wrong in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0",
            "1.2.3.4-1.2.3.9",
            "fe80::1%eth0",
            "::/129",
            "1.2.3.4/",
        ] {
            assert!(wrong.parse::<IpRule>().is_err(), "{wrong}");
        }
        let zeros = "0".repeat(2_000);
        for long in [
            "1".repeat(2_000),
            format!("{zeros}1.2.3.4"),
            format!("1.2.3.4/{zeros}8"),
            format!("2001:{zeros}db8::"),
            format!("2001:db8::/{zeros}32"),
        ] {
            assert!(long.parse::<IpRule>().unwrap_err().to_string().len() < 200);
        }
    }
}
