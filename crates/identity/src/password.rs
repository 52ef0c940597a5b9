//! Generated passwords. People never choose one here, so there is nothing to guess and no slow hash is needed.
//!
//! The shape is ACR's (52 characters, `+ACR` at offset 42), so that scanners which look for leaked credentials in
//! source code see one: 42 characters of base64 with 252 random bits, the mark, and six characters of checksum. Ours is
//! the CRC-32 of the 46 characters before it, in base64. It holds no secret and proves nothing; it lets a scanner tell a
//! password from chance. Microsoft's checksum is another, so nobody can take ours for a credential of Azure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// The length of a generated password.
pub const PASSWORD_CHARS: usize = 52;

const RANDOM_CHARS: usize = 42;
const HINT_CHARS: usize = 3;
const MARK: &str = "+ACR";
const CHECKED_CHARS: usize = RANDOM_CHARS + MARK.len();

/// A new password, with 252 bits from the operating system.
#[must_use]
pub fn generate() -> SecretString {
    let mut random = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *random).expect("the operating system gives random bytes");
    let letters = Zeroizing::new(STANDARD_NO_PAD.encode(*random));
    let mut password = Zeroizing::new(String::with_capacity(PASSWORD_CHARS));
    password.push_str(&letters[..RANDOM_CHARS]);
    password.push_str(MARK);
    let checksum = checksum(&password);
    password.push_str(&checksum);
    SecretString::from(password.as_str())
}

/// The first characters of a password, by which people tell theirs apart (Graph: `hint`). 234 bits stay unknown.
#[must_use]
pub fn hint(password: &SecretString) -> String {
    password.expose_secret().chars().take(HINT_CHARS).collect()
}

/// Whether the text has the shape and checksum of a generated password: what a scanner for leaked secrets asks.
#[must_use]
pub fn looks_generated(text: &str) -> bool {
    text.len() == PASSWORD_CHARS
        && text.is_ascii()
        && &text[RANDOM_CHARS..CHECKED_CHARS] == MARK
        && text[CHECKED_CHARS..] == checksum(&text[..CHECKED_CHARS])
}

fn checksum(text: &str) -> String {
    STANDARD_NO_PAD.encode(crc32(text.as_bytes()).to_be_bytes())
}

/// CRC-32 of ISO 3309, as in zip and PNG, without a table: it runs once for each password.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn passwords_have_acrs_shape_and_do_not_repeat() {
        let mut seen = HashSet::new();
        for _ in 0..200 {
            let password = generate();
            let text = password.expose_secret();
            assert!(looks_generated(text), "{text}");
            assert_eq!((text.len(), &text[42..46]), (52, "+ACR"));
            assert!(
                text.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/'),
                "{text}"
            );
            assert_eq!(hint(&password), text[..3]);
            assert!(seen.insert(text.to_owned()));
            assert_eq!(format!("{password:?}").find(text), None);
        }
        let first_letters: HashSet<u8> = seen.iter().map(|p| p.as_bytes()[0]).collect();
        let last_letters: HashSet<u8> = seen.iter().map(|p| p.as_bytes()[41]).collect();
        assert!(
            first_letters.len() > 30 && last_letters.len() > 30,
            "every place varies"
        );
    }

    #[test]
    fn the_checksum_is_the_one_everybody_knows() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        for text in ["", "short", &"é".repeat(26), &"A".repeat(52)] {
            assert!(!looks_generated(text));
        }
    }
}
