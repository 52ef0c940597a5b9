//! Blobs: every byte of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use tokio::time::{MissedTickBehavior, interval};

use super::{Check, Finding};
use crate::{Repositories, failure::chain};
use holdfast_model::{BlobId, BlobPlace, BlobRecord, MetadataError, MetadataExt, ObjectKey, StorageError, StoreError};
use holdfast_oci::Digest;

/// Blobs whose rows are fetched at once.
const ROWS: usize = 500;
/// How often progress is told while large blobs are read.
const TELL: Duration = Duration::from_millis(250);

impl Check<'_> {
    pub(super) async fn check_blobs(&mut self) -> Result<(), StorageError> {
        let mut after = BlobId(0);
        let mut turns = interval(TELL);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let registry = self.registry;
            let page = registry.metadata.query(move |read| read.scan_blobs(after, ROWS)).await;
            let (blobs, last) = match page {
                Ok(blobs) => {
                    let last = blobs.last().map(|blob| blob.id);
                    (blobs, last)
                }
                Err(_) => self.scan_blobs_by_row(after).await?,
            };
            let Some(last) = last else { return Ok(()) };
            after = last;
            let read = Arc::clone(&self.bytes);
            let checks = stream::iter(blobs).map(move |blob| registry.check_blob(blob, Arc::clone(&read)));
            let mut outcomes = checks.buffer_unordered(self.options.at_once.max(1));
            loop {
                tokio::select! {
                    outcome = outcomes.next() => {
                        let Some(outcome) = outcome else { break };
                        self.checked.blobs += 1;
                        if let Some(finding) = outcome? {
                            self.report(finding).await;
                        }
                    }
                    _ = turns.tick() => self.progress().await,
                }
            }
        }
    }
}

impl Check<'_> {
    /// A page of blobs in which some row cannot be read, which is reported; and its last row.
    async fn scan_blobs_by_row(&mut self, after: BlobId) -> Result<(Vec<BlobRecord>, Option<BlobId>), StorageError> {
        let metadata = &self.registry.metadata;
        let ids = metadata.query(move |read| read.scan_blob_ids(after, ROWS)).await?;
        let last = ids.last().copied();
        let mut blobs = Vec::new();
        for id in ids {
            let metadata = &self.registry.metadata;
            // The walk begins at the very row; one that was deleted since gives way to the next.
            let found = metadata.query(move |read| read.scan_blobs(BlobId(id.0 - 1), 1)).await;
            match found {
                Ok(found) => blobs.extend(found.into_iter().filter(|blob| blob.id == id)),
                Err(error) => self.report(Finding::row("blob", id.0, &error)).await,
            }
        }
        Ok((blobs, last))
    }
}

impl Repositories {
    async fn check_blob(&self, blob: BlobRecord, read: Arc<AtomicU64>) -> Result<Option<Finding>, StorageError> {
        let (digest, size_bytes) = (blob.digest, blob.size_bytes);
        let finding = match &blob.place {
            BlobPlace::Row => self.examine_row_blob(&blob, read).await?,
            BlobPlace::Object(key) => self.examine_object(&blob, key.clone(), read).await?,
        };
        let (is_current, is_linked) = self
            .metadata
            .query(move |read| {
                let current = read.find_blob(blob.storage_account, &blob.digest)?;
                let is_current = current.as_ref() == Some(&blob);
                Ok::<_, MetadataError>((is_current, read.is_blob_linked(blob.id)?))
            })
            .await?;
        let unused = || Finding::BlobUnused { digest, size_bytes };
        Ok(match finding {
            // Deleted while it was read: nothing can be wrong with it any more.
            _ if !is_current => None,
            None => (!is_linked).then(unused),
            finding => finding,
        })
    }

    /// What is wrong with the bytes that lie in the rows.
    async fn examine_row_blob(&self, blob: &BlobRecord, read: Arc<AtomicU64>) -> Result<Option<Finding>, StorageError> {
        let (id, digest, size_bytes) = (blob.id, blob.digest, blob.size_bytes);
        let bytes: Result<_, MetadataError> = self.metadata.query(move |read| read.find_blob_bytes(id)).await;
        let bytes = match bytes {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Some(Finding::RowBlobLost { digest })),
            Err(error) => return Ok(Some(Finding::row("blob", id.0, &error))),
        };
        let actual_bytes = bytes.len() as u64;
        read.fetch_add(actual_bytes, Relaxed);
        let actual = Digest::of(digest.algorithm(), &bytes);
        Ok(if actual != digest {
            Some(Finding::RowBlobDamaged { digest, actual })
        } else if actual_bytes != size_bytes {
            Some(Finding::RowBlobLength {
                digest,
                size_bytes,
                actual_bytes,
            })
        } else {
            None
        })
    }

    /// What is wrong with the blob's object.
    async fn examine_object(
        &self,
        blob: &BlobRecord,
        object: ObjectKey,
        read: Arc<AtomicU64>,
    ) -> Result<Option<Finding>, StorageError> {
        let (digest, size_bytes) = (blob.digest, blob.size_bytes);
        let unreadable = |problem: String| Finding::BlobUnreadable {
            digest,
            object: object.clone(),
            problem,
        };
        let store = self.store(blob.storage_account).await?;
        let content = match store.open(&object, 0..size_bytes).await {
            Ok(content) => content,
            Err(StoreError::Missing { .. }) => return Ok(Some(Finding::BlobLost { digest, object })),
            Err(error) => return Ok(Some(unreadable(chain(&error)))),
        };
        if size_bytes < u64::MAX && store.open(&object, size_bytes..size_bytes + 1).await.is_ok() {
            return Ok(Some(Finding::BlobTooLong {
                digest,
                object,
                size_bytes,
            }));
        }
        let algorithm = digest.algorithm();
        let came = move |count| {
            read.fetch_add(count, Relaxed);
        };
        Ok(match self.rehashing.digest(content, algorithm, (), came).await {
            Ok(actual) if actual == digest => None,
            Ok(actual) => Some(Finding::BlobDamaged { digest, object, actual }),
            Err(error) => Some(unreadable(error.to_string())),
        })
    }
}
