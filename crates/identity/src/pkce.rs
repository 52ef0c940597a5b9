//! PKCE (RFC 7636): whoever redeems an authorization code proves to be the one who asked for it. Only `S256`: a plain
//! challenge proves nothing to those who saw it.

use aws_lc_rs::{constant_time, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A code challenge: the SHA-256 of the verifier.
pub type Challenge = [u8; 32];

/// Reads a challenge of method `S256`; `None` when it is none.
#[must_use]
pub fn parse(challenge: &str) -> Option<Challenge> {
    URL_SAFE_NO_PAD.decode(challenge).ok()?.try_into().ok()
}

/// Whether the verifier is the one of the challenge. One that is not 43 to 128 unreserved characters (RFC 7636 §4.1)
/// never is.
#[must_use]
pub fn matches(verifier: &str, challenge: &Challenge) -> bool {
    let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(is_unreserved) {
        return false;
    }
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    constant_time::verify_slices_are_equal(hash.as_ref(), challenge).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_matches_and_nothing_else_does() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(matches(verifier, &challenge));
        assert!(!matches(&verifier.replace('d', "e"), &challenge));
        assert!(!matches("", &challenge));
        assert!(!matches(&"x".repeat(129), &challenge));
        for bad in [
            "",
            "E9Melhoa",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
            verifier.trim_end_matches('k'),
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_verifier_that_is_none_matches_not_even_its_own_hash() {
        let own = |verifier: &str| {
            let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
            matches(verifier, hash.as_ref().try_into().unwrap())
        };
        for good in ["-._~".repeat(11), "x".repeat(43), "x".repeat(128)] {
            assert!(own(&good), "{good}");
        }
        for bad in ["x".repeat(42), "x".repeat(129), "+".repeat(43), "\u{e9}".repeat(30)] {
            assert!(!own(&bad), "{bad}");
        }
    }
}
