//! Referrers: manifests whose subject is another manifest (dist-spec 1.1 §Listing Referrers).

use holdfast_access::{Grant, action};
use holdfast_oci::Digest;

use crate::{
    Error, Registry,
    ports::{ManifestRecord, MetadataExt, Read, RepositoryRecord},
};

/// A page of referrers.
#[derive(Debug, Clone)]
pub struct Referrers {
    /// By digest, ascending; those that are locked for listing or reading are left out, so there may be fewer than the
    /// page's limit.
    pub manifests: Vec<ManifestRecord>,
    /// The digest that the next page goes on from, when there is one.
    pub next: Option<Digest>,
}

impl Registry {
    /// A page of the manifests that refer to `subject`. An unknown subject or repository has none. An entry tells what
    /// the manifest says of itself, so it is a read of that manifest, and the list is one of the subject.
    ///
    /// # Errors
    /// [`Error::Locked`] when the repository or the subject is locked for reading, [`Error::Metadata`].
    pub async fn list_referrers(
        &self,
        grant: &Grant<action::Pull>,
        subject: &Digest,
        artifact_type: Option<String>,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Referrers, Error> {
        let (registry, name, subject) = (grant.registry(), grant.repository().clone(), *subject);
        self.metadata
            .query(move |read| {
                let Some(repository) = read.find_repository(registry, &name)? else {
                    return Ok(Referrers {
                        manifests: Vec::new(),
                        next: None,
                    });
                };
                ensure_readable(read, &repository, &subject)?;
                let mut manifests = read.list_referrers(
                    repository.id,
                    &subject,
                    artifact_type.as_deref(),
                    after.as_ref(),
                    limit + 1,
                )?;
                // What is left out counts for the page, or a page of hidden ones would look like the last.
                let has_more = manifests.len() > limit;
                manifests.truncate(limit);
                let next = manifests.last().map(|last| last.digest).filter(|_| has_more);
                manifests.retain(|manifest| manifest.attributes.list_enabled && manifest.attributes.read_enabled);
                Ok(Referrers { manifests, next })
            })
            .await
    }
}

fn ensure_readable(
    read: &mut (impl Read + ?Sized),
    repository: &RepositoryRecord,
    subject: &Digest,
) -> Result<(), Error> {
    let name = &repository.name;
    // Locks of a repository end with its last manifest.
    if repository.manifest_count > 0 && !repository.attributes.read_enabled {
        return Err(Error::Locked {
            what: format!("repository {name}"),
        });
    }
    match read.find_manifest(repository.id, subject)? {
        Some(found) if !found.attributes.read_enabled => Err(Error::Locked {
            what: format!("manifest {subject} of {name}"),
        }),
        _ => Ok(()),
    }
}
