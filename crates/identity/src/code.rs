//! Codes that stand for a sign-in under way: long ones that programs hold, short ones that people type.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// The length of a code that people type.
pub const USER_CODE_CHARS: usize = 9;
/// Letters that nobody mixes up and that make no words (RFC 8628 §6.1). 20^9 codes, of which some thousand are in use
/// for 15 minutes: with the throttle on failures, there is nothing to guess.
const USER_CODE_LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// A code with 256 bits from the operating system.
#[must_use]
pub fn generate() -> SecretString {
    let mut random = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *random).expect("the operating system gives random bytes");
    SecretString::from(URL_SAFE_NO_PAD.encode(*random))
}

/// A code for people.
#[must_use]
pub fn generate_user_code() -> String {
    let mut code = String::with_capacity(USER_CODE_CHARS);
    while code.len() < USER_CODE_CHARS {
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).expect("the operating system gives random bytes");
        // 240 is a multiple of 20: every letter is as likely as the others.
        let letters = random.iter().filter(|byte| **byte < 240);
        let letters = letters.map(|byte| char::from(USER_CODE_LETTERS[usize::from(*byte) % USER_CODE_LETTERS.len()]));
        let missing = USER_CODE_CHARS - code.len();
        code.extend(letters.take(missing));
    }
    code
}

/// What somebody typed as the code that it means: case, spaces and dashes do not count. `None` when it is none.
#[must_use]
pub fn read_user_code(typed: &str) -> Option<String> {
    let letters = typed.chars().filter(|letter| !matches!(letter, ' ' | '-' | '\t'));
    let code: String = letters.map(|letter| letter.to_ascii_uppercase()).collect();
    let is_code = code.len() == USER_CODE_CHARS && code.bytes().all(|byte| USER_CODE_LETTERS.contains(&byte));
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn codes_do_not_repeat_and_people_may_type_them_as_they_like() {
        let mut seen = HashSet::new();
        let mut letters = HashSet::new();
        for _ in 0..200 {
            assert!(seen.insert(generate().expose_secret().to_owned()));
            let code = generate_user_code();
            letters.extend(code.bytes());
            let typed = format!(" {}-{} {}", &code[..3].to_lowercase(), &code[3..6], &code[6..]);
            assert_eq!(read_user_code(&typed), Some(code.clone()));
            assert!(seen.insert(code));
        }
        assert_eq!(letters.len(), USER_CODE_LETTERS.len());
        for bad in ["", "BCDFGHJK", "BCDFGHJKLM", "ACDFGHJKL", "BCDFGHJK<"] {
            assert_eq!(read_user_code(bad), None, "{bad}");
        }
    }
}
