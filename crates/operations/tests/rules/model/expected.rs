//! The model: what a registry must do, over plain maps. It knows nothing of rows or objects but how
//! many there must be.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use holdfast_content::{Limits, limits::ROW_BLOB_BYTES};
use holdfast_model::Attributes;
use holdfast_oci::Digest;
use holdfast_testkit::registry::Document;

/// The name of the error an operation must end with.
pub(crate) type Refusal = &'static str;

#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) document: Document,
    pub(crate) blobs: BTreeSet<Digest>,
    /// Manifests or blobs that an index lists.
    pub(crate) children: BTreeSet<Digest>,
    pub(crate) subject: Option<Digest>,
}

#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(crate) attributes: Attributes,
    pub(crate) manifests: BTreeMap<Digest, Attributes>,
    pub(crate) tags: BTreeMap<usize, (Digest, Attributes)>,
    pub(crate) links: BTreeSet<Digest>,
}

#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) repository: usize,
    pub(crate) layer: usize,
    pub(crate) offset: usize,
    pub(crate) updated_at: Duration,
}

/// What waits for the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waiting {
    Link(usize, Digest),
    Untagged(usize, Digest),
    Orphaned(usize, Digest),
}

/// What a collection takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Freed {
    pub(crate) manifests: u64,
    pub(crate) blob_links: u64,
    pub(crate) row_blobs: u64,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
}

impl Freed {
    pub(crate) fn add(&mut self, other: &Self) {
        self.manifests += other.manifests;
        self.blob_links += other.blob_links;
        self.row_blobs += other.row_blobs;
        self.objects += other.objects;
        self.bytes += other.bytes;
    }

    fn add_blob(&mut self, size_bytes: u64) {
        if is_row(size_bytes) {
            self.row_blobs += 1;
        } else {
            self.objects += 1;
        }
        self.bytes += size_bytes;
    }
}

fn is_row(size_bytes: u64) -> bool {
    size_bytes <= ROW_BLOB_BYTES as u64
}

#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// Since the start.
    pub(crate) now: Duration,
    pub(crate) retention: Option<u32>,
    pub(crate) is_sparse: bool,
    /// Whether it ever was.
    pub(crate) was_sparse: bool,
    pub(crate) repositories: BTreeMap<usize, Repository>,
    pub(crate) uploads: Vec<Upload>,
    /// Every manifest that somebody tried to push, in that order.
    pub(crate) known: Vec<Known>,
    /// Bytes of every blob that somebody tried to push.
    pub(crate) sizes: BTreeMap<Digest, u64>,
    /// Objects whose rows a delete removed.
    loose_objects: Freed,
    queue: BTreeMap<Waiting, (Duration, u64)>,
    queued: u64,
}

impl Repository {
    pub(crate) fn is_visible(&self) -> bool {
        !self.manifests.is_empty()
    }

    fn is_frozen(&self) -> bool {
        self.is_visible() && !self.attributes.write_enabled
    }

    pub(crate) fn is_read_locked(&self) -> bool {
        self.is_visible() && !self.attributes.read_enabled
    }

    pub(crate) fn is_tagged(&self, manifest: &Digest) -> bool {
        self.tags.values().any(|(digest, _)| digest == manifest)
    }
}

impl Expected {
    pub(crate) fn repository(&mut self, number: usize) -> &mut Repository {
        self.repositories.entry(number).or_default()
    }

    pub(crate) fn find(&self, digest: &Digest) -> &Known {
        self.known
            .iter()
            .find(|known| known.document.digest() == *digest)
            .expect("only known manifests are pushed")
    }

    /// Every blob that any repository has.
    pub(crate) fn blobs(&self) -> BTreeSet<Digest> {
        self.repositories
            .values()
            .flat_map(|repository| repository.links.iter().copied())
            .collect()
    }

    fn queue(&mut self, waiting: Waiting) {
        self.queued += 1;
        self.queue.insert(waiting, (self.now, self.queued));
    }

    pub(crate) fn link(&mut self, number: usize, blob: Digest) -> Result<(), Refusal> {
        let repository = self.repository(number);
        if repository.is_frozen() {
            return Err("Locked");
        }
        repository.links.insert(blob);
        self.queue(Waiting::Link(number, blob));
        Ok(())
    }

    pub(crate) fn stat(&mut self, number: usize, blob: Digest) -> Result<(), Refusal> {
        self.read(number, &blob)?;
        let stale = self.now.saturating_sub(Limits::default().grace / 2);
        let waiting = Waiting::Link(number, blob);
        if self.queue.get(&waiting).is_some_and(|(at, _)| *at < stale) {
            self.queue(waiting);
        }
        Ok(())
    }

    pub(crate) fn read(&self, number: usize, blob: &Digest) -> Result<(), Refusal> {
        match self.repositories.get(&number) {
            Some(repository) if repository.links.contains(blob) => {
                if repository.is_read_locked() {
                    Err("Locked")
                } else {
                    Ok(())
                }
            }
            _ => Err("BlobUnknown"),
        }
    }

    /// Whether the mount happens.
    pub(crate) fn mount(&mut self, from: usize, to: usize, blob: Digest) -> Result<bool, Refusal> {
        if self.read(from, &blob).is_err() {
            return Ok(false);
        }
        self.link(to, blob).map(|()| true)
    }

    pub(crate) fn delete_blob(&mut self, number: usize, blob: Digest) -> Result<(), Refusal> {
        let repository = self.repository(number);
        if !repository.links.contains(&blob) {
            return Err("BlobUnknown");
        }
        if repository.is_frozen() {
            return Err("Locked");
        }
        if self.needs_blob(number, &blob) {
            return Err("BlobInUse");
        }
        self.repository(number).links.remove(&blob);
        if !self.blobs().contains(&blob) {
            let size_bytes = self.sizes[&blob];
            // A row goes at once.
            if !is_row(size_bytes) {
                self.loose_objects.add_blob(size_bytes);
            }
        }
        Ok(())
    }

    pub(crate) fn start_upload(&mut self, number: usize) -> Result<(), Refusal> {
        if self.repository(number).is_frozen() {
            Err("Locked")
        } else {
            Ok(())
        }
    }

    pub(crate) fn needs_blob(&self, number: usize, blob: &Digest) -> bool {
        self.repositories[&number]
            .manifests
            .keys()
            .map(|digest| self.find(digest))
            .any(|known| known.blobs.contains(blob) || known.children.contains(blob))
    }

    pub(crate) fn put(&mut self, number: usize, digest: Digest, tag: Option<usize>) -> Result<(), Refusal> {
        let known = self.find(&digest).clone();
        let is_sparse = self.is_sparse;
        let repository = self.repository(number);
        if repository.is_frozen() {
            return Err("Locked");
        }
        let has_all = known.blobs.is_subset(&repository.links)
            && known
                .children
                .iter()
                .all(|child| repository.manifests.contains_key(child) || repository.links.contains(child));
        if !has_all && !is_sparse {
            return Err("ManifestBlobsMissing");
        }
        let existing = repository.manifests.get(&digest).copied();
        if existing.is_some_and(|attributes| !attributes.write_enabled) && tag.is_some() {
            return Err("Locked");
        }
        let moved_from = tag.and_then(|tag| repository.tags.get(&tag).copied());
        if let Some((from, attributes)) = moved_from {
            let is_held = from != digest && !repository.manifests[&from].write_enabled;
            if !attributes.write_enabled || is_held {
                return Err("Locked");
            }
        }
        if !repository.is_visible() {
            repository.attributes = Attributes::default();
        }
        repository.manifests.entry(digest).or_default();
        if let Some(tag) = tag {
            repository.tags.entry(tag).or_insert((digest, Attributes::default())).0 = digest;
        }
        self.renew(number, digest, tag.is_some());
        if let Some((from, _)) = moved_from {
            self.queue_if_untagged(number, from);
        }
        Ok(())
    }

    fn renew(&mut self, number: usize, digest: Digest, is_tagged: bool) {
        if self.queue.contains_key(&Waiting::Orphaned(number, digest)) {
            self.queue(Waiting::Orphaned(number, digest));
        }
        let untagged = Waiting::Untagged(number, digest);
        if is_tagged {
            self.queue.remove(&untagged);
        } else if self.queue.contains_key(&untagged) {
            self.queue(untagged);
        }
    }

    fn queue_if_untagged(&mut self, number: usize, digest: Digest) {
        if self.retention.is_some() && !self.repositories[&number].is_tagged(&digest) {
            self.queue(Waiting::Untagged(number, digest));
        }
    }

    pub(crate) fn delete_tag(&mut self, number: usize, tag: usize) -> Result<(), Refusal> {
        let repository = self.repository(number);
        let Some((digest, attributes)) = repository.tags.get(&tag).copied() else {
            return Err("TagUnknown");
        };
        let is_held = !repository.manifests[&digest].write_enabled;
        if repository.is_frozen() || !attributes.may_delete() || is_held {
            return Err("Locked");
        }
        repository.tags.remove(&tag);
        self.queue_if_untagged(number, digest);
        Ok(())
    }

    pub(crate) fn delete_manifest(&mut self, number: usize, digest: Digest) -> Result<(), Refusal> {
        let repository = self.repository(number);
        if !repository.manifests.contains_key(&digest) {
            return Err("ManifestUnknown");
        }
        if repository.is_frozen() || !repository.may_remove(&digest) {
            return Err("Locked");
        }
        self.remove_manifest(number, digest);
        Ok(())
    }

    pub(crate) fn delete_repository(&mut self, number: usize) -> Result<(), Refusal> {
        let repository = self.repository(number);
        if !repository.is_visible() {
            return Err("RepositoryUnknown");
        }
        let manifests: Vec<_> = repository.manifests.keys().copied().collect();
        if !repository.attributes.may_delete() || !manifests.iter().all(|digest| repository.may_remove(digest)) {
            return Err("Locked");
        }
        for digest in manifests {
            self.remove_manifest(number, digest);
        }
        Ok(())
    }

    fn remove_manifest(&mut self, number: usize, digest: Digest) {
        let known = self.find(&digest).clone();
        let repository = self.repository(number);
        repository.manifests.remove(&digest);
        repository.tags.retain(|_, (tagged, _)| *tagged != digest);
        let left: Vec<_> = repository.manifests.keys().copied().collect();
        let listed: Vec<_> = known.children.intersection(&repository.links).copied().collect();
        self.queue.remove(&Waiting::Untagged(number, digest));
        self.queue.remove(&Waiting::Orphaned(number, digest));
        for blob in known.blobs.into_iter().chain(listed) {
            self.queue(Waiting::Link(number, blob));
        }
        for other in left {
            let refers = self.find(&other).subject == Some(digest);
            if refers || known.children.contains(&other) {
                self.queue(Waiting::Orphaned(number, other));
            }
        }
    }

    /// What a collection takes, and takes it.
    pub(crate) fn collect(&mut self, grace: Duration) -> Freed {
        let mut freed = std::mem::take(&mut self.loose_objects);
        let mut batch: Vec<_> = self.queue.iter().map(|(waiting, at)| (*at, *waiting)).collect();
        batch.sort_by_key(|((_, number), _)| *number);
        for (at, waiting) in batch {
            let is_due = at.0 + grace <= self.now && at.0 < self.now;
            if !is_due || self.queue.get(&waiting) != Some(&at) {
                continue;
            }
            let is_settled = match waiting {
                Waiting::Link(number, blob) => {
                    self.review_link(number, &blob, &mut freed);
                    true
                }
                Waiting::Orphaned(number, digest) => self.review_manifest(number, digest, &mut freed),
                Waiting::Untagged(number, digest) => match self.retention {
                    None => true,
                    Some(days) if at.0 + Duration::from_secs(86_400) * days > self.now => false,
                    Some(_) => self.review_manifest(number, digest, &mut freed),
                },
            };
            if is_settled {
                self.queue.remove(&waiting);
            }
        }
        freed
    }

    fn review_link(&mut self, number: usize, blob: &Digest, freed: &mut Freed) {
        if self.needs_blob(number, blob) || !self.repository(number).links.remove(blob) {
            return;
        }
        freed.blob_links += 1;
        if !self.blobs().contains(blob) {
            freed.add_blob(self.sizes[blob]);
        }
    }

    /// Whether the question is settled; a lock only postpones it.
    fn review_manifest(&mut self, number: usize, digest: Digest, freed: &mut Freed) -> bool {
        let repository = &self.repositories[&number];
        let Some(attributes) = repository.manifests.get(&digest) else {
            return true;
        };
        let known = self.find(&digest);
        let has_parent = repository
            .manifests
            .keys()
            .any(|other| self.find(other).children.contains(&digest));
        let has_subject = known
            .subject
            .is_some_and(|subject| repository.manifests.contains_key(&subject));
        if has_parent || has_subject || repository.is_tagged(&digest) {
            return true;
        }
        if !attributes.may_delete() || !repository.attributes.write_enabled {
            return false;
        }
        self.remove_manifest(number, digest);
        freed.manifests += 1;
        true
    }
}

impl Repository {
    fn may_remove(&self, digest: &Digest) -> bool {
        self.manifests[digest].may_delete()
            && self
                .tags
                .values()
                .all(|(tagged, attributes)| tagged != digest || attributes.may_delete())
    }
}
