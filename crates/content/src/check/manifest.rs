//! Manifests: their bytes, what their rows say of them, what they need, their tags, and the counts of repositories.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use holdfast_oci::{Digest, Manifest, MediaType, RepositoryName};

use super::{Check, Finding};
use crate::{Error, limits::ROWS_PER_STEP, registry::load_registry};
use holdfast_model::{
    ListOrder, ManifestId, ManifestRecord, MetadataError, MetadataExt, Page, Position, Read, RepositoryId,
    RepositoryRecord, Visibility,
};

/// Manifests whose rows are fetched at once.
const ROWS: usize = 200;

/// Manifests and tags that were seen in a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    manifests: u64,
    tags: u64,
}

/// A manifest and all that its rows say, in one snapshot.
struct Stored {
    repository: RepositoryName,
    record: ManifestRecord,
    bytes: Bytes,
    blobs: Vec<Digest>,
    children: Vec<Digest>,
    tags: u64,
    is_sparse_allowed: bool,
    missing_blobs: Vec<Digest>,
    missing_children: Vec<Digest>,
}

impl Check<'_> {
    pub(super) async fn check_manifests(&mut self) -> Result<(), Error> {
        let mut seen: HashMap<RepositoryId, Seen> = HashMap::new();
        let mut after = ManifestId(0);
        loop {
            let metadata = &self.registry.metadata;
            let page = metadata.query(move |read| read.scan_manifests(after, ROWS)).await;
            let (rows, last) = match page {
                Ok(rows) => {
                    let last = rows.last().map(|(_, record)| record.id);
                    (rows, last)
                }
                Err(_) => self.scan_manifests_by_row(after).await?,
            };
            let Some(last) = last else { break };
            after = last;
            for (repository, record) in rows {
                let metadata = &self.registry.metadata;
                let id = record.id.0;
                let stored = metadata.query(move |read| find(read, repository, &record.digest)).await;
                let stored = match stored {
                    Ok(Some(stored)) => stored,
                    // Deleted since its row was fetched.
                    Ok(None) => continue,
                    Err(error) => {
                        self.report(Finding::row("manifest", id, &error)).await;
                        continue;
                    }
                };
                let seen = seen.entry(repository).or_default();
                seen.manifests += 1;
                seen.tags += stored.tags;
                self.check_manifest(stored).await?;
            }
            self.progress().await;
        }
        self.check_counts(&seen).await
    }

    /// A page of manifests in which some row cannot be read, which is reported; and its last row.
    async fn scan_manifests_by_row(
        &mut self,
        after: ManifestId,
    ) -> Result<(Vec<(RepositoryId, ManifestRecord)>, Option<ManifestId>), Error> {
        let metadata = &self.registry.metadata;
        let ids = metadata.query(move |read| read.scan_manifest_ids(after, ROWS)).await?;
        let last = ids.last().copied();
        let mut rows = Vec::new();
        for id in ids {
            let metadata = &self.registry.metadata;
            // The walk begins at the very row; one that was deleted since gives way to the next.
            let found = metadata
                .query(move |read| read.scan_manifests(ManifestId(id.0 - 1), 1))
                .await;
            match found {
                Ok(found) => rows.extend(found.into_iter().filter(|(_, record)| record.id == id)),
                Err(error) => self.report(Finding::row("manifest", id.0, &error)).await,
            }
        }
        Ok((rows, last))
    }

    async fn check_manifest(&mut self, stored: Stored) -> Result<(), Error> {
        self.checked.manifests += 1;
        self.checked.tags += stored.tags;
        self.checked.bytes += stored.bytes.len() as u64;
        let parsing = &self.registry.parsing;
        for finding in parsing.run(stored.bytes.len(), move || examine(stored)).await? {
            self.report(finding).await;
        }
        // Small ones are read here; requests go first all the same.
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Compares what was seen with what repositories say they have. Pushes go on meanwhile, so a difference is looked at
    /// again, in one snapshot.
    async fn check_counts(&mut self, seen: &HashMap<RepositoryId, Seen>) -> Result<(), Error> {
        let mut ids: HashSet<RepositoryId> = seen.keys().copied().collect();
        ids.extend(self.list_repositories().await?);
        for id in ids {
            let seen = seen.get(&id).copied().unwrap_or_default();
            let metadata = &self.registry.metadata;
            let compared = metadata.query(move |read| compare_counts(read, id, seen)).await;
            self.checked.repositories += 1;
            let finding = compared.unwrap_or_else(|error| Some(Finding::row("repository", id.0, &error)));
            if let Some(finding) = finding {
                self.report(finding).await;
            }
        }
        Ok(())
    }

    async fn list_repositories(&self) -> Result<Vec<RepositoryId>, Error> {
        let mut ids = Vec::new();
        loop {
            let after = ids.last().copied().unwrap_or(RepositoryId(0));
            let metadata = &self.registry.metadata;
            let page = metadata.query(move |read| read.scan_repository_ids(after, ROWS_PER_STEP));
            let page = page.await?;
            if page.is_empty() {
                return Ok(ids);
            }
            ids.extend(page);
        }
    }
}

fn find(read: &mut dyn Read, repository: RepositoryId, digest: &Digest) -> Result<Option<Stored>, Error> {
    let Some((registry, repository)) = read.find_repository_by_id(repository)? else {
        return Ok(None);
    };
    let Some(record) = read.find_manifest(repository.id, digest)? else {
        return Ok(None);
    };
    let mut stored = Stored {
        // Bytes that are gone have the digest of nothing, and are reported as damaged.
        bytes: match read.load_manifest_bytes(record.id) {
            Err(MetadataError::Failed { .. }) => Bytes::new(),
            bytes => bytes?,
        },
        blobs: read.list_manifest_blobs(record.id)?,
        children: read.list_manifest_children(record.id)?,
        tags: read.list_tags_of_manifest(record.id, usize::MAX)?.len() as u64,
        is_sparse_allowed: load_registry(read, registry)?.accept_sparse_manifests,
        repository: repository.name,
        record,
        missing_blobs: Vec::new(),
        missing_children: Vec::new(),
    };
    if stored.is_sparse_allowed {
        return Ok(Some(stored));
    }
    for blob in &stored.blobs {
        if read.find_linked_blob(repository.id, blob)?.is_none() {
            stored.missing_blobs.push(*blob);
        }
    }
    for child in &stored.children {
        let is_there = read.find_manifest(repository.id, child)?.is_some()
            || read.find_linked_blob(repository.id, child)?.is_some();
        if !is_there {
            stored.missing_children.push(*child);
        }
    }
    Ok(Some(stored))
}

fn examine(stored: Stored) -> Vec<Finding> {
    let (repository, digest) = (&stored.repository, stored.record.digest);
    let mut findings = Vec::new();
    let actual = Digest::of(digest.algorithm(), &stored.bytes);
    if actual != digest {
        findings.push(Finding::ManifestDamaged {
            repository: repository.clone(),
            digest,
            actual,
        });
    } else if let Some(difference) = difference(&stored) {
        findings.push(Finding::ManifestRow {
            repository: repository.clone(),
            digest,
            difference,
        });
    }
    findings.extend(stored.missing_blobs.iter().map(|blob| Finding::BlobNotLinked {
        repository: repository.clone(),
        manifest: digest,
        blob: *blob,
    }));
    findings.extend(stored.missing_children.iter().map(|child| Finding::ChildMissing {
        repository: repository.clone(),
        index: digest,
        child: *child,
    }));
    findings
}

/// What the row says that the bytes do not, or the other way round.
fn difference(stored: &Stored) -> Option<String> {
    let record = &stored.record;
    if record.size_bytes != stored.bytes.len() as u64 {
        return Some(format!(
            "it has {} bytes, not {}",
            stored.bytes.len(),
            record.size_bytes
        ));
    }
    let Ok(media_type) = record.media_type.parse::<MediaType>() else {
        return Some(format!("{:?} is no media type", record.media_type));
    };
    let manifest = match Manifest::parse(Some(&media_type), &stored.bytes) {
        Ok(manifest) => manifest,
        Err(error) => return Some(format!("it is no {media_type}: {error}")),
    };
    let needed: HashSet<Digest> = manifest.required_blobs().map(|(digest, _)| digest).collect();
    let listed: HashSet<Digest> = manifest.children().iter().map(|child| child.digest).collect();
    if needed != stored.blobs.iter().copied().collect() {
        return Some("it needs other blobs".to_owned());
    }
    if listed != stored.children.iter().copied().collect() {
        return Some("it lists other manifests".to_owned());
    }
    if manifest.subject().map(|subject| subject.digest) != record.subject {
        return Some("it refers to another subject".to_owned());
    }
    None
}

fn compare_counts(read: &mut dyn Read, id: RepositoryId, seen: Seen) -> Result<Option<Finding>, MetadataError> {
    let Some((_, repository)) = read.find_repository_by_id(id)? else {
        return Ok(None);
    };
    let said = Seen {
        manifests: repository.manifest_count,
        tags: repository.tag_count,
    };
    if seen == said {
        return Ok(None);
    }
    let actual = count(read, &repository)?;
    Ok((actual != said).then_some(Finding::Counts {
        repository: repository.name,
        manifests: said.manifests,
        tags: said.tags,
        actual_manifests: actual.manifests,
        actual_tags: actual.tags,
    }))
}

fn count(read: &mut dyn Read, repository: &RepositoryRecord) -> Result<Seen, MetadataError> {
    let mut seen = Seen::default();
    let mut after = None;
    loop {
        let page = Page {
            after,
            limit: ROWS_PER_STEP,
            order: ListOrder::Name,
        };
        let records = read.list_manifests(repository.id, Visibility::Every, &page)?;
        for record in &records {
            seen.manifests += 1;
            seen.tags += read.list_tags_of_manifest(record.id, usize::MAX)?.len() as u64;
        }
        match records.last() {
            Some(last) => after = Some(Position::of(last.digest)),
            None => return Ok(seen),
        }
    }
}
