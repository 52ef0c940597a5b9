//! Small files that hold keys: read only when nobody else can read them, written so that a crash leaves the old file or
//! the new one. Not a store for anything that grows.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::trusted::{self, Closed};

/// The largest key or certificate file that is read; a chain of ten certificates is about 20 KiB.
pub(crate) const MAX_FILE_BYTES: u64 = 256 * 1024;

/// The bits of a file mode that let anybody but the owner in.
const OTHERS: u32 = 0o077;

/// Who may read a file that is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readable {
    ByOwner,
    ByAll,
}

/// Whom a file that is read here must be closed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Secret,
    Trusted(Closed),
}

/// Why a key file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A secret that others can read is no secret.
    #[error(
        "{} has mode {mode:03o}, so others can use it; if nobody has read it, run: chmod 600 '{}'",
        path.display(),
        path.display()
    )]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Somebody else's, or open to changes by others.
    #[error(transparent)]
    Untrusted(#[from] trusted::Error),
    /// Too large to be a key.
    #[error("{} is larger than {MAX_FILE_BYTES} bytes, so it is no key or certificate", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Reads a secret; `None` when there is no such file.
pub(crate) fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    read(path, Wanted::Secret)
}

/// Reads a file that need not be secret; `None` when there is no such file.
pub(crate) fn read_public(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    read(path, Wanted::Trusted(Closed::ToWriting))
}

/// Reads a key that others put in place, so that its group may read it; `None` when there is no such file.
pub(crate) fn read_given(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    read(path, Wanted::Trusted(Closed::ToOthers))
}

fn read(path: &Path, wanted: Wanted) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("open", path, source)),
    };
    // Asked of the open file, so that it cannot be swapped between the question and the reading.
    let metadata = file
        .metadata()
        .map_err(|source| failed("read the mode of", path, source))?;
    match wanted {
        Wanted::Secret => trusted::check_owner(path, &metadata)?,
        Wanted::Trusted(closed) => trusted::check(path, &metadata, closed)?,
    }
    let mode = metadata.permissions().mode() & 0o777;
    if wanted == Wanted::Secret && mode & OTHERS != 0 {
        return Err(Error::ReadableByOthers {
            path: path.to_owned(),
            mode,
        });
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(Error::TooLarge { path: path.to_owned() });
    }
    // One allocation of the right size: a growing buffer would leave copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES.min(metadata.len() + 1) as usize));
    file.take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|source| failed("read", path, source))?;
    Ok(Some(bytes))
}

/// Puts a file in place, whole and durable, replacing what was there.
pub(crate) fn write(path: &Path, bytes: &[u8], readable: Readable) -> Result<(), Error> {
    let draft = beside(path, ".new");
    // A draft that a crash left behind is nobody's.
    match fs::remove_file(&draft) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &draft, source)),
        _ => {}
    }
    write_draft(&draft, bytes, readable)?;
    fs::rename(&draft, path).map_err(|source| failed("put in place", path, source))?;
    flush_folder(path)
}

/// Puts a secret in place, whole and durable, unless there is a file already; says whether it did. Of several processes
/// that do so at once, one does.
pub(crate) fn write_first(path: &Path, bytes: &[u8]) -> Result<bool, Error> {
    let mut random = [0; 8];
    let drawn = rand::fill(&mut random);
    drawn.map_err(|_| failed("name a draft of", path, io::Error::other("there are no random bytes")))?;
    let draft = beside(path, &format!(".{:016x}.new", u64::from_ne_bytes(random)));
    write_draft(&draft, bytes, Readable::ByOwner)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft).map_err(|source| failed("remove", &draft, source))?;
    match linked {
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        linked => linked.map_err(|source| failed("put in place", path, source))?,
    }
    flush_folder(path)?;
    Ok(true)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

fn write_draft(draft: &Path, bytes: &[u8], readable: Readable) -> Result<(), Error> {
    let mode = match readable {
        Readable::ByOwner => 0o600,
        Readable::ByAll => 0o644,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(draft)
        .map_err(|source| failed("create", draft, source))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|source| failed("write", draft, source))
}

fn flush_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| failed("flush the folder", folder, source))
}

/// Makes a folder that only its owner can enter, unless it is there; then it must be one that nobody else can change.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| failed("create the folder", path, source))?;
    let metadata = fs::metadata(path).map_err(|source| failed("look at", path, source))?;
    Ok(trusted::check(path, &metadata, Closed::ToWriting)?)
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_only_its_owner_can() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/key");
        create_folder(path.parent().unwrap()).unwrap();
        assert!(read_private(&path).unwrap().is_none());
        fs::write(path.with_file_name("key.new"), "left by a crash").unwrap();
        for secret in ["first", "second"] {
            write(&path, secret.as_bytes(), Readable::ByOwner).unwrap();
            assert_eq!(read_private(&path).unwrap().unwrap().as_slice(), secret.as_bytes());
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!path.with_file_name("key.new").exists());
    }

    #[test]
    fn of_several_that_write_first_one_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert!(write_first(&path, b"first").unwrap());
        assert!(!write_first(&path, b"second").unwrap());
        assert_eq!(read_private(&path).unwrap().unwrap().as_slice(), b"first");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        for mode in [0o640, 0o604, 0o620, 0o601] {
            write(&path, b"secret", Readable::ByOwner).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read_private(&path).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{error}");
            let can_change = mode & 0o022 != 0;
            assert_eq!(read_public(&path).is_err(), can_change, "{mode:o}");
        }
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        File::create(&path).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert!(matches!(read_public(&path), Err(Error::TooLarge { .. })));
    }
}
