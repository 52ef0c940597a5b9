//! Referrers: manifests whose subject is another manifest (dist-spec 1.1 §Listing Referrers).

use holdfast_access::{Grant, action};
use holdfast_oci::Digest;

use crate::{Error, Repositories, limits::PAGE_BYTES};
use holdfast_model::{MetadataExt, Read, ReferrerRecord, ReferrersPage, RepositoryRecord};

/// A page of referrers.
#[derive(Debug, Clone, Default)]
pub struct Referrers {
    /// By digest, ascending, without those that are locked for listing or reading; fewer than the page's limit where
    /// annotations fill it.
    pub manifests: Vec<ReferrerRecord>,
    /// The digest that the next page goes on from, when there is one.
    pub next: Option<Digest>,
}

impl Repositories {
    /// A page of the manifests that refer to `subject`. An unknown subject or repository has none. An entry tells what
    /// the manifest says of itself, so it is a read of that manifest, and the list is one of the subject.
    ///
    /// # Errors
    /// [`Error::Locked`] when the repository or the subject is locked for reading, [`Error::Storage`].
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
                    return Ok(Referrers::default());
                };
                ensure_readable(read, &repository, &subject)?;
                // No manifest has a type with NUL in it, and PostgreSQL cannot be asked for one.
                if artifact_type.as_ref().is_some_and(|wanted| wanted.contains('\0')) {
                    return Ok(Referrers::default());
                }
                let page = ReferrersPage {
                    artifact_type,
                    after,
                    limit: limit + 1,
                    max_bytes: PAGE_BYTES,
                };
                let mut manifests = read.list_referrers(repository.id, &subject, &page)?;
                let is_full = annotation_bytes(&manifests) >= PAGE_BYTES;
                let has_more = manifests.len() > limit || is_full;
                manifests.truncate(limit);
                let next = manifests.last().map(|last| last.digest).filter(|_| has_more);
                Ok(Referrers { manifests, next })
            })
            .await
    }
}

fn annotation_bytes(referrers: &[ReferrerRecord]) -> usize {
    let texts = referrers.iter().filter_map(|referrer| referrer.annotations.as_ref());
    texts.map(String::len).sum()
}

fn ensure_readable(read: &mut dyn Read, repository: &RepositoryRecord, subject: &Digest) -> Result<(), Error> {
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
