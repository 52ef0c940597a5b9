//! Whose files are trusted: those of the user that this process runs as, and root's. Whoever else owns a file or a folder
//! can change it, so what lies there (keys, rows, a certificate) may have been planted. It refuses to mend anything.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Root may read and change everything anyway.
const ROOT: u32 = 0;

/// Who beside the owner may do what with something that is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// A folder or file that only its owner may change, or its group.
    ToOthersWriting,
    /// A file that only its owner may change.
    ToWriting,
    /// A key that its owner may change, its group may read, and nobody else may see.
    ToOthers,
}

impl Closed {
    fn forbidden(self) -> u32 {
        match self {
            Self::ToOthersWriting => 0o002,
            Self::ToWriting => 0o022,
            Self::ToOthers => 0o027,
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::ToOthersWriting => "o-w",
            Self::ToWriting => "go-w",
            Self::ToOthers => "g-w,o-rwx",
        }
    }
}

/// Something on disk cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else's.
    #[error(
        "{} belongs to the user with the id {owner} and holdfast runs as {ours}, so what lies there may be planted; run \
         holdfast as its owner, or, if you know all that is in it, run: chown -R {ours} '{}'",
        path.display(),
        path.display()
    )]
    Foreign {
        /// What it is.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// The user id of this process.
        ours: u32,
    },
    /// Others can change it, or read a key.
    #[error(
        "{} of the user with the id {owner} has mode {mode:03o}, so others can use it; if nobody has, run: \
         chmod {remedy} '{}'",
        path.display(),
        path.display()
    )]
    Open {
        /// What it is.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// Its mode.
        mode: u32,
        /// What closes it.
        remedy: &'static str,
    },
}

/// Whether a file or folder with this metadata can be trusted as far as its owner goes.
///
/// # Errors
/// [`Error::Foreign`].
pub fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let (owner, ours) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == ours || owner == ROOT {
        return Ok(());
    }
    let path = path.to_owned();
    Err(Error::Foreign { path, owner, ours })
}

/// Whether it can be trusted, by its owner and its mode.
///
/// # Errors
/// See [`Error`].
pub fn check(path: &Path, metadata: &Metadata, closed: Closed) -> Result<(), Error> {
    check_owner(path, metadata)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & closed.forbidden() == 0 {
        return Ok(());
    }
    Err(Error::Open {
        path: path.to_owned(),
        owner: metadata.uid(),
        mode,
        remedy: closed.remedy(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::chown;

    use super::*;

    #[test]
    fn somebody_else_s_files_and_those_that_others_can_change_are_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "secret").unwrap();
        let outcome = |mode, closed| {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            check(&path, &fs::metadata(&path).unwrap(), closed)
        };
        for (mode, closed, is_good) in [
            (0o600, Closed::ToOthers, true),
            (0o640, Closed::ToOthers, true),
            (0o644, Closed::ToOthers, false),
            (0o660, Closed::ToOthers, false),
            (0o644, Closed::ToWriting, true),
            (0o664, Closed::ToWriting, false),
            (0o775, Closed::ToOthersWriting, true),
            (0o777, Closed::ToOthersWriting, false),
        ] {
            assert_eq!(outcome(mode, closed).is_ok(), is_good, "{mode:o} {closed:?}");
        }
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(12_345), None).unwrap();
            let error = outcome(0o600, Closed::ToOthers).unwrap_err().to_string();
            assert!(error.contains("12345") && error.contains("chown"), "{error}");
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
    }
}
