//! Why something is kept: the question an operator asks of the garbage collector. It refuses to
//! change anything.

use holdfast_oci::Digest;

use crate::{Error, Operator, garbage::needs, limits::MAX_MOUNT_SOURCES};
use holdfast_model::{Candidate, MetadataError, MetadataExt, Read, RegistryRecord, Timestamp};

/// One reason, or one thing that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The registry's name.
    pub registry: String,
    /// The repository's name.
    pub repository: String,
    /// What it is: `blob` or `manifest`.
    pub kind: &'static str,
    /// Why it is kept; `None` when nothing needs it.
    pub kept_because: Option<String>,
    /// Since when it waits for the collector, if it does.
    pub queued_at: Option<Timestamp>,
}

impl Operator {
    /// Every place of a registry where a digest stands, and why it is kept there.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Storage`].
    pub async fn explain(&self, registry: &str, digest: &Digest) -> Result<Vec<Explanation>, Error> {
        let (name, digest) = (registry.to_owned(), *digest);
        self.metadata
            .query(move |read| {
                let registry = read
                    .find_registry_by_name(&name)?
                    .ok_or_else(|| Error::RegistryUnknown { name: name.clone() })?;
                let mut found = explain_blob(read, &registry, &digest)?;
                found.extend(explain_manifest(read, &registry, &digest)?);
                Ok(found)
            })
            .await
    }
}

fn explain_blob(
    read: &mut dyn Read,
    registry: &RegistryRecord,
    digest: &Digest,
) -> Result<Vec<Explanation>, MetadataError> {
    let mut found = Vec::new();
    for name in read.list_repositories_with_blob(registry.id, digest, MAX_MOUNT_SOURCES)? {
        let Some(repository) = read.find_repository(registry.id, &name)? else {
            continue;
        };
        let needed = read.find_manifest_needing_blob(repository.id, digest)?;
        let queued = read.find_candidate(&Candidate::BlobLink {
            repository: repository.id,
            digest: *digest,
        })?;
        found.push(Explanation {
            registry: registry.name.clone(),
            repository: name.to_string(),
            kind: "blob",
            kept_because: needed.map(|manifest| format!("manifest {manifest} needs it")),
            queued_at: queued.map(|queued| queued.queued_at),
        });
    }
    Ok(found)
}

fn explain_manifest(
    read: &mut dyn Read,
    registry: &RegistryRecord,
    digest: &Digest,
) -> Result<Vec<Explanation>, MetadataError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let names = read.list_repositories(registry.id, after.as_deref(), MAX_MOUNT_SOURCES)?;
        for name in &names {
            let Some(repository) = read.find_repository(registry.id, name)? else {
                continue;
            };
            let Some(record) = read.find_manifest(repository.id, digest)? else {
                continue;
            };
            let [untagged, orphaned] = [
                Candidate::UntaggedManifest {
                    repository: repository.id,
                    digest: *digest,
                },
                Candidate::OrphanedManifest {
                    repository: repository.id,
                    digest: *digest,
                },
            ];
            let untagged = read.find_candidate(&untagged)?;
            let queued = match untagged {
                Some(queued) => Some(queued),
                None => read.find_candidate(&orphaned)?,
            };
            let mut kept_because = needs(read, &repository, &record)?;
            if kept_because.is_none() && queued.is_none() {
                kept_because = Some(unclaimed(registry));
            }
            found.push(Explanation {
                registry: registry.name.clone(),
                repository: name.to_string(),
                kind: "manifest",
                kept_because,
                queued_at: queued.map(|queued| queued.queued_at),
            });
        }
        match names.last() {
            Some(last) if names.len() == MAX_MOUNT_SOURCES => after = Some(last.to_string()),
            _ => return Ok(found),
        }
    }
}

fn unclaimed(registry: &RegistryRecord) -> String {
    match registry.retention_days {
        None => "it has no tag, but the registry's retention policy is off".to_owned(),
        Some(_) => "it lost no tag since the retention policy was switched on".to_owned(),
    }
}
