//! The directory's refresh tokens: with one, a client keeps a person signed in. They are sealed for this server and open
//! nowhere else, so no client can read anything out of them, and they outlive a rotation of the signing keys. Nothing is
//! stored: a token falls with the generation of the person that it names.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Sealer;

/// How long after signing in a refresh token can be used (Entra ID: 90 days). Each use gives a new one that ends with the
/// one it came from.
pub const REFRESH_TOKEN_SECS: i64 = 90 * 24 * 60 * 60;
/// The longest that is looked at.
const MAX_BYTES: usize = 1024;
/// Nothing sealed for another context passes for a refresh token.
const CONTEXT: &str = "refresh token of the directory";

/// What a refresh token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// The object id of the person.
    pub object_id: Uuid,
    /// The only client that may use it.
    pub client_id: Uuid,
    /// The person's generation when it was issued.
    pub generation: i64,
    /// The first second in which it is no longer good.
    pub expires_at: i64,
}

impl RefreshToken {
    /// The token as its client keeps it.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> SecretString {
        let text = serde_json::to_string(self).expect("ids and numbers serialise");
        let sealed = sealer
            .seal(&SecretString::from(text), CONTEXT)
            .expect("a refresh token is short");
        SecretString::from(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a token; `None` when it is not one of this server's. Whether it is good still is for the caller to ask.
    #[must_use]
    pub fn open(token: &SecretString, sealer: &Sealer) -> Option<Self> {
        let token = token.expose_secret();
        if token.len() > MAX_BYTES {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let text = sealer.open(&sealed, CONTEXT).ok()?;
        serde_json::from_str(text.expose_secret()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerKeys;

    fn sealer() -> Sealer {
        Sealer::new(&ServerKeys::open_or_create(tempfile::tempdir().unwrap().path()).unwrap())
    }

    #[test]
    fn a_refresh_token_opens_at_its_own_server_only() {
        let (ours, theirs) = (sealer(), sealer());
        let token = RefreshToken {
            object_id: Uuid::from_u128(1),
            client_id: Uuid::from_u128(2),
            generation: 3,
            expires_at: 4,
        };
        let sealed = token.seal(&ours);
        assert_eq!(RefreshToken::open(&sealed, &ours).as_ref(), Some(&token));
        assert_eq!(RefreshToken::open(&sealed, &theirs), None);
        let other = ours.seal(&SecretString::from("{}"), "elsewhere").unwrap();
        for bad in ["", "x", &"x".repeat(10_000), &URL_SAFE_NO_PAD.encode(other)] {
            assert_eq!(RefreshToken::open(&SecretString::from(bad), &ours), None);
        }
        let padded = format!("{}{}", serde_json::to_string(&token).unwrap(), " ".repeat(MAX_BYTES));
        let padded = ours.seal(&SecretString::from(padded), CONTEXT).unwrap();
        let padded = SecretString::from(URL_SAFE_NO_PAD.encode(padded));
        assert_eq!(RefreshToken::open(&padded, &ours), None, "whole, and too long");
    }
}
