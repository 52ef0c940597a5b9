//! The check of everything stored: each byte against its digest, each row against the rows and bytes it stands for. It
//! runs beside pushes and pulls, a few reads at a time; what changed meanwhile is looked at again before it is reported.
//! It refuses to repair anything.

mod blob;
mod finding;
mod manifest;
mod object;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::sync::mpsc::Sender;

use crate::{Error, Operator};
pub use finding::Finding;
use holdfast_model::MetadataExt;

/// How to check.
#[derive(Debug, Clone, Copy)]
pub struct CheckOptions {
    /// Blobs read at the same time; at least 1.
    pub at_once: usize,
}

/// What a check tells while it runs.
#[derive(Debug)]
pub enum CheckEvent {
    /// How far it is.
    Progress(CheckProgress),
    /// Something that is not as it should be.
    Finding(Finding),
}

/// How far a check is. The totals are those of its start; pushes may make more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckProgress {
    /// Manifests looked at; they come first.
    pub manifests: u64,
    /// Blobs there were.
    pub total_blobs: u64,
    /// Blobs read.
    pub blobs: u64,
    /// Bytes of all blobs there were.
    pub total_bytes: u64,
    /// Bytes read of them.
    pub bytes: u64,
}

/// What a check looked at, and how much of it is not as it should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Repositories.
    pub repositories: u64,
    /// Manifests.
    pub manifests: u64,
    /// Tags.
    pub tags: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of blobs and manifests.
    pub bytes: u64,
    /// Objects of the stores.
    pub objects: u64,
    /// Findings that a client can notice.
    pub faults: u64,
    /// Findings that no client can notice, or that a client has brought about.
    pub remarks: u64,
}

/// A check under way.
struct Check<'a> {
    registry: &'a Operator,
    options: CheckOptions,
    events: Sender<CheckEvent>,
    checked: Checked,
    total_blobs: u64,
    total_bytes: u64,
    /// Grows while blobs are read, so that large ones show progress too.
    bytes: Arc<AtomicU64>,
}

impl Operator {
    /// Checks everything. Events wait for the receiver; when that is gone, the check goes on without telling.
    ///
    /// # Errors
    /// [`Error::Storage`]. Bytes that can't be read and stores that can't be listed are findings.
    pub async fn check(&self, options: CheckOptions, events: Sender<CheckEvent>) -> Result<Checked, Error> {
        let (total_blobs, total_bytes) = self.metadata.query(|read| read.count_blobs()).await?;
        let mut check = Check {
            registry: self,
            options,
            events,
            checked: Checked::default(),
            total_blobs,
            total_bytes,
            bytes: Arc::default(),
        };
        check.progress().await;
        check.check_manifests().await?;
        check.check_blobs().await?;
        check.check_objects().await?;
        check.progress().await;
        let mut checked = check.checked;
        checked.bytes += check.bytes.load(Relaxed);
        Ok(checked)
    }
}

impl Check<'_> {
    async fn report(&mut self, finding: Finding) {
        if finding.is_fault() {
            self.checked.faults += 1;
        } else {
            self.checked.remarks += 1;
        }
        // Whoever hung up does not want to know; the counts are right all the same.
        drop(self.events.send(CheckEvent::Finding(finding)).await);
    }

    async fn progress(&self) {
        let progress = CheckProgress {
            manifests: self.checked.manifests,
            total_blobs: self.total_blobs,
            blobs: self.checked.blobs,
            total_bytes: self.total_bytes,
            bytes: self.bytes.load(Relaxed),
        };
        drop(self.events.send(CheckEvent::Progress(progress)).await);
    }
}
