//! What tokens of the directory may be for: this server under its own names, and what clients of Azure call its parts.
//! Tokens for anything else are not issued and open nothing. It refuses to know who may do what there.

use std::{collections::HashSet, net::IpAddr};

/// What clients call ARM in Azure.
const ARM: [&str; 2] = ["https://management.azure.com", "https://management.core.windows.net"];
/// What they call Graph, the second since older days.
const GRAPH: [&str; 2] = ["https://graph.microsoft.com", "https://graph.windows.net"];
/// What they call all registries.
const REGISTRIES: &str = "https://containerregistry.azure.net";

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// This server by a name of its own.
    Here,
    /// ARM by its name in Azure.
    Arm,
    /// Graph by its name in Azure.
    Graph,
    /// Registries.
    Registries,
}

impl Resource {
    /// One word, whatever way the client spelled it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Arm => "arm",
            Self::Graph => "graph",
            Self::Registries => "registries",
        }
    }
}

/// The names of the host that directory, ARM and Graph are on.
#[derive(Debug, Clone, Default)]
pub struct OwnNames {
    domain: String,
    hostnames: HashSet<String>,
}

impl OwnNames {
    /// `domain` and `hostnames` are lower case.
    #[must_use]
    pub fn new(domain: &str, hostnames: &[String]) -> Self {
        Self {
            domain: domain.to_owned(),
            hostnames: hostnames.iter().cloned().collect(),
        }
    }

    /// Whether the server goes by a host, given in lower case and without brackets, port or a dot at the end. `local` is
    /// the address of ours that the connection came in on.
    #[must_use]
    pub fn holds(&self, host: &str, local: IpAddr) -> bool {
        if self.hostnames.contains(host) || host == "localhost" || host == self.domain {
            return true;
        }
        let ip = host.parse::<IpAddr>().map(|ip| ip.to_canonical());
        ip.is_ok_and(|ip| ip.is_loopback() || ip == local.to_canonical())
    }

    /// The resource that a client means. Slashes at the end make no difference: `az` sends one more than the SDKs do. Nor
    /// does the port, which the server cannot know where something stands before it.
    #[must_use]
    pub fn find_resource(&self, spelled: &str, local: IpAddr) -> Option<Resource> {
        let spelled = spelled.trim_end_matches('/').to_ascii_lowercase();
        if spelled == REGISTRIES {
            return Some(Resource::Registries);
        }
        if ARM.contains(&spelled.as_str()) {
            return Some(Resource::Arm);
        }
        if GRAPH.contains(&spelled.as_str()) {
            return Some(Resource::Graph);
        }
        let authority = spelled
            .strip_prefix("https://")
            .or_else(|| spelled.strip_prefix("http://"))?;
        let host = host_of(authority)?;
        self.holds(host, local).then_some(Resource::Here)
    }
}

/// The host of `HOST[:PORT]`, without brackets and a dot at the end.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() {
                None
            } else {
                Some(rest.strip_prefix(':')?)
            };
            (host, port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let host = host.strip_suffix('.').unwrap_or(host);
    (port.is_none_or(is_port) && !host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_goes_by_its_names_and_by_no_other() {
        let names = OwnNames::new("registry.example", &["hub.example".to_owned(), "10.1.2.3".to_owned()]);
        for (spelled, expected) in [
            ("https://localhost:5443/", Some(Resource::Here)),
            ("https://localhost:5443", Some(Resource::Here)),
            ("https://LocalHost.//", Some(Resource::Here)),
            ("http://127.0.0.1:5000/", Some(Resource::Here)),
            ("https://[::1]:5443/", Some(Resource::Here)),
            ("https://[::1]", Some(Resource::Here)),
            ("https://registry.example", Some(Resource::Here)),
            ("https://hub.example:8443/", Some(Resource::Here)),
            ("https://10.1.2.3/", Some(Resource::Here)),
            ("https://192.0.2.7:5443/", Some(Resource::Here)),
            ("https://management.azure.com", Some(Resource::Arm)),
            ("https://management.core.windows.net/", Some(Resource::Arm)),
            ("https://graph.microsoft.com/", Some(Resource::Graph)),
            ("https://graph.windows.net/", Some(Resource::Graph)),
            ("https://containerregistry.azure.net/", Some(Resource::Registries)),
            ("https://vault.azure.net", None),
            ("https://192.0.2.8:5443/", None),
            ("https://registry.example.evil.example/", None),
            ("https://myregistry.registry.example/", None),
            ("https://localhost:5443/other", None),
            ("https://localhost:", None),
            ("https://localhost:x", None),
            ("https://localhost@evil.example/", None),
            ("https://user:5443@localhost/", None),
            ("https://[::1", None),
            ("https://[::1]x", None),
            ("http://management.azure.com", None),
            ("localhost:5443", None),
            ("api://app", None),
            ("https://", None),
            ("https://.", None),
            ("", None),
        ] {
            assert_eq!(
                names.find_resource(spelled, "192.0.2.7".parse().unwrap()),
                expected,
                "{spelled}"
            );
        }
    }
}
