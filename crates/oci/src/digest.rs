//! A content digest: `sha256:…` or `sha512:…`, the name that bytes give themselves.
//!
//! Not a hash function (see [`crate::hasher`]) and not a general registry of algorithms: a digest this service cannot
//! check is refused at the door, because a name that cannot be verified protects nobody.

use std::fmt;
use std::str::FromStr;

use crate::Hasher;
use crate::message::excerpt;

/// Bytes of the longest digest.
const MAX_BYTES: usize = 64;

/// A content digest: an algorithm and the bytes it gave.
///
/// Sorts by algorithm (SHA-256 first), then by bytes; [`Digest::to_db`] keeps that order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    /// Zero past the algorithm's length, so that the derived comparisons are right.
    buffer: [u8; MAX_BYTES],
}

/// A hash algorithm that the OCI image specification registers and this service checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, the canonical one.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// Why a text or a stored value is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not of the form `algorithm:encoded` (image-spec descriptor.md, "Digests").
    #[error("digest {} is not of the form algorithm:hex", excerpt(.input))]
    Malformed {
        /// What was sent.
        input: String,
    },
    /// A well-formed algorithm that this service cannot check.
    #[error("digest algorithm {} is not supported; use sha256 or sha512", excerpt(.algorithm))]
    UnsupportedAlgorithm {
        /// The part before the colon.
        algorithm: String,
    },
    /// Too many or too few hex digits for the algorithm.
    #[error(
        "digest {} has {found} hex digits where {algorithm} has {}",
        excerpt(.input),
        .algorithm.hex_len()
    )]
    WrongLength {
        /// What was sent.
        input: String,
        /// The algorithm it names.
        algorithm: Algorithm,
        /// Length of the encoded part, in bytes.
        found: usize,
    },
    /// The right length, but not lower-case hex.
    #[error("digest {} has characters other than 0-9 and a-f", excerpt(.input))]
    WrongCharacters {
        /// What was sent.
        input: String,
    },
    /// Bytes that [`Digest::to_db`] never wrote.
    #[error("stored digest {stored_hex} has an unknown algorithm byte or the wrong length")]
    Stored {
        /// The first bytes of the stored value, as hex.
        stored_hex: String,
    },
}

impl Algorithm {
    /// Every algorithm, in order.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// The name in front of the colon.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Hex digits of a digest.
    #[must_use]
    pub const fn hex_len(self) -> usize {
        self.byte_len() * 2
    }

    /// Bytes of a digest.
    #[must_use]
    pub const fn byte_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The byte that stands for the algorithm in stored values; never reuse one.
    pub(crate) const fn stored_byte(self) -> u8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    pub(crate) fn from_stored_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.stored_byte() == byte)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or_else(|| Error::UnsupportedAlgorithm {
                algorithm: text.to_owned(),
            })
    }
}

impl Digest {
    /// The digest of some bytes at hand; for a stream use [`Hasher`].
    #[must_use]
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Wraps the output of a hash function.
    ///
    /// # Errors
    /// [`Error::Stored`] when the length is not the algorithm's.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != algorithm.byte_len() {
            return Err(stored_error(bytes));
        }
        let mut buffer = [0; MAX_BYTES];
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { algorithm, buffer })
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw bytes, [`Algorithm::byte_len`] of them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.algorithm.byte_len()]
    }

    /// The bytes in lower-case hex, without the algorithm.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.bytes())
    }

    /// The stored form: one algorithm byte (1 is SHA-256, 2 is SHA-512) and the raw bytes. Sorts as digests sort.
    #[must_use]
    pub fn to_db(&self) -> Vec<u8> {
        let mut stored = Vec::with_capacity(1 + self.algorithm.byte_len());
        stored.push(self.algorithm.stored_byte());
        stored.extend_from_slice(self.bytes());
        stored
    }

    /// Reads what [`Digest::to_db`] wrote.
    ///
    /// # Errors
    /// [`Error::Stored`] for anything else.
    pub fn from_db(stored: &[u8]) -> Result<Self, Error> {
        let (tag, bytes) = stored.split_first().ok_or_else(|| stored_error(stored))?;
        let algorithm = Algorithm::from_stored_byte(*tag).ok_or_else(|| stored_error(stored))?;
        Self::from_bytes(algorithm, bytes).map_err(|_| stored_error(stored))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex_digits = [0; MAX_BYTES * 2];
        let hex_digits = &mut hex_digits[..self.algorithm.hex_len()];
        hex::encode_to_slice(self.bytes(), hex_digits).expect("the buffer has two digits a byte");
        let hex_digits = std::str::from_utf8(hex_digits).expect("hex digits are ASCII");
        write!(f, "{}:{hex_digits}", self.algorithm)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// Strict: only lower-case hex of exactly the algorithm's length (image-spec descriptor.md, "Registered
    /// algorithms").
    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || Error::Malformed { input: text.to_owned() };
        let (algorithm, encoded) = text.split_once(':').ok_or_else(malformed)?;
        if !is_algorithm(algorithm) || !is_encoded(encoded) {
            return Err(malformed());
        }
        let algorithm: Algorithm = algorithm.parse()?;
        if encoded.len() != algorithm.hex_len() {
            return Err(Error::WrongLength {
                input: text.to_owned(),
                algorithm,
                found: encoded.len(),
            });
        }
        if !encoded.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::WrongCharacters { input: text.to_owned() });
        }
        let mut buffer = [0; MAX_BYTES];
        hex::decode_to_slice(encoded, &mut buffer[..algorithm.byte_len()])
            .expect("length and characters were just checked");
        Ok(Self { algorithm, buffer })
    }
}

crate::text::serde_as_text!(Digest);
crate::text::serde_as_text!(Algorithm);

/// `[a-z0-9]+([+._-][a-z0-9]+)*` of image-spec descriptor.md.
fn is_algorithm(text: &str) -> bool {
    text.split(['+', '.', '_', '-']).all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

/// `[a-zA-Z0-9=_-]+` of image-spec descriptor.md.
fn is_encoded(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-'))
}

fn stored_error(stored: &[u8]) -> Error {
    let head = &stored[..stored.len().min(MAX_BYTES + 1)];
    Error::Stored {
        stored_hex: format!("0x{}", hex::encode(head)),
    }
}
