//! The `Authorization` header: which credential came with a request. Says nothing about whether it is right, and never
//! turns a malformed one into an anonymous caller.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// The longest header value that is read. ACR refresh tokens, which travel as Basic passwords, have 1 to 2 KiB.
pub const MAX_HEADER_BYTES: usize = 24 * 1024;
/// The longest user name: registry and token names have 50 characters, ids 36, names of people may be mail addresses.
pub const MAX_USER_BYTES: usize = 256;
/// The user name that says: the password is a token of this registry (ACR; `az acr login` signs docker in with it).
pub const NULL_GUID: &str = "00000000-0000-0000-0000-000000000000";

/// Base64 with or without padding: some clients leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The credential that came with a request. `Debug` shows no secret.
#[derive(Debug)]
pub enum Credentials {
    /// No `Authorization` header at all.
    None,
    /// A user name and a password.
    Basic {
        /// The user name: not empty, no control characters.
        user: String,
        /// The password: no control characters; may be empty.
        password: SecretString,
    },
    /// A token, unchecked.
    Bearer(SecretString),
}

impl Credentials {
    /// Reads the values of all `Authorization` headers of a request.
    ///
    /// # Errors
    /// There is more than one, or the one is malformed or of a scheme that is not served. The caller answers 401.
    pub fn from_headers<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Error> {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(Self::None),
            (Some(value), None) => Self::parse(value),
            (Some(_), Some(_)) => Err(Error::Repeated),
        }
    }

    /// Reads one header value.
    ///
    /// # Errors
    /// See [`from_headers`](Self::from_headers).
    pub fn parse(value: &[u8]) -> Result<Self, Error> {
        if value.len() > MAX_HEADER_BYTES {
            return Err(Error::TooLong {
                length_bytes: value.len(),
            });
        }
        let value = std::str::from_utf8(value).map_err(|_| Error::Malformed {
            scheme: "authorization",
        })?;
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        let rest = rest.trim_matches(' ');
        // RFC 9110 §11.1: the scheme's case does not matter.
        if scheme.eq_ignore_ascii_case("basic") {
            Self::parse_basic(rest)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            parse_bearer(rest)
        } else {
            Err(Error::UnknownScheme)
        }
    }

    /// A user name and password from a form, under the same rules as those in a header.
    ///
    /// # Errors
    /// The user name is empty or too long, or either holds control characters.
    pub fn basic(user: &str, password: &str) -> Result<Self, Error> {
        if user.len() > MAX_USER_BYTES {
            return Err(Error::UserTooLong {
                length_bytes: user.len(),
            });
        }
        // RFC 7617 §2: neither may hold control characters. A NUL would end the name early for somebody.
        if user.is_empty() || user.chars().chain(password.chars()).any(char::is_control) {
            return Err(Error::Malformed { scheme: "Basic" });
        }
        Ok(Self::Basic {
            user: user.to_owned(),
            password: SecretString::from(password),
        })
    }

    fn parse_basic(encoded: &str) -> Result<Self, Error> {
        let malformed = || Error::Malformed { scheme: "Basic" };
        let plain = Zeroizing::new(BASE64.decode(encoded).map_err(|_| malformed())?);
        let plain = std::str::from_utf8(&plain).map_err(|_| malformed())?;
        match plain.split_once(':').ok_or_else(malformed)? {
            // ACR: who leaves both empty signs in as nobody.
            ("", "") => Ok(Self::None),
            (user, password) => Self::basic(user, password),
        }
    }
}

/// RFC 6750 §2.1: one or more characters of the token68 alphabet.
fn parse_bearer(token: &str) -> Result<Credentials, Error> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if token.is_empty() || !token.bytes().all(is_token) {
        return Err(Error::Malformed { scheme: "Bearer" });
    }
    Ok(Credentials::Bearer(SecretString::from(token)))
}

/// Why an `Authorization` header is of no use. Never quotes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two headers could be read differently by two parties.
    #[error("more than one authorization header")]
    Repeated,
    /// Longer than [`MAX_HEADER_BYTES`].
    #[error("authorization header of {length_bytes} bytes is longer than {MAX_HEADER_BYTES}")]
    TooLong {
        /// Its length.
        length_bytes: usize,
    },
    /// Longer than [`MAX_USER_BYTES`].
    #[error("user name of {length_bytes} bytes is longer than {MAX_USER_BYTES}")]
    UserTooLong {
        /// Its length.
        length_bytes: usize,
    },
    /// Neither Basic nor Bearer.
    #[error("authorization scheme is neither Basic nor Bearer")]
    UnknownScheme,
    /// Not what its scheme demands.
    #[error("{scheme} credentials are malformed")]
    Malformed {
        /// The scheme.
        scheme: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    fn basic(plain: &[u8]) -> String {
        format!("Basic {}", STANDARD.encode(plain))
    }

    fn pair(header: &str) -> (String, String) {
        match Credentials::parse(header.as_bytes()) {
            Ok(Credentials::Basic { user, password }) => (user, password.expose_secret().to_owned()),
            other => panic!("{header}: {other:?}"),
        }
    }

    #[test]
    fn basic_credentials_are_read() {
        for (header, user, password) in [
            ("Basic YWRtaW46dGlnZXI=", "admin", "tiger"),
            ("basic YWRtaW46dGlnZXI=", "admin", "tiger"),
            ("BASIC   YWRtaW46dGlnZXI", "admin", "tiger"),
            (&basic(b"admin:a:b:"), "admin", "a:b:"),
            (&basic(b"admin:"), "admin", ""),
            (&basic("jos\u{e9}:p\u{e4}ss".as_bytes()), "jos\u{e9}", "p\u{e4}ss"),
        ] {
            assert_eq!(pair(header), (user.to_owned(), password.to_owned()), "{header}");
        }
    }

    #[test]
    fn a_bearer_token_is_read() {
        match Credentials::parse(b"bEaReR a.b-c_d~e+f/g==").unwrap() {
            Credentials::Bearer(token) => assert_eq!(token.expose_secret(), "a.b-c_d~e+f/g=="),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn malformed_credentials_are_errors_and_never_anonymous() {
        let long_user = basic(format!("{}:x", "u".repeat(MAX_USER_BYTES + 1)).as_bytes());
        for header in [
            "",
            " ",
            "Basic",
            "Basic ",
            "Basic %%%",
            "Basic YWRtaW46dGlnZXI=x",
            "Basic YWRtaW46dGlnZXI= YWRtaW46dGlnZXI=",
            "BasicYWRtaW46dGlnZXI=",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer \u{e9}",
            "Negotiate abc",
            "Digest username=\"admin\"",
            &basic(b"no colon"),
            &basic(b":no user"),
            &basic(b"ad\0min:tiger"),
            &basic(b"admin:ti\0ger"),
            &basic(b"admin:tiger\n"),
            &basic(b"admin:\xff\xfe"),
            &long_user,
        ] {
            assert!(Credentials::parse(header.as_bytes()).is_err(), "{header:?}");
        }
        assert!(Credentials::parse(b"Bearer \xff").is_err());
        let huge = vec![b'a'; MAX_HEADER_BYTES + 1];
        assert!(matches!(Credentials::parse(&huge), Err(Error::TooLong { .. })));
    }

    #[test]
    fn only_no_header_and_an_empty_pair_are_anonymous() {
        assert!(matches!(Credentials::from_headers([]), Ok(Credentials::None)));
        assert!(matches!(
            Credentials::from_headers([b"Basic Og==".as_slice()]),
            Ok(Credentials::None)
        ));
        assert!(Credentials::from_headers([b"".as_slice()]).is_err());
        let twice = [b"Basic YWRtaW46dGlnZXI=".as_slice(), b"Bearer abc"];
        assert_eq!(Credentials::from_headers(twice).unwrap_err(), Error::Repeated);
    }

    #[test]
    fn debug_and_errors_show_no_secret() {
        let shown = format!(
            "{:?} {:?}",
            Credentials::parse(b"Bearer abcdef"),
            Credentials::basic("admin", "tiger")
        );
        assert!(
            shown.contains("admin") && !shown.contains("tiger") && !shown.contains("abcdef"),
            "{shown}"
        );
        let error = Credentials::parse(basic(b"secretwithoutcolon").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "Basic credentials are malformed");
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_yields_nobody_for_an_empty_pair_alone(
            value in proptest::collection::vec(any::<u8>(), 0..80)
        ) {
            let is_empty_pair = value.trim_ascii().ends_with(b" Og==");
            prop_assert!(is_empty_pair || !matches!(Credentials::parse(&value), Ok(Credentials::None)));
        }

        #[test]
        fn every_clean_pair_comes_through(user in "[^:\\p{Cc}]{1,40}", password in "[^\\p{Cc}]{0,60}") {
            prop_assert_eq!(pair(&basic(format!("{user}:{password}").as_bytes())), (user, password));
        }
    }
}
