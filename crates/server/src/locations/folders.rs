//! A location in a folder of this machine: its mark, and holding it for one process.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use holdfast_identity::trusted::{self, Closed};

use super::{LOCAL, MARK, Mark, setting};

/// Whether the folder of a location says whose it is.
pub(super) fn is_marked(root: &Path) -> bool {
    root.join(MARK).exists()
}

/// Refuses a folder that is another server's, or holds anything.
pub(super) fn refuse_taken(root: &Path, name: &str) -> anyhow::Result<()> {
    let shown = root.display();
    if is_marked(root) {
        bail!(
            "{shown} belongs to a Holdfast, and the database of this one holds no registry; put the backup of its \
             database back, or choose another place: {}",
            setting(name, place(name))
        );
    }
    if root.exists() {
        refuse_foreign(root, name)?;
    }
    Ok(())
}

/// What stands for a folder in the setting of a location.
fn place(name: &str) -> &'static str {
    if name == LOCAL { "file:///FOLDER" } else { "FOLDER" }
}

/// Makes the folder of a new location, or takes an empty one; its mark is there in one step and durable.
pub(super) fn settle(root: &Path, mark: &Mark) -> anyhow::Result<()> {
    let (shown, name) = (root.display(), &mark.location);
    if !root.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
        made.with_context(|| format!("cannot make {shown}, the folder of location {name}"))?;
    }
    trust(root, name)?;
    if is_marked(root) {
        return Ok(());
    }
    refuse_foreign(root, name)?;
    write_mark(root, mark).with_context(|| format!("cannot write {shown}, the folder of location {name}"))
}

fn refuse_foreign(root: &Path, name: &str) -> anyhow::Result<()> {
    let shown = root.display();
    if is_somebodys(root).with_context(|| format!("cannot look into {shown}, the folder of location {name}"))? {
        bail!("{shown} holds other files; choose an empty folder for location {name}, or one that does not exist");
    }
    Ok(())
}

/// Nothing is written to a folder that somebody else has, or can change.
fn trust(root: &Path, name: &str) -> anyhow::Result<()> {
    let checked = fs::metadata(root)
        .map_err(anyhow::Error::from)
        .and_then(|metadata| Ok(trusted::check(root, &metadata, Closed::ToOthersWriting)?));
    checked.with_context(|| format!("cannot trust {}, the folder of location {name}", root.display()))
}

fn is_somebodys(root: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        // A file system's own folder, and a mark that was not finished.
        if name != "lost+found" && *name != *draft() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn draft() -> String {
    format!("{MARK}.new")
}

fn write_mark(root: &Path, mark: &Mark) -> anyhow::Result<()> {
    let draft = root.join(draft());
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(&serde_json::to_vec(mark)?)?;
    file.sync_all()?;
    fs::rename(&draft, root.join(MARK))?;
    File::open(root)?.sync_all()?;
    Ok(())
}

/// Finds the folder to be ours, and lets no other process work in it.
pub(super) fn hold(root: &Path, expected: &Mark) -> anyhow::Result<File> {
    let (shown, name) = (root.display(), &expected.location);
    if root.exists() {
        trust(root, name)?;
    }
    let path = root.join(MARK);
    let file = File::open(&path).with_context(|| {
        format!(
            "{shown} is not the folder of location {name}: it has no {MARK}; mount its disk, or say where the folder is \
             now: {}",
            setting(name, place(name))
        )
    })?;
    trusted::check_owner(&path, &file.metadata()?)?;
    let found: Mark = serde_json::from_reader(&file).with_context(|| format!("cannot read {}", path.display()))?;
    found.refuse_unless(expected, &shown.to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another holdfast works in {shown}; stop it first"),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}
