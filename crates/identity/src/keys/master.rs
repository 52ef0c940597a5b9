//! The key that other keys are derived from: 32 random bytes in a file of one line. Every node of one service needs the
//! same. It is never replaced: what it sealed opens with no other.

use std::path::Path;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Error;
use crate::private_file;

/// Its length.
const MASTER_KEY_BYTES: usize = 32;

/// A master key.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; MASTER_KEY_BYTES]>);

impl MasterKey {
    /// Reads one that an operator put in place, which the file's group may read as well (a secret that an orchestrator
    /// mounts); `None` when there is no such file.
    ///
    /// # Errors
    /// Others can read the file, or it is no key.
    pub fn open(path: &Path) -> Result<Option<Self>, Error> {
        let line = private_file::read_given(path)?;
        line.map(|line| Self::parse(&line, path)).transpose()
    }

    /// Makes one, readable by its owner alone; when another process makes one there at the same time, it is that one.
    ///
    /// # Errors
    /// The file system says no.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; MASTER_KEY_BYTES]);
        rand::fill(&mut *key).map_err(|_| Error::Crypto {
            action: "draw random bytes",
        })?;
        let mut line = Zeroizing::new(STANDARD.encode(*key));
        line.push('\n');
        if private_file::write_first(path, line.as_bytes())? {
            return Ok(Self(key));
        }
        let theirs = Self::open(path)?;
        theirs.ok_or_else(|| Error::BrokenMasterKey { path: path.to_owned() })
    }

    /// The one of a server's own folder.
    pub(super) fn open_or_create(path: &Path) -> Result<Self, Error> {
        match private_file::read_private(path)? {
            Some(line) => Self::parse(&line, path),
            None => Self::create(path),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8; MASTER_KEY_BYTES] {
        &self.0
    }

    fn parse(line: &[u8], path: &Path) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; MASTER_KEY_BYTES]);
        match STANDARD.decode_slice(line.trim_ascii_end(), &mut *key) {
            Ok(MASTER_KEY_BYTES) => Ok(Self(key)),
            _ => Err(Error::BrokenMasterKey { path: path.to_owned() }),
        }
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(..)")
    }
}
