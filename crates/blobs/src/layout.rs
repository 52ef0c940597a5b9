//! Where things lie below a store's folder:
//!
//! ```text
//! ROOT/                      0700
//!   objects/                 0700
//!     00/ … ff/              0700  the first two hex digits of the key
//!       <32 hex>             0600  one object: its bytes and nothing else
//!   probe                    0600  only while the store is being probed
//! ```
//!
//! Keys are random, so the 256 shards fill evenly; they are all made at open, so that storing an object never has to
//! make a folder (one more thing to sync). An object lies under its final name from its first byte: nothing is ever
//! renamed or copied, and a half-written object is told from a whole one by the metadata alone.
//!
//! Paths are made from typed keys here and nowhere else; no text from outside is ever joined to a path.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use holdfast_model::ObjectKey;
use uuid::Uuid;

/// Mode of every folder: the owner's alone.
const FOLDER_MODE: u32 = 0o700;
/// Mode of every file: the owner's alone.
pub(crate) const FILE_MODE: u32 = 0o600;

/// The paths of one store.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
    objects: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            objects: root.join("objects"),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The file of an object.
    pub(crate) fn object(&self, key: &ObjectKey) -> PathBuf {
        let mut path = self.shard(key);
        path.push(key.to_string());
        path
    }

    /// The folder that an object's file lies in.
    pub(crate) fn shard(&self, key: &ObjectKey) -> PathBuf {
        self.numbered_shard(key.uuid().as_bytes()[0])
    }

    /// Every folder that objects lie in, with its number.
    pub(crate) fn shards(&self) -> impl Iterator<Item = (u8, PathBuf)> {
        (0..=u8::MAX).map(|number| (number, self.numbered_shard(number)))
    }

    /// The file that [`probe`](crate::FilesystemStore) writes.
    pub(crate) fn probe(&self) -> PathBuf {
        self.root.join("probe")
    }

    /// The key of the object whose file has this name in this shard; `None` for names that are not ours.
    pub(crate) fn key_of(shard: u8, file_name: &str) -> Option<ObjectKey> {
        let is_simple = file_name.len() == 32 && file_name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = Uuid::try_parse(file_name).ok().filter(|_| is_simple)?;
        (id.as_bytes()[0] == shard).then(|| ObjectKey::new(id))
    }

    /// Makes the folders that are missing, durably.
    pub(crate) fn create(&self) -> io::Result<()> {
        if create_folder(&self.root, true)?
            && let Some(parent) = self.root.parent().filter(|p| !p.as_os_str().is_empty())
        {
            sync_folder(parent)?;
        }
        if create_folder(&self.objects, false)? {
            sync_folder(&self.root)?;
        }
        let mut is_any_new = false;
        for (_, shard) in self.shards() {
            is_any_new |= create_folder(&shard, false)?;
        }
        if is_any_new {
            sync_folder(&self.objects)?;
        }
        Ok(())
    }

    /// Whether the store's folder is there with the one for its objects, and can be read.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.objects.read_dir()?.next().transpose().map(drop)
    }

    /// Removes the folders. One that is not empty is an error; those that are gone by then are made again by
    /// [`Layout::create`].
    pub(crate) fn remove(&self) -> io::Result<()> {
        let shards = self.shards().map(|(_, shard)| shard);
        for folder in shards.chain([self.objects.clone(), self.root.clone()]) {
            match std::fs::remove_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn numbered_shard(&self, number: u8) -> PathBuf {
        self.objects.join(format!("{number:02x}"))
    }
}

/// Makes a file of a folder durable: its data, its length, its name.
pub(crate) fn sync_file(file: &File, folder: &Path) -> io::Result<()> {
    file.sync_data()?;
    // On ext4 the first sync has made the name durable too, and this costs nothing measurable (examples/disk_paths.rs);
    // other file systems need it.
    sync_folder(folder)
}

/// Makes the names inside a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a folder, with its parents if asked; says whether it was missing.
fn create_folder(path: &Path, with_parents: bool) -> io::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    DirBuilder::new()
        .recursive(with_parents)
        .mode(FOLDER_MODE)
        .create(path)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_lies_in_the_shard_of_its_first_two_digits() {
        let key = ObjectKey::new(Uuid::from_u128(0xab00_0000_0000_0000_0000_0000_0000_0001));
        let path = Layout::new(Path::new("/data")).object(&key);
        assert_eq!(path, Path::new("/data/objects/ab/ab000000000000000000000000000001"));
    }

    #[test]
    fn only_names_of_objects_in_their_own_shard_are_keys() {
        let name = "ab000000000000000000000000000001";
        assert_eq!(Layout::key_of(0xab, name).unwrap().to_string(), name);
        for (shard, name) in [
            (0xac, name),
            (0xab, "AB000000000000000000000000000001"),
            (0xab, "ab000000-0000-0000-0000-000000000001"),
            (0xab, "ab00000000000000000000000000001"),
            (0xab, "ab000000000000000000000000000001.tmp"),
            (0xab, ".."),
            (0xab, ""),
        ] {
            assert_eq!(Layout::key_of(shard, name), None, "{name}");
        }
    }

    #[test]
    fn folders_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("deep/store");
        let layout = Layout::new(&root);
        layout.create().unwrap();
        layout.create().unwrap();
        for path in [root.clone(), root.join("objects"), root.join("objects/ff")] {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, FOLDER_MODE, "{}", path.display());
        }
    }
}
