//! Where the bytes of a registry in a test's process lie: in a folder, or in a store in memory that behaves as S3 does. All
//! tests of a binary run over a folder, and [`run_over_an_object_store`] runs them once more over the other.

use std::{
    env,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use holdfast_blobs::FilesystemStore;

use crate::object_store::ObjectStore;
use holdfast_model::{Blobs, ObjectKey, Timestamp};

/// Set by [`run_over_an_object_store`], or by hand.
const VARIABLE: &str = "HOLDFAST_TEST_STORE";
/// Its value.
const OBJECTS: &str = "objects";
/// Parts of the store in memory: no power of two, so that no part ends where a chunk does.
const PART_BYTES: usize = 40_000;

/// Where the bytes lie; it outlives a registry that is opened again.
#[derive(Debug, Clone)]
pub enum TestStore {
    /// A folder, which somebody else removes.
    Folder(PathBuf),
    /// In memory.
    Objects(ObjectStore),
}

impl TestStore {
    /// An empty store of the kind that this run is about.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        match env::var(VARIABLE) {
            Ok(kind) if kind == OBJECTS => Self::Objects(ObjectStore::new(PART_BYTES)),
            _ => Self::Folder(folder.to_owned()),
        }
    }

    /// Opens it.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn open(&self) -> Arc<dyn Blobs> {
        match self {
            Self::Folder(folder) => Arc::new(FilesystemStore::open(folder).expect("the store opens")),
            Self::Objects(store) => Arc::new(store.clone()),
        }
    }

    /// The file an object lies in; `None` where it lies in none.
    #[must_use]
    pub fn file(&self, key: &ObjectKey) -> Option<PathBuf> {
        let name = key.to_string();
        match self {
            Self::Folder(folder) => Some(folder.join("objects").join(&name[..2]).join(&name)),
            Self::Objects(_) => None,
        }
    }

    /// Puts an object into it that no row names, and that got its last bytes at some moment.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn forget(&self, key: &ObjectKey, bytes: Bytes, at: Timestamp) {
        match self.file(key) {
            Some(file) => fs::write(file, bytes).expect("the object can be written"),
            None => self.open().put(key, bytes).await.expect("the object can be written"),
        }
        self.set_written_at(key, at);
    }

    /// Changes when an object got its last bytes.
    ///
    /// # Panics
    /// When it is not there.
    pub fn set_written_at(&self, key: &ObjectKey, at: Timestamp) {
        match self {
            Self::Folder(_) => {
                let micros = u64::try_from(at.0).expect("it is after 1970");
                let file = self.file(key).map(|path| File::options().write(true).open(path));
                let file = file.expect("it is a file").expect("the object is there");
                file.set_modified(UNIX_EPOCH + Duration::from_micros(micros))
                    .expect("the moment can be changed");
            }
            Self::Objects(store) => store.set_written_at(key, at),
        }
    }

    /// Changes a byte of an object behind everybody's back.
    ///
    /// # Panics
    /// When it is not there.
    pub fn damage(&self, key: &ObjectKey, at: usize, byte: u8) {
        match self {
            Self::Folder(_) => {
                let file = self.file(key).map(|path| File::options().write(true).open(path));
                let file = file.expect("it is a file").expect("the object is there");
                file.write_all_at(&[byte], at as u64).expect("it can be written");
            }
            Self::Objects(store) => store.damage(key, at, byte),
        }
    }
}

/// Runs the tests of this binary once more, over the store in memory that behaves as S3 does.
///
/// # Panics
/// When one of them fails.
pub fn run_over_an_object_store() {
    if env::var_os(VARIABLE).is_some() {
        return;
    }
    let binary = env::current_exe().expect("this binary has a path");
    let run = Command::new(binary).env(VARIABLE, OBJECTS).output();
    let run = run.expect("this binary starts");
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "over an object store:\n{told}");
}
