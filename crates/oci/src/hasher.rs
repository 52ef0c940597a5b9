//! Hashing as the bytes stream by, with a state that can be put away and taken up again on another node.
//!
//! A saved state goes into the upload session's row, so that finishing an upload never reads the bytes a second time.
//! It is neither secret nor authenticated: it belongs in our own database, never in a client's hands.

use sha2::digest::Digest as _;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};

use crate::{Algorithm, Digest};

/// The layout of saved states that this build reads and writes.
const FORMAT: u8 = 1;

/// Bytes of SHA-256 at the end of a saved state, over all before. A hash function believes any state it is given, and
/// an absurd one (a count of blocks near 2^64) makes it overflow.
const CHECKSUM_BYTES: usize = 8;

/// A running hash.
#[derive(Debug, Clone)]
pub struct Hasher(State);

#[derive(Debug, Clone)]
enum State {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

/// Why a saved state cannot be taken up again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Written by a build with another layout.
    #[error("saved hash state has format {found:?}, this build reads format {FORMAT}; start the upload again")]
    Format {
        /// The format byte, if there is one.
        found: Option<u8>,
    },
    /// The algorithm byte is unknown.
    #[error("saved hash state has no known algorithm; start the upload again")]
    Algorithm,
    /// The length or the content is not a state of that algorithm.
    #[error("saved {algorithm} state of {length_bytes} bytes is damaged; start the upload again")]
    Damaged {
        /// The algorithm it names.
        algorithm: Algorithm,
        /// Length of the whole saved value.
        length_bytes: usize,
    },
}

impl Hasher {
    /// A hash of nothing yet.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// The algorithm it was made with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all bytes taken.
    #[must_use]
    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm();
        match self.0 {
            State::Sha256(state) => Digest::from_bytes(algorithm, &state.finalize()),
            State::Sha512(state) => Digest::from_bytes(algorithm, &state.finalize()),
        }
        .expect("a hash function gives as many bytes as its algorithm says")
    }

    /// The state as bytes for [`Hasher::restore`]: a format byte, an algorithm byte, the state, a
    /// checksum. At most 300 bytes.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut saved = vec![FORMAT, self.algorithm().stored_byte()];
        match &self.0 {
            State::Sha256(state) => saved.extend_from_slice(&state.serialize()),
            State::Sha512(state) => saved.extend_from_slice(&state.serialize()),
        }
        let sum = checksum(&saved);
        saved.extend_from_slice(&sum);
        saved
    }

    /// Takes up a state where [`Hasher::save`] left it.
    ///
    /// # Errors
    /// When the bytes are not what `save` wrote, or another build wrote them in another layout.
    pub fn restore(saved: &[u8]) -> Result<Self, Error> {
        let [FORMAT, rest @ ..] = saved else {
            return Err(Error::Format {
                found: saved.first().copied(),
            });
        };
        let (tag, state) = rest.split_first().ok_or(Error::Algorithm)?;
        let algorithm = Algorithm::from_stored_byte(*tag).ok_or(Error::Algorithm)?;
        let damaged = || Error::Damaged {
            algorithm,
            length_bytes: saved.len(),
        };
        let (state, sum) = state.split_last_chunk::<CHECKSUM_BYTES>().ok_or_else(damaged)?;
        if *sum != checksum(&saved[..saved.len() - CHECKSUM_BYTES]) {
            return Err(damaged());
        }
        match algorithm {
            Algorithm::Sha256 => deserialize(state).map(State::Sha256),
            Algorithm::Sha512 => deserialize(state).map(State::Sha512),
        }
        .map(Self)
        .ok_or_else(damaged)
    }
}

fn checksum(saved: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let whole = sha2::Sha256::digest(saved);
    *whole
        .first_chunk()
        .expect("SHA-256 gives more bytes than a checksum takes")
}

fn deserialize<S: SerializableState>(state: &[u8]) -> Option<S> {
    let state: &SerializedState<S> = state.try_into().ok()?;
    S::deserialize(state).ok()
}
