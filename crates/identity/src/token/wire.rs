//! The JSON inside tokens, as ACR writes it (Azure clients look into it, see the fields), and one claim of our own.

use holdfast_access::{Permission, Permissions, Scope};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{BACKDATE_SECS, ISSUER};

/// The header of every token of this server. Closed: `crit`, `jwk`, `jku`, `x5c` and whatever comes next are refused by
/// not being here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) alg: Algorithm,
    pub(super) typ: Type,
    pub(super) kid: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Algorithm {
    RS256,
}

#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::upper_case_acronyms, reason = "it is the word on the wire")]
pub(super) enum Type {
    JWT,
}

pub(super) fn header_json(kid: &str) -> String {
    let header = Header {
        alg: Algorithm::RS256,
        typ: Type::JWT,
        kid: kid.to_owned(),
    };
    serde_json::to_string(&header).expect("a header of plain strings serialises")
}

/// The claims. All but the optional ones must be there when a token is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Payload {
    pub(super) jti: String,
    pub(super) sub: String,
    pub(super) nbf: i64,
    pub(super) exp: i64,
    pub(super) iat: i64,
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) version: String,
    pub(super) rid: String,
    pub(super) grant_type: GrantType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) access: Vec<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) permissions: Option<Actions>,
    /// ACR has the claim and leaves it empty.
    pub(super) roles: Vec<String>,
    /// Ours: what the token stands and falls with.
    pub(super) credential: Credential,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GrantType {
    AccessToken,
    RefreshToken,
}

/// The credential that a token came from. Whoever accepts the token looks whether it is still the same: a password that
/// was renewed has a higher generation, and the tokens of the old one are void at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Credential {
    /// Nobody: anonymous pull.
    Anonymous,
    /// A password of the registry's admin account.
    Admin {
        /// 1 for `password`, 2 for `password2`.
        slot: u8,
        /// Counts the renewals of that slot.
        generation: i64,
    },
    /// A password of a named token.
    Token {
        /// The token's name.
        name: String,
        /// 1 or 2.
        slot: u8,
        /// Counts the renewals of that slot.
        generation: i64,
    },
    /// A principal of the directory.
    Principal {
        /// The application or object id.
        id: String,
        /// Counts what voids its tokens.
        generation: i64,
    },
}

/// The `permissions` claim of a refresh token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Actions {
    #[serde(rename = "Actions")]
    actions: Vec<String>,
    #[serde(rename = "NotActions")]
    not_actions: Option<Vec<String>>,
}

impl Actions {
    pub(super) fn new(permissions: Permissions) -> Self {
        let word = |permission| match permission {
            Permission::Pull => Some("read"),
            Permission::Push => Some("write"),
            Permission::Delete => Some("delete"),
            Permission::MetadataRead => Some("metadata/read"),
            Permission::MetadataWrite => Some("metadata/write"),
            // ACR: reading the catalog is implied by `read`.
            Permission::CatalogRead => None,
        };
        Self {
            actions: permissions.iter().filter_map(word).map(str::to_owned).collect(),
            not_actions: None,
        }
    }
}

/// ACR: version 2.0 tokens name metadata actions, in older ones `pull` implies them.
pub(super) fn version_for(access: &[Scope]) -> &'static str {
    let metadata = Permissions::empty()
        .with(Permission::MetadataRead)
        .with(Permission::MetadataWrite);
    if access
        .iter()
        .any(|scope| !scope.permissions().intersect(metadata).is_empty())
    {
        "2.0"
    } else {
        "1.0"
    }
}

impl Payload {
    pub(super) fn new(grant_type: GrantType, now: i64, usable_secs: i64, credential: Credential) -> Self {
        let issued_at = now - BACKDATE_SECS;
        Self {
            jti: Uuid::new_v4().to_string(),
            sub: String::new(),
            nbf: issued_at,
            exp: now + usable_secs,
            iat: issued_at,
            iss: ISSUER.to_owned(),
            aud: String::new(),
            version: "1.0".to_owned(),
            rid: String::new(),
            grant_type,
            tenant: None,
            access: Vec::new(),
            permissions: None,
            roles: Vec::new(),
            credential,
        }
    }

    /// Ends the token with its source, when that ends earlier.
    pub(super) fn end_with(&mut self, source_ends_at: Option<i64>) {
        self.exp = source_ends_at.map_or(self.exp, |end| self.exp.min(end));
    }

    /// JSON whose base64url text has neither `-` nor `_`, because the Azure SDK for Python decodes the claims of refresh
    /// tokens as plain base64. Only non-ASCII bytes and `>`, `?`, `~`, DEL make those letters. All of these occur only
    /// inside strings, where they can be written as `\uXXXX`.
    pub(super) fn to_plain_json(&self) -> String {
        let json = serde_json::to_string(self).expect("claims of plain strings and numbers serialise");
        let is_plain = |c: char| c.is_ascii() && !matches!(c, '>' | '?' | '~' | '\x7f');
        if json.chars().all(is_plain) {
            return json;
        }
        let mut plain = String::with_capacity(json.len() + 64);
        for character in json.chars() {
            if is_plain(character) {
                plain.push(character);
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    plain.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
        plain
    }
}
