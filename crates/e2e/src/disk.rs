//! A small disk: a file system in memory with a fixed size, so that a test can fill it. It needs root, as the container
//! engines do.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project;

/// A mounted disk, unmounted on drop.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts one of so many MiB.
    ///
    /// # Panics
    /// When that is not allowed.
    pub(crate) fn mount(path: &Path, mebibytes: u32) -> Self {
        let options = format!("size={mebibytes}m,mode=0700");
        let status = Command::new(project::program("mount"))
            .args(["-t", "tmpfs", "-o", &options, "holdfast-e2e"])
            .arg(path)
            .status()
            .expect("mount starts");
        assert!(status.success(), "no disk can be mounted; run the tests as root");
        Self { path: path.to_owned() }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that a failed test left behind must not keep the folder. Nothing can be done when it fails.
        Command::new(project::program("umount"))
            .arg("--lazy")
            .arg(&self.path)
            .status()
            .ok();
    }
}
