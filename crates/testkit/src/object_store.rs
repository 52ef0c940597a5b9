//! A store of bytes in memory that behaves as S3 does: objects come in parts of a least size, nothing is appended to,
//! nothing can be read before it is completed, a complete object never changes, and listings come in pages. It refuses to
//! be more of S3 than an adapter has to cope with.
//!
//! The adapter over it holds what does not fill a part in memory, less than a part of it, and when an upload is saved
//! puts that into a small object beside, so that any node can go on with it.

mod bucket;

use std::{collections::VecDeque, io, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{
    FutureExt as _, StreamExt as _, TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use holdfast_model::{BlobWriter, Blobs, Checkpoint, Content, Fetch, ObjectInfo, ObjectKey, StoreError, Timestamp};
use serde::{Deserialize, Serialize};

use self::bucket::{Bucket, Part, Refused};

/// Keys that a page of a listing has.
const PAGE_KEYS: usize = 7;

/// The store; clones share the bucket.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    bucket: Arc<Bucket>,
    part_bytes: usize,
}

/// What an upload is saved as.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Saved {
    /// The multipart upload, once a part was full.
    upload: Option<u64>,
    parts: Vec<Part>,
    /// The small object beside with what did not fill a part, and its length.
    tail: Option<(u64, usize)>,
}

struct Writer {
    store: ObjectStore,
    key: ObjectKey,
    saved: Saved,
    /// What does not fill a part yet.
    rest: BytesMut,
    /// Whether no checkpoint names the multipart upload yet.
    is_unsaved: bool,
}

#[derive(Debug)]
struct Download(Bytes);

impl ObjectStore {
    /// An empty store whose parts have so many bytes, all but the last of an object.
    #[must_use]
    pub fn new(part_bytes: usize) -> Self {
        Self {
            bucket: Arc::new(Bucket::new(part_bytes)),
            part_bytes,
        }
    }

    /// Changes when an object got its last bytes.
    pub fn set_written_at(&self, key: &ObjectKey, at: Timestamp) {
        self.bucket.set_written_at(key, at);
    }

    /// Changes a byte of an object behind everybody's back.
    pub fn damage(&self, key: &ObjectKey, at: usize, byte: u8) {
        self.bucket.damage(key, at, byte);
    }

    fn writer(&self, key: &ObjectKey) -> Writer {
        Writer {
            store: self.clone(),
            key: key.clone(),
            saved: Saved::default(),
            rest: BytesMut::new(),
            is_unsaved: true,
        }
    }
}

#[async_trait]
impl Blobs for ObjectStore {
    async fn begin(&self, key: &ObjectKey) -> Result<Box<dyn BlobWriter>, StoreError> {
        Ok(Box::new(self.writer(key)))
    }

    async fn resume(&self, key: &ObjectKey, saved: &Checkpoint) -> Result<Box<dyn BlobWriter>, StoreError> {
        let mut writer = self.writer(key);
        writer.saved = serde_json::from_slice(&saved.state).map_err(|error| failed(key, error))?;
        writer.is_unsaved = false;
        if let Some((tail, length)) = writer.saved.tail {
            let bytes = self.bucket.get_tail(key, tail).await;
            writer
                .rest
                .extend_from_slice(&bytes.map_err(|refused| told(key, refused))?);
            assert_eq!(writer.rest.len(), length, "a small object is whole");
        }
        if writer.offset() != saved.offset {
            let problem = format!("{} bytes were saved, not {}", writer.offset(), saved.offset);
            return Err(failed(key, problem));
        }
        Ok(Box::new(writer))
    }

    async fn abandon(&self, key: &ObjectKey, _state: &[u8]) -> Result<(), StoreError> {
        self.delete(key).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        let put = self.bucket.put(key, bytes).await;
        put.map_err(|refused| told(key, refused))
    }

    async fn open(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, StoreError> {
        let bytes = self.bucket.get(key).await.map_err(|refused| told(key, refused))?;
        if range.start > range.end || range.end > bytes.len() as u64 {
            return Err(failed(key, format!("it has {} bytes, not {range:?}", bytes.len())));
        }
        let length = range.end - range.start;
        let download = Download(bytes.slice(at(range.start)..at(range.end)));
        Ok(Content::over_network(Arc::new(download), length))
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.bucket.delete(key).await;
        for upload in self.bucket.list_uploads(key).await {
            self.bucket.abort(upload);
        }
        self.bucket.delete_tails(key).await;
        Ok(())
    }

    fn list(&self) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let pages = stream::unfold(None, move |after| async move {
            let page = self.bucket.list(after, PAGE_KEYS).await;
            let last = page.last()?.0.clone();
            let objects = page
                .into_iter()
                .map(|(key, size_bytes)| Ok(ObjectInfo { key, size_bytes }));
            Some((objects.collect::<VecDeque<_>>(), Some(last)))
        });
        pages.flat_map(stream::iter).boxed()
    }

    async fn written_at(&self, key: &ObjectKey) -> Result<Timestamp, StoreError> {
        let written_at = self.bucket.written_at(key).await;
        written_at.map_err(|refused| told(key, refused))
    }

    async fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn probe_reading(&self) -> Result<(), StoreError> {
        self.list().take(1).try_collect::<Vec<_>>().await.map(drop)
    }
}

impl Writer {
    fn offset(&self) -> u64 {
        let parts: u64 = self.saved.parts.iter().map(|part| part.size_bytes).sum();
        parts + self.rest.len() as u64
    }

    /// Uploads a part; the first one makes the multipart upload, before which those that came to nothing are given up.
    async fn upload_part(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let bucket = Arc::clone(&self.store.bucket);
        let upload = match self.saved.upload {
            Some(upload) => upload,
            None => {
                for earlier in bucket.list_uploads(&self.key).await {
                    bucket.abort(earlier);
                }
                let upload = bucket.create_upload(&self.key).await;
                self.is_unsaved = true;
                *self.saved.upload.insert(upload)
            }
        };
        let number = self.saved.parts.len();
        let part = bucket.upload_part(&self.key, upload, number, bytes).await;
        self.saved.parts.push(part.map_err(|refused| told(&self.key, refused))?);
        Ok(())
    }
}

#[async_trait]
impl BlobWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let mut bytes = bytes;
        while self.rest.len() + bytes.len() >= self.store.part_bytes {
            self.rest
                .extend_from_slice(&bytes.split_to(self.store.part_bytes - self.rest.len()));
            let part = self.rest.split().freeze();
            self.upload_part(part).await?;
        }
        self.rest.extend_from_slice(&bytes);
        Ok(())
    }

    async fn save(&mut self) -> Result<Checkpoint, StoreError> {
        // Small objects of earlier checkpoints stay until the object is complete: the session may still name them.
        self.saved.tail = None;
        if !self.rest.is_empty() {
            let tail = Bytes::copy_from_slice(&self.rest);
            let length = tail.len();
            self.saved.tail = Some((self.store.bucket.put_tail(&self.key, tail).await, length));
        }
        self.is_unsaved = false;
        Ok(Checkpoint {
            offset: self.offset(),
            state: serde_json::to_vec(&self.saved).map_err(|error| failed(&self.key, error))?,
        })
    }

    async fn complete(mut self: Box<Self>) -> Result<(), StoreError> {
        let rest = self.rest.split().freeze();
        let completed = match self.saved.upload {
            None => self.store.bucket.put(&self.key, rest).await,
            Some(upload) => {
                if !rest.is_empty() {
                    self.upload_part(rest).await?;
                }
                let parts = &self.saved.parts;
                self.store.bucket.complete_upload(&self.key, upload, parts).await
            }
        };
        completed.map_err(|refused| told(&self.key, refused))?;
        self.store.bucket.delete_tails(&self.key).await;
        Ok(())
    }

    fn vouches(&self) -> bool {
        true
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let (true, Some(upload)) = (self.is_unsaved, self.saved.upload) {
            self.store.bucket.abort(upload);
        }
    }
}

impl Fetch for Download {
    fn fetch(self: Arc<Self>, stretch: Range<u64>) -> BoxFuture<'static, io::Result<Bytes>> {
        async move {
            bucket::request().await;
            Ok(self.0.slice(at(stretch.start)..at(stretch.end)))
        }
        .boxed()
    }
}

fn told(key: &ObjectKey, refused: Refused) -> StoreError {
    match refused {
        Refused::Missing => StoreError::Missing { key: key.clone() },
        Refused::Exists => StoreError::Exists { key: key.clone() },
        Refused::Parts(problem) => failed(key, problem),
    }
}

fn failed(key: &ObjectKey, problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Failed {
        attempted: format!("did something with object {key}"),
        source: problem.into(),
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).expect("a test's object fits into memory")
}
