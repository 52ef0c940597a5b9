//! What is left in the database and in the store of bytes.

use super::*;

/// Everything that lies in the stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remains {
    uploads: BTreeSet<String>,
    blobs: BTreeSet<String>,
    manifests: BTreeMap<String, Vec<String>>,
    objects: BTreeMap<String, u64>,
    candidates: BTreeSet<String>,
}

impl Remains {
    pub(crate) fn uploads(&self) -> usize {
        self.uploads.len()
    }

    pub(crate) fn blobs(&self) -> usize {
        self.blobs.len()
    }

    pub(crate) fn objects(&self) -> usize {
        self.objects.len()
    }
}

impl Harness {
    /// Everything that lies in the stores now.
    pub(crate) async fn remains(&self) -> Remains {
        let far = Timestamp(i64::MAX);
        let (uploads, blobs, manifests, candidates) = self
            .metadata()
            .query(move |read| {
                let mut uploads = Vec::new();
                for stale in read.list_stale_uploads(far, None, 10_000)? {
                    uploads.extend(read.find_upload(stale.id)?);
                }
                let blobs = read.scan_blobs(BlobId(0), 10_000)?;
                let mut manifests = BTreeMap::new();
                for (repository, record) in read.scan_manifests(ManifestId(0), 10_000)? {
                    let tags = read.list_tags_of_manifest(record.id, usize::MAX)?;
                    let tags = tags.iter().map(|tag| tag.name.to_string()).collect();
                    manifests.insert(format!("{repository:?} {}", record.digest), tags);
                }
                let mut candidates = Vec::new();
                for id in read.list_candidates(far, CandidateId(0), 10_000)? {
                    candidates.extend(read.find_candidate_by_id(id)?);
                }
                Ok::<_, MetadataError>((uploads, blobs, manifests, candidates))
            })
            .await
            .unwrap();
        let objects = list(&self.blobs).await;
        Remains {
            uploads: uploads
                .iter()
                .map(|upload| format!("{} at {}", upload.id.0, upload.offset))
                .collect(),
            blobs: blobs.iter().map(|blob| blob.digest.to_string()).collect(),
            manifests,
            objects: objects
                .into_iter()
                .map(|object| (object.key.to_string(), object.size_bytes))
                .collect(),
            candidates: candidates
                .iter()
                .map(|queued| format!("{:?}", queued.candidate))
                .collect(),
        }
    }

    /// Ids of a repository's open uploads.
    pub(crate) async fn open_uploads(&self, repository: &str) -> Vec<String> {
        let far = Timestamp(i64::MAX);
        let uploads = self
            .metadata()
            .query(move |read| {
                let mut uploads = Vec::new();
                for stale in read.list_stale_uploads(far, None, 10_000)? {
                    uploads.extend(read.find_upload(stale.id)?);
                }
                Ok::<_, MetadataError>(uploads)
            })
            .await;
        let uploads = uploads.unwrap();
        let of_it = uploads.iter().filter(|upload| upload.repository.as_str() == repository);
        of_it.map(|upload| upload.id.0.to_string()).collect()
    }

    /// Waits until the stores hold exactly this; for what the server does after a client is gone.
    pub(crate) async fn comes_back_to(&self, expected: &Remains) {
        let mut found = self.remains().await;
        for _ in 0..100 {
            if found == *expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            found = self.remains().await;
        }
        assert_eq!(found, *expected);
    }
}
