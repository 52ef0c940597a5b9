//! The port over a bucket of any cloud. It refuses to know which.

use std::{io, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{future::try_join_all, stream::BoxStream};
use holdfast_model::{BlobWriter, Blobs, Checkpoint, Content, ObjectInfo, ObjectKey, StoreError, Timestamp};
use tokio::{runtime::Handle, sync::Mutex};
use uuid::Uuid;

use super::{
    bucket::{Bucket, Condition, Entry},
    download::{Download, body_of},
    listing,
    memory::UploadMemory,
    names::Names,
    payload::Payload,
    refusal::{Meaning, Refusal},
    saved::Saved,
    writer::Writer,
};

/// What a probe writes and reads back.
const PROBE: &[u8] = b"holdfast was here\n";
/// What the name of a probe begins with.
pub(super) const PROBE_NAME: &str = "probe-";
/// No store takes an object of this length.
const NO_OBJECT_BYTES: u64 = 1 << 50;

/// Objects in a bucket.
#[derive(Debug)]
pub struct BucketStore {
    pub(super) shared: Arc<Shared>,
    data_host: String,
    /// Held while a probe runs, so that many at once cost as much as one after the other.
    probing: Mutex<()>,
    probing_reading: Mutex<()>,
}

/// What the store and its writers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) bucket: Arc<dyn Bucket>,
    pub(super) names: Names,
    pub(super) memory: UploadMemory,
}

impl BucketStore {
    pub(super) fn new(bucket: Arc<dyn Bucket>, names: Names, memory: UploadMemory, data_host: String) -> Self {
        Self {
            shared: Arc::new(Shared { bucket, names, memory }),
            data_host,
            probing: Mutex::default(),
            probing_reading: Mutex::default(),
        }
    }

    /// The store below a further piece of the prefix, in the same bucket. It shares connections, credentials and memory.
    #[must_use]
    pub fn below(&self, piece: &str) -> Self {
        let Shared { bucket, names, memory } = &*self.shared;
        let (names, data_host) = (names.below(piece), self.data_host.clone());
        Self::new(Arc::clone(bucket), names, memory.clone(), data_host)
    }

    async fn remove(&self, key: &ObjectKey, upload: Option<&str>) -> Result<(), Refusal> {
        let Shared { bucket, names, .. } = &*self.shared;
        let name = names.object(key);
        // An upload first: what is completed in between is deleted as an object.
        let (forgotten, beside) = tokio::join!(bucket.forget(&name, upload), self.shared.entries(key));
        forgotten?;
        bucket.delete(&name).await?;
        let beside = beside?.into_iter().filter(|entry| entry.name != name);
        try_join_all(beside.map(|entry| async move { bucket.delete(&entry.name).await })).await?;
        Ok(())
    }

    async fn read(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, Refusal> {
        let name = self.shared.names.object(key);
        if range.is_empty() {
            let head = self.shared.bucket.head(&name).await?;
            if range.start != range.end || range.end > head.size_bytes {
                return Err(outside(&range, head.size_bytes));
            }
            return Ok(Content::in_memory(Bytes::new()));
        }
        if range.end > NO_OBJECT_BYTES {
            return Err(outside(&range, NO_OBJECT_BYTES));
        }
        let answer = self.shared.bucket.get(&name, range.clone()).await?;
        let body = body_of(answer, &range)?;
        let length = range.end - range.start;
        let download = Download::new(Arc::clone(&self.shared.bucket), name, range, body);
        Ok(Content::over_network(Arc::new(download), length))
    }

    /// Writes something twice and reads it back: the second time must be refused, or an object could change.
    async fn prove(&self) -> Result<(), Refusal> {
        let bucket = &self.shared.bucket;
        let name = self
            .shared
            .names
            .own(&format!("{PROBE_NAME}{}", Uuid::new_v4().simple()));
        let payload = || Payload::from(Bytes::from_static(PROBE));
        bucket.put(&name, payload(), Condition::Absent).await?;
        let read = bucket.get_small(&name).await;
        let again = bucket.put(&name, payload(), Condition::Absent).await;
        bucket.delete(&name).await?;
        if read? != PROBE {
            return Err(Refusal::Answer("what was read is not what was written".to_owned()));
        }
        match again {
            Err(refusal) if refusal.meaning() == Meaning::Exists => Ok(()),
            Err(refusal) => Err(refusal),
            Ok(()) => Err(Refusal::Answer(
                "it wrote over an object although it was asked not to (If-None-Match), which this service depends on"
                    .to_owned(),
            )),
        }
    }
}

impl Shared {
    /// An object and what lies beside it, as the store lists them.
    pub(super) async fn entries(&self, key: &ObjectKey) -> Result<Vec<Entry>, Refusal> {
        let name = self.names.object(key);
        let mut entries = Vec::new();
        let mut from = None;
        loop {
            let page = self.bucket.list(&name, from.as_deref()).await?;
            entries.extend(page.entries);
            from = page.next;
            if from.is_none() {
                return Ok(entries);
            }
        }
    }

    /// When the object, or else what there is of it, was written last.
    async fn written_at(&self, key: &ObjectKey) -> Result<Option<Timestamp>, Refusal> {
        let name = self.names.object(key);
        match self.bucket.head(&name).await {
            Ok(entry) => return Ok(Some(entry.written_at)),
            Err(refusal) if refusal.meaning() == Meaning::Missing => {}
            Err(refusal) => return Err(refusal),
        }
        let beside = self.entries(key).await?;
        let unfinished = self.bucket.list_unfinished(&name, None).await?.entries;
        Ok(beside.iter().chain(&unfinished).map(|entry| entry.written_at).max())
    }

    /// Removes in the background what lies beside an object and is not needed any more. What stays because of a failure
    /// goes with the object.
    pub(super) fn remove_beside(&self, key: &ObjectKey, nonces: Vec<String>) {
        for nonce in nonces {
            let (bucket, name) = (Arc::clone(&self.bucket), self.names.beside(key, &nonce));
            in_background(async move {
                if let Err(error) = bucket.delete(&name).await {
                    tracing::debug!(name, %error, "what lies beside an object stays for now");
                }
            });
        }
    }

    /// Gives up an upload in the background. One that stays because of a failure is listed as an object that no row names.
    pub(super) fn abort(&self, name: String, upload: String) {
        let bucket = Arc::clone(&self.bucket);
        in_background(async move {
            if let Err(error) = bucket.abort(&name, &upload).await {
                tracing::debug!(name, %error, "an upload that was given up stays for now");
            }
        });
    }
}

pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    // Without a runtime the process is about to end.
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(work);
    }
}

fn outside(range: &Range<u64>, length: u64) -> Refusal {
    Refusal::Spool(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it has {length} bytes, and no range {range:?}"),
    ))
}

#[async_trait]
impl Blobs for BucketStore {
    async fn begin(&self, key: &ObjectKey) -> Result<Box<dyn BlobWriter>, StoreError> {
        Ok(Box::new(Writer::begin(&self.shared, key)))
    }

    async fn resume(&self, key: &ObjectKey, saved: &Checkpoint) -> Result<Box<dyn BlobWriter>, StoreError> {
        let saved = Saved::read(saved).map_err(|source| StoreError::Failed {
            attempted: format!("went on with object {key}"),
            source: Box::new(source),
        })?;
        Ok(Box::new(Writer::resume(&self.shared, key, saved)))
    }

    async fn abandon(&self, key: &ObjectKey, state: &[u8]) -> Result<(), StoreError> {
        // A state that is not understood helps nobody; what the store lists goes all the same.
        let upload = Saved::of_state(state).ok().and_then(|saved| saved.upload);
        let removed = self.remove(key, upload.as_deref()).await;
        removed.map_err(|refusal| refusal.into_error(format!("abandoned object {key}")))
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        let name = self.shared.names.object(key);
        let put = self.shared.bucket.put(&name, bytes.into(), Condition::Absent).await;
        put.map_err(|refusal| refusal.on_object("wrote", key))
    }

    async fn open(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, StoreError> {
        let opened = self.read(key, range).await;
        opened.map_err(|refusal| refusal.on_object("opened", key))
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let removed = self.remove(key, None).await;
        removed.map_err(|refusal| refusal.into_error(format!("deleted object {key}")))
    }

    fn list(&self) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        listing::objects(&self.shared)
    }

    async fn written_at(&self, key: &ObjectKey) -> Result<Timestamp, StoreError> {
        match self.shared.written_at(key).await {
            Ok(Some(at)) => Ok(at),
            Ok(None) => Err(StoreError::Missing { key: key.clone() }),
            Err(refusal) => Err(refusal.on_object("looked at", key)),
        }
    }

    async fn probe(&self) -> Result<(), StoreError> {
        let _turn = self.probing.lock().await;
        let proved = self.prove().await;
        proved.map_err(|refusal| refusal.into_error("proved that the store can be written and read"))
    }

    async fn probe_reading(&self) -> Result<(), StoreError> {
        let _turn = self.probing_reading.lock().await;
        let listed = self.shared.bucket.list(&self.shared.names.own(PROBE_NAME), None).await;
        listed
            .map(drop)
            .map_err(|refusal| refusal.into_error("proved that the store can be read"))
    }

    async fn signed_url(&self, key: &ObjectKey, lasts: Duration) -> Result<Option<String>, StoreError> {
        let signed = self.shared.bucket.sign(&self.shared.names.object(key), lasts).await;
        signed.map_err(|refusal| refusal.into_error(format!("signed a URL of object {key}")))
    }

    fn data_host(&self) -> Option<&str> {
        Some(&self.data_host)
    }
}
