//! JSON Web Signatures in the compact form (RFC 7515 section 7.1): nothing else takes a token apart or puts one
//! together. It refuses to choose keys and to read headers and claims; each kind of token has its own strict types.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::SigningKey;

/// A token in its three parts. Nothing of it is proven.
#[derive(Clone, Copy)]
pub(crate) struct Jws<'t> {
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
    message: &'t str,
}

/// A part is not what the form demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Which part.
    pub(crate) part: &'static str,
}

impl<'t> Jws<'t> {
    /// Takes a token apart.
    pub(crate) fn parse(token: &'t str) -> Result<Self, Malformed> {
        let structure = Malformed { part: "structure" };
        let (message, signature) = token.rsplit_once('.').ok_or(structure)?;
        let (header, payload) = message.split_once('.').ok_or(structure)?;
        Ok(Self {
            header,
            payload,
            signature,
            message,
        })
    }

    /// The header, as JSON that is not read yet.
    pub(crate) fn header(&self) -> Result<Vec<u8>, Malformed> {
        decode(self.header, "header")
    }

    /// The claims, as JSON that is not read yet.
    pub(crate) fn claims(&self) -> Result<Vec<u8>, Malformed> {
        decode(self.payload, "claims")
    }

    /// What is said to be signed.
    pub(crate) fn message(&self) -> &'t [u8] {
        self.message.as_bytes()
    }

    /// The signature.
    pub(crate) fn signature(&self) -> Result<Vec<u8>, Malformed> {
        decode(self.signature, "signature")
    }
}

/// Signs claims under a header, both as JSON.
pub(crate) fn sign(key: &SigningKey, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, Malformed> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Malformed { part: name })
}
