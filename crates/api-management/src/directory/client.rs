//! Clients that people sign in with and that keep no secret: programs on their own machines. They are known by the ids
//! that Microsoft gave them, since the unmodified programs send those.

use uuid::Uuid;

use super::refusal;
use crate::error::Error;

/// A program of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PublicClient {
    pub(super) id: Uuid,
    /// For people.
    pub(super) name: &'static str,
}

const KNOWN: [PublicClient; 3] = [
    // The Azure SDKs, where nobody names another, send the same.
    PublicClient {
        id: Uuid::from_u128(0x04b0_7795_8ddb_461a_bbee_02f9_e1bf_7b46),
        name: "the Azure CLI",
    },
    PublicClient {
        id: Uuid::from_u128(0x1950_a258_227b_4e31_a9cf_7174_9594_5fc2),
        name: "Azure PowerShell",
    },
    PublicClient {
        id: Uuid::from_u128(0xaebc_6443_996d_45c2_90f0_388f_f96f_aa56),
        name: "Visual Studio Code",
    },
];

/// The client of an id.
pub(super) fn load(id: &str) -> Result<PublicClient, Error> {
    let parsed = Uuid::parse_str(id).ok();
    let found = KNOWN.into_iter().find(|client| Some(client.id) == parsed);
    found.ok_or_else(|| refusal::unknown_client(id))
}

/// The client of an id that this server wrote down.
pub(super) fn name(id: Uuid) -> &'static str {
    KNOWN
        .into_iter()
        .find(|client| client.id == id)
        .map_or("a program", |client| client.name)
}

/// Whether a code may be sent there: only to the person's own machine, where the client listens. Whoever reads this
/// strictly leaves nothing for a browser to read otherwise.
pub(super) fn is_loopback_redirect(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("http://localhost") else {
        return false;
    };
    let (port, path) = rest.split_once('/').map_or((rest, ""), |(port, path)| (port, path));
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok());
    is_port && path.len() <= 256 && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(&b))
}

/// Scheme, host and port of a redirect that [`is_loopback_redirect`].
pub(super) fn origin(uri: &str) -> &str {
    const SCHEME: &str = "http://";
    let end = uri.get(SCHEME.len()..).and_then(|rest| rest.find('/'));
    end.map_or(uri, |end| &uri[..SCHEME.len() + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sent_to_the_persons_own_machine_only() {
        for good in [
            "http://localhost",
            "http://localhost:8400",
            "http://localhost:8400/",
            "http://localhost/a/b_c",
        ] {
            assert!(is_loopback_redirect(good), "{good}");
            assert!(origin(good).starts_with("http://localhost") && !origin(good)[7..].contains('/'));
        }
        for bad in [
            "",
            "https://localhost",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://localhost:80@evil.example",
            "http://localhost:/",
            "http://localhost:99999",
            "http://localhost:+80",
            "http://localhost\\evil.example",
            "http://localhost:1\\@evil.example",
            "http://localhost/?next=//evil.example",
            "http://localhost/#x",
            "http://localhost/%2f",
            "http://localhost/\r\nSet-Cookie: a",
            "HTTP://localhost",
            "http://127.0.0.1",
            "//localhost",
            "javascript:alert(1)",
        ] {
            assert!(!is_loopback_redirect(bad), "{bad}");
        }
    }

    #[test]
    fn clients_are_known_by_their_ids() {
        assert_eq!(
            load("04B07795-8ddb-461a-bbee-02f9e1bf7b46").unwrap().name,
            "the Azure CLI"
        );
        for bad in ["", "x", "00000000-0000-0000-0000-000000000000"] {
            assert!(load(bad).is_err(), "{bad}");
        }
    }
}
