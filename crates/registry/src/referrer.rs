//! Referrers: manifests whose subject is another manifest (dist-spec 1.1 §Listing Referrers).

use holdfast_access::{Grant, action};
use holdfast_oci::Digest;

use crate::{
    Error, Registry,
    ports::{ManifestRecord, MetadataExt},
};

/// A page of referrers.
#[derive(Debug, Clone)]
pub struct Referrers {
    /// By digest, ascending.
    pub manifests: Vec<ManifestRecord>,
    /// Whether more follow.
    pub has_more: bool,
}

impl Registry {
    /// A page of the manifests that refer to `subject`. An unknown subject or repository has none.
    ///
    /// # Errors
    /// [`Error::Metadata`].
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
                        has_more: false,
                    });
                };
                let mut manifests = read.list_referrers(
                    repository.id,
                    &subject,
                    artifact_type.as_deref(),
                    after.as_ref(),
                    limit + 1,
                )?;
                let has_more = manifests.len() > limit;
                manifests.truncate(limit);
                Ok(Referrers { manifests, has_more })
            })
            .await
    }
}
