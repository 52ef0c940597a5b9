//! The data folder: made for its owner alone, trusted only when nobody else owns a part of it, and held by one process at a
//! time. A node whose rows lie in a shared database keeps here what is its own. It knows where things lie in it:
//!
//! ```text
//! DATA/                  0700
//!   lock                 held while a process works here; names it
//!   metadata.db          rows (holdfast-metadata)
//!   blobs/ACCOUNT/       bytes of the location `local` (holdfast-blobs)
//!   locations/NAME/      bytes of a location that was given no folder of its own (locations.rs)
//!   locations.json       where the locations lay at the last start
//!   keys/                signing and master key (holdfast-identity); of a shared database the master key alone
//!   tls/                 local CA and certificate (holdfast-identity)
//!   addresses.json       where the server was last reached
//!   operator.sock        the running server's admin socket, for the operator's commands
//! ```

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, bail};
use holdfast_identity::trusted;

use crate::remains::{DatabaseLost, Left, Remains};

/// The longest process id that is read back from the lock.
const MAX_PID_BYTES: u64 = 32;

/// A file system's own folder, and what a start leaves that failed before the database was made.
const STARTED: [&str; 3] = ["lost+found", "lock", "keys"];
/// All that a server leaves.
const OURS: [&str; 13] = [
    "lost+found",
    "lock",
    "keys",
    "metadata.db-wal",
    "metadata.db-shm",
    "blobs",
    "locations",
    "locations.json",
    "locations.new",
    "tls",
    "addresses.json",
    "addresses.new",
    "operator.sock",
];

/// A data folder, held or not.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// Held as long as the process works in the folder; the system lets go when the process ends.
#[derive(Debug)]
pub(crate) struct Held {
    _lock: File,
}

/// Another process has the folder.
#[derive(Debug, thiserror::Error)]
#[error("another holdfast serves {} (pid {pid}); stop it first, or choose another --data-dir", folder.display())]
pub(crate) struct Busy {
    folder: PathBuf,
    pid: String,
}

impl Folder {
    /// The folder at a path, whether it is there or not.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes the folder unless it is there; only its owner can enter. One without a database is taken when nothing lies
    /// in it but what a first start leaves that failed, when `remains` are to be left behind, or when the rows lie elsewhere.
    pub(crate) fn create(&self, remains: Remains, has_rows: bool) -> anyhow::Result<()> {
        let path = self.path.display();
        if !self.path.exists() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
            return made.with_context(|| format!("cannot make the data folder {path}"));
        }
        let metadata = fs::metadata(&self.path).with_context(|| format!("cannot look at the data folder {path}"))?;
        if !metadata.is_dir() {
            bail!("{path} is not a folder; choose another --data-dir");
        }
        trusted::check_owner(&self.path, &metadata)?;
        self.check_owners()
            .with_context(|| format!("cannot trust the data folder {path}"))?;
        let ours: &[&str] = if has_rows && remains != Remains::LeaveBehind {
            &STARTED
        } else {
            &OURS
        };
        if !self.is_used()
            && self
                .holds_others(ours)
                .with_context(|| format!("cannot look into {path}"))?
        {
            if !self.holds_others(&OURS)? {
                return Err(DatabaseLost::new(self, Left::none()).into());
            }
            bail!("{path} holds other files; choose an empty --data-dir, or one that does not exist");
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            // It may have been made by hand or by a service manager; what is to lie in it is secret.
            fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))
                .with_context(|| format!("cannot close {path} to others; run: chmod 700 '{path}'"))?;
        }
        Ok(())
    }

    /// Everything that lies in it is ours: a folder that was open once may hold what others put there.
    fn check_owners(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // Of a link itself, not of what it leads to: who may change the link chooses that.
            trusted::check_owner(&entry.path(), &entry.metadata()?)?;
        }
        Ok(())
    }

    /// Whether a server has ever worked here.
    pub(crate) fn is_used(&self) -> bool {
        self.database().is_file()
    }

    /// Whether the database is missing or empty: it can be neither once a first start is done.
    pub(crate) fn is_without_rows(&self) -> bool {
        fs::metadata(self.database()).is_ok_and(|metadata| metadata.len() == 0) || !self.database().exists()
    }

    /// Whether anything else lies in it.
    fn holds_others(&self, ours: &[&str]) -> io::Result<bool> {
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            if !ours.iter().any(|ours| name == *ours) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// [`Busy`] when another process has it.
    pub(crate) fn hold(&self) -> anyhow::Result<Held> {
        let path = self.path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                drop(lock.take(MAX_PID_BYTES).read_to_string(&mut pid));
                let pid = if pid.trim().is_empty() { "unknown" } else { pid.trim() }.to_owned();
                let folder = self.path.clone();
                return Err(Busy { folder, pid }.into());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        // Only for the message above; the lock itself is the system's.
        let noted = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        noted.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Held { _lock: lock })
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("metadata.db")
    }

    /// Where the storage accounts of the location `local` lie.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// Where the other locations were at the last start.
    pub(crate) fn locations(&self) -> PathBuf {
        self.path.join("locations.json")
    }

    /// The server's keys.
    pub(crate) fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// The local CA and the certificate it issued.
    pub(crate) fn tls(&self) -> PathBuf {
        self.path.join("tls")
    }

    /// Where the server was last reached.
    pub(crate) fn addresses(&self) -> PathBuf {
        self.path.join("addresses.json")
    }

    /// The running server's admin socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("operator.sock")
    }

    /// When the database was last written, by the clock of then.
    pub(crate) fn last_written_at(&self) -> Option<SystemTime> {
        let log = self.path.join("metadata.db-wal");
        let times = [self.database(), log].map(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
        times.into_iter().flatten().max()
    }

    /// Puts a small file in place in one step, readable by its owner. One that says so already needs no room.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        if fs::read(path).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        let draft = path.with_extension("new");
        let written = fs::remove_file(&draft)
            .or_else(|error| {
                if error.kind() == io::ErrorKind::NotFound {
                    Ok(())
                } else {
                    Err(error)
                }
            })
            .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft))
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&draft, path));
        written.with_context(|| format!("cannot write {}", path.display()))
    }
}
