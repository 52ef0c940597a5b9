//! Compares everything a client can see with the model, and every row with its object.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdfast_access::action;
use holdfast_content::limits::ROW_BLOB_BYTES;
use holdfast_model::{BlobId, BlobPlace, BlobRecord, Blobs as _, ManifestId, MetadataError, MetadataExt as _};
use holdfast_oci::Digest;
use holdfast_testkit::{
    blobs::list,
    registry::{everything, read_all, tag},
};

use super::{
    drive::{Driver, agree, layer_bytes, layer_digest, reader},
    expected::{Refusal, Repository},
    operation::{LAYER_BYTES, REPOSITORIES, TAGS},
};
use crate::claims::sha256;

/// More rows than there are.
const ALL: usize = 100_000;

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: found {found:?}, expected {expected:?}"))
    }
}

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

impl Driver {
    /// Says what is wrong, if anything is.
    pub(crate) async fn inspect(&self) -> Result<(), String> {
        self.inspect_views().await?;
        self.inspect_bytes().await?;
        self.inspect_needs().await
    }

    /// What clients see.
    pub(crate) async fn inspect_views(&self) -> Result<(), String> {
        self.inspect_catalog().await?;
        for (number, name) in REPOSITORIES.iter().enumerate() {
            let nothing = Repository::default();
            let expected = self.expected.repositories.get(&number).unwrap_or(&nothing);
            let inspected = self.inspect_repository(number, expected).await;
            inspected.map_err(|complaint| format!("{name}: {complaint}"))?;
        }
        Ok(())
    }

    async fn inspect_catalog(&self) -> Result<(), String> {
        let found: Vec<_> = self.world.catalog().await.iter().map(ToString::to_string).collect();
        let expected: Vec<_> = self
            .expected
            .repositories
            .iter()
            .filter(|(_, repository)| repository.is_visible() && repository.attributes.list_enabled)
            .map(|(number, _)| REPOSITORIES[*number].to_owned())
            .collect();
        same("catalog", &found, &expected)
    }

    async fn inspect_repository(&self, number: usize, expected: &Repository) -> Result<(), String> {
        self.inspect_blobs(number).await?;
        let name = REPOSITORIES[number];
        let attributes = self.world.grant::<action::MetadataRead>(name);
        let view = self.world.load_repository(&attributes).await;
        if !expected.is_visible() {
            agree(view, Err("RepositoryUnknown"))?;
            agree(self.world.tags(name).await, Err("RepositoryUnknown"))?;
            return agree(self.world.pull(name, "v1").await, Err("ManifestTagUnknown"));
        }
        let view = view.map_err(text)?;
        same("attributes", &view.attributes, &expected.attributes)?;
        let counts = (expected.manifests.len() as u64, expected.tags.len() as u64);
        same("counts", &(view.manifest_count, view.tag_count), &counts)?;
        self.inspect_tags(number, expected).await?;
        self.inspect_manifests(number, expected).await?;
        self.inspect_referrers(number, expected).await
    }

    async fn inspect_tags(&self, number: usize, expected: &Repository) -> Result<(), String> {
        let listed = self.world.tags(REPOSITORIES[number]).await.map_err(text)?;
        let listed: BTreeMap<_, _> = listed
            .into_iter()
            .map(|tag| (tag.name.to_string(), (tag.digest, tag.attributes)))
            .collect();
        let visible: BTreeMap<_, _> = expected
            .tags
            .iter()
            .filter(|(_, (_, attributes))| attributes.list_enabled)
            .map(|(tag, state)| (TAGS[*tag].to_owned(), *state))
            .collect();
        same("tags", &listed, &visible)?;
        for (place, name) in TAGS.iter().enumerate() {
            let pulled = self.world.pull(REPOSITORIES[number], name).await;
            let digest = pulled.as_ref().ok().map(|content| content.digest);
            let may_read = expected.may_pull(place);
            agree(pulled, may_read)?;
            if may_read.is_ok() {
                same(name, &digest, &Some(expected.tags[&place].0))?;
            }
        }
        Ok(())
    }

    async fn inspect_manifests(&self, number: usize, expected: &Repository) -> Result<(), String> {
        let name = REPOSITORIES[number];
        let grant = self.world.grant::<action::MetadataRead>(name);
        let listed = self
            .world
            .list_manifests(&grant, everything())
            .await
            .map_err(text)?
            .manifests;
        let listed: BTreeMap<_, _> = listed
            .into_iter()
            .map(|view| (view.record.digest, (view.record.attributes, view.tags)))
            .collect();
        let visible: BTreeMap<_, _> = expected
            .manifests
            .iter()
            .filter(|(_, attributes)| attributes.list_enabled)
            .map(|(digest, attributes)| {
                let mut tags: Vec<_> = expected
                    .tags
                    .iter()
                    .filter(|(_, (tagged, _))| tagged == digest)
                    .map(|(place, _)| tag(TAGS[*place]))
                    .collect();
                tags.sort();
                (*digest, (*attributes, tags))
            })
            .collect();
        same("manifests", &listed, &visible)?;
        for known in &self.expected.known {
            let digest = known.document.digest();
            let pulled = self.world.pull(name, &digest.to_string()).await;
            let bytes = pulled.as_ref().ok().map(|content| content.bytes.clone());
            let may_read = expected.may_pull_digest(&digest);
            agree(pulled, may_read)?;
            if may_read.is_ok() {
                same("bytes of a manifest", &bytes.as_ref(), &Some(known.document.bytes()))?;
            }
        }
        Ok(())
    }

    async fn inspect_referrers(&self, number: usize, expected: &Repository) -> Result<(), String> {
        for known in &self.expected.known {
            let subject = known.document.digest();
            let listed = self
                .world
                .list_referrers(&reader(&self.world, number), &subject, None, None, ALL)
                .await;
            // A subject that is not there has referrers all the same.
            if expected.may_pull_digest(&subject) == Err("Locked") {
                agree(listed, Err("Locked"))?;
                continue;
            }
            let listed: Vec<_> = listed
                .map_err(text)?
                .manifests
                .iter()
                .map(|record| record.digest)
                .collect();
            let referring: Vec<_> = expected
                .manifests
                .iter()
                .filter(|(_, attributes)| attributes.list_enabled && attributes.read_enabled)
                .map(|(digest, _)| *digest)
                .filter(|digest| self.expected.find(digest).subject == Some(subject))
                .collect();
            same("referrers", &listed, &referring)?;
        }
        Ok(())
    }

    /// What each layer is to a reader of the repository.
    async fn inspect_blobs(&self, number: usize) -> Result<(), String> {
        for layer in 0..LAYER_BYTES.len() {
            let (bytes, digest) = (layer_bytes(layer), layer_digest(layer));
            let read = self.world.read_blob(REPOSITORIES[number], &digest).await;
            let is_right = read.as_ref().map_or(true, |read| *read == bytes);
            agree(read.map(|read| read.len()), self.expected.read(number, &digest))?;
            if !is_right {
                return Err(format!("blob {digest} has other bytes"));
            }
        }
        Ok(())
    }

    /// Every blob has its object with its very bytes, and every object has a reason.
    async fn inspect_bytes(&self) -> Result<(), String> {
        let rows = self.world.rows();
        let blobs = rows.query(|read| read.scan_blobs(BlobId(0), ALL)).await.map_err(text)?;
        let digests: BTreeSet<Digest> = blobs.iter().map(|blob| blob.digest).collect();
        same("blobs", &digests, &self.expected.blobs())?;
        let mut sizes = 0;
        for blob in &blobs {
            let is_row = blob.size_bytes <= ROW_BLOB_BYTES as u64;
            same("a small blob is a row", &(blob.place == BlobPlace::Row), &is_row)?;
            let bytes = self.stored(blob).await?;
            same("digest of stored bytes", &sha256(&bytes), &blob.digest)?;
            sizes += blob.size_bytes;
        }
        let counted = rows.query(|read| read.count_blobs()).await.map_err(text)?;
        same("counted blobs", &counted, &(blobs.len() as u64, sizes))?;
        let account = self.world.record().storage_account;
        for object in list(self.world.blobs()).await {
            let key = object.key.clone();
            let is_known = rows
                .query(move |read| read.is_object_known(account, &key))
                .await
                .map_err(text)?;
            same("an object has a row", &is_known, &true)?;
        }
        Ok(())
    }

    /// A blob's bytes as they lie there.
    async fn stored(&self, blob: &BlobRecord) -> Result<Bytes, String> {
        let lost = |why: &dyn std::fmt::Debug| format!("blob {}: {why:?}", blob.digest);
        match &blob.place {
            BlobPlace::Object(key) => {
                let opened = self.world.blobs().open(key, 0..blob.size_bytes).await;
                Ok(read_all(opened.map_err(|error| lost(&error))?).await)
            }
            BlobPlace::Row => {
                let (rows, id) = (self.world.rows(), blob.id);
                let found = rows.query(move |read| read.find_blob_bytes(id)).await.map_err(text)?;
                found.ok_or_else(|| lost(&"its bytes are gone"))
            }
        }
    }

    /// The safety of collection, asked of the rows alone: what a manifest needed when it was pushed
    /// is there, but for what a sparse push did not bring.
    async fn inspect_needs(&self) -> Result<(), String> {
        let problems = self
            .world
            .rows()
            .query(|read| {
                let mut missing = Vec::new();
                for (repository, manifest) in read.scan_manifests(ManifestId(0), ALL)? {
                    for blob in read.list_manifest_blobs(manifest.id)? {
                        if read.find_linked_blob(repository, &blob)?.is_none() {
                            missing.push((repository, manifest.digest, blob));
                        }
                    }
                }
                Ok::<_, MetadataError>(missing)
            })
            .await
            .map_err(text)?;
        let was_sparse = self.expected.was_sparse;
        if was_sparse || problems.is_empty() {
            Ok(())
        } else {
            Err(format!("manifests without their blobs: {problems:?}"))
        }
    }
}

impl Repository {
    fn may_pull(&self, place: usize) -> Result<(), Refusal> {
        if self.is_read_locked() {
            return Err("Locked");
        }
        match self.tags.get(&place) {
            None => Err("ManifestTagUnknown"),
            Some((_, attributes)) if !attributes.read_enabled => Err("Locked"),
            Some((digest, _)) => self.may_pull_digest(digest),
        }
    }

    fn may_pull_digest(&self, digest: &Digest) -> Result<(), Refusal> {
        if self.is_read_locked() {
            return Err("Locked");
        }
        match self.manifests.get(digest) {
            None => Err("ManifestUnknown"),
            Some(attributes) if !attributes.read_enabled => Err("Locked"),
            Some(_) => Ok(()),
        }
    }
}
