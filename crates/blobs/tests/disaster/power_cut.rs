//! A power cut while objects are being written: an ext4 of our own is shut down without writing anything back, mounted
//! again, and everything acknowledged is whole.
//!
//! Needs root, loop devices, `mkfs.ext4` and `perl` (for one ioctl); elsewhere it says that it was skipped.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    again,
    writers::{Acked, lost, random_below, write_until_failure},
};
use holdfast_blobs::FilesystemStore;
use holdfast_model::ObjectKey;
use tempfile::TempDir;

const ROUNDS: usize = 4;
const DISK_BYTES: u64 = 1024 * 1024 * 1024;
/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: from now on nothing reaches the disk, not even the journal.
const CUT: &str = r#"sysopen(F, $ARGV[0], 0) or die $!; $how = pack("L", 2); ioctl(F, 0x8004587d, $how) or die $!"#;

#[test]
fn acknowledged_objects_survive_a_power_cut() {
    let test = "power_cut::acknowledged_objects_survive_a_power_cut";
    let Some(folder) = again::told() else {
        return in_own_mounts(test);
    };
    let disk = Disk::new(Path::new(&folder));
    let mut acked = Vec::new();
    for _ in 0..ROUNDS {
        acked.extend(disk.write_and_cut(false));
        assert_eq!(disk.lost(&acked), []);
    }
    assert!(acked.len() > ROUNDS, "the writers wrote: {}", acked.len());
}

#[test]
fn the_check_finds_what_was_not_synced() {
    let test = "power_cut::the_check_finds_what_was_not_synced";
    let Some(folder) = again::told() else {
        return in_own_mounts(test);
    };
    let disk = Disk::new(Path::new(&folder));
    let acked = disk.write_and_cut(true);
    assert!(!disk.lost(&acked).is_empty(), "of {}", acked.len());
}

fn in_own_mounts(test: &str) {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: mounting an ext4 needs root");
        return;
    }
    let folder = TempDir::new().unwrap();
    again::in_own_mounts(
        test,
        folder.path().to_str().unwrap(),
        &["mkfs.ext4", "mount", "perl", "losetup"],
    );
}

struct Disk {
    image: PathBuf,
    mounted: PathBuf,
}

impl Disk {
    fn new(folder: &Path) -> Self {
        let disk = Self {
            image: folder.join("image"),
            mounted: folder.join("mounted"),
        };
        File::create(&disk.image).unwrap().set_len(DISK_BYTES).unwrap();
        std::fs::create_dir(&disk.mounted).unwrap();
        again::run("mkfs.ext4", &[Path::new("-q"), Path::new("-F"), &disk.image]);
        disk
    }

    fn mount(&self) {
        again::run(
            "mount",
            &[Path::new("-o"), Path::new("loop"), &self.image, &self.mounted],
        );
    }

    fn unmount(&self) {
        // Bursts of dropped writers may hold it a moment longer.
        for _ in 0..200 {
            if Command::new("umount")
                .arg(&self.mounted)
                .output()
                .unwrap()
                .status
                .success()
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the disk stays busy");
    }

    /// Mounts the disk, lets the writers run for a while, cuts the power.
    fn write_and_cut(&self, is_lying: bool) -> Vec<Acked> {
        self.mount();
        let acked = Arc::new(Mutex::new(Vec::new()));
        runtime().block_on(async {
            let store = Arc::new(FilesystemStore::open(self.mounted.join("store")).unwrap());
            let telling = Arc::clone(&acked);
            let writing = tokio::spawn(write_until_failure(store, is_lying, move |object| {
                telling.lock().unwrap().push(object);
            }));
            tokio::time::sleep(Duration::from_millis(200 + random_below(600))).await;
            again::run("perl", &[Path::new("-e"), Path::new(CUT), &self.mounted]);
            tokio::time::timeout(Duration::from_secs(60), writing)
                .await
                .expect("the writers fail")
                .unwrap();
        });
        self.unmount();
        std::mem::take(&mut *acked.lock().unwrap())
    }

    fn lost(&self, acked: &[Acked]) -> Vec<ObjectKey> {
        self.mount();
        let lost = runtime().block_on(async {
            let store = FilesystemStore::open(self.mounted.join("store")).unwrap();
            lost(&store, acked).await
        });
        self.unmount();
        lost
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}
