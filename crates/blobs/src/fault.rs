//! A store that fails when told to, around any other store. For tests of everything above the port: a full disk, a
//! broken one, a slow one, a write cut short. It refuses to fail on its own.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    StreamExt as _, TryFutureExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use holdfast_model::{BlobWriter, Blobs, Checkpoint, Content, ObjectInfo, ObjectKey, StoreError, Timestamp};

/// The operations of the port, of the store and of its writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Blobs::begin`]
    Begin,
    /// [`Blobs::resume`]
    Resume,
    /// [`Blobs::abandon`]
    Abandon,
    /// [`Blobs::put`]
    Put,
    /// [`Blobs::open`]
    Open,
    /// [`Blobs::delete`]
    Delete,
    /// [`Blobs::list`]
    List,
    /// [`Blobs::written_at`]
    WrittenAt,
    /// [`Blobs::probe`]
    Probe,
    /// [`Blobs::probe_reading`]
    ProbeReading,
    /// [`BlobWriter::write`]
    Write,
    /// [`BlobWriter::save`]
    Save,
    /// [`BlobWriter::complete`]
    Complete,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The store has no room; nothing is done.
    Full,
    /// The store is broken; nothing is done.
    Failed,
    /// The store is away for a while; nothing is done.
    Unavailable,
    /// A `Put` or `Write` stores only this many of its bytes, then the store is full. Other operations do nothing.
    CutShort {
        /// How many bytes are stored.
        kept_bytes: usize,
    },
    /// The operation is done, this much later (tokio's clock).
    Delayed(Duration),
}

/// Wraps a store; clones share the plan of what fails, so a test can keep one and hand out another.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Blobs>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    seen: HashMap<Operation, u64>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    operation: Operation,
    first: u64,
    last: u64,
    fault: Fault,
}

impl FaultyStore {
    /// Wraps a store; nothing fails yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Blobs>) -> Self {
        Self {
            inner,
            plan: Arc::default(),
        }
    }

    /// Makes the `nth` operation of this kind from now fail (1 is the next one).
    pub fn fail_nth(&self, operation: Operation, nth: u64, fault: Fault) {
        self.add(operation, nth, 0, fault);
    }

    /// Makes every operation of this kind fail until [`heal`](Self::heal).
    pub fn fail_always(&self, operation: Operation, fault: Fault) {
        self.add(operation, 1, u64::MAX, fault);
    }

    /// Forgets all faults.
    pub fn heal(&self) {
        self.lock().rules.clear();
    }

    /// How often this operation was asked for so far, failed or not.
    #[must_use]
    pub fn count(&self, operation: Operation) -> u64 {
        self.lock().seen.get(&operation).copied().unwrap_or(0)
    }

    fn add(&self, operation: Operation, nth: u64, more: u64, fault: Fault) {
        let mut plan = self.lock();
        let first = plan.seen.get(&operation).copied().unwrap_or(0) + nth;
        plan.rules.push(Rule {
            operation,
            first,
            last: first.saturating_add(more),
            fault,
        });
    }

    /// Counts an operation; says how many bytes of it to store before failing, if any but not all.
    async fn meet(&self, operation: Operation, key: Option<&ObjectKey>) -> Result<(), Refusal> {
        let fault = {
            let mut plan = self.lock();
            let seen = plan.seen.entry(operation).or_default();
            *seen += 1;
            let number = *seen;
            plan.rules
                .iter()
                .find(|r| r.operation == operation && (r.first..=r.last).contains(&number))
                .map(|r| r.fault)
        };
        let attempted = match key {
            Some(key) => format!("met a planned fault in {operation:?} of object {key}"),
            None => format!("met a planned fault in {operation:?}"),
        };
        let full = |attempted| StoreError::Full {
            attempted,
            source: "planned fault".into(),
        };
        match fault {
            None => Ok(()),
            Some(Fault::Delayed(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Some(Fault::Full) => Err(Refusal {
                kept_bytes: 0,
                error: full(attempted),
            }),
            Some(Fault::CutShort { kept_bytes }) => Err(Refusal {
                kept_bytes,
                error: full(attempted),
            }),
            Some(Fault::Unavailable) => Err(Refusal {
                kept_bytes: 0,
                error: StoreError::Unavailable {
                    attempted,
                    source: "planned fault".into(),
                },
            }),
            Some(Fault::Failed) => Err(Refusal {
                kept_bytes: 0,
                error: StoreError::Failed {
                    attempted,
                    source: "planned fault".into(),
                },
            }),
        }
    }

    fn wrap(&self, key: &ObjectKey, inner: Box<dyn BlobWriter>) -> Box<dyn BlobWriter> {
        Box::new(FaultyWriter {
            inner,
            store: self.clone(),
            key: key.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A planned failure, and how much to do before it.
struct Refusal {
    kept_bytes: usize,
    error: StoreError,
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

#[async_trait]
impl Blobs for FaultyStore {
    async fn begin(&self, key: &ObjectKey) -> Result<Box<dyn BlobWriter>, StoreError> {
        self.meet(Operation::Begin, Some(key)).await?;
        Ok(self.wrap(key, self.inner.begin(key).await?))
    }

    async fn resume(&self, key: &ObjectKey, saved: &Checkpoint) -> Result<Box<dyn BlobWriter>, StoreError> {
        self.meet(Operation::Resume, Some(key)).await?;
        Ok(self.wrap(key, self.inner.resume(key, saved).await?))
    }

    async fn abandon(&self, key: &ObjectKey, state: &[u8]) -> Result<(), StoreError> {
        self.meet(Operation::Abandon, Some(key)).await?;
        self.inner.abandon(key, state).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), StoreError> {
        match self.meet(Operation::Put, Some(key)).await {
            Ok(()) => self.inner.put(key, bytes).await,
            Err(refusal) => {
                if refusal.kept_bytes > 0 {
                    let kept = bytes.slice(..refusal.kept_bytes.min(bytes.len()));
                    self.inner.put(key, kept).await?;
                }
                Err(refusal.error)
            }
        }
    }

    async fn open(&self, key: &ObjectKey, range: Range<u64>) -> Result<Content, StoreError> {
        self.meet(Operation::Open, Some(key)).await?;
        self.inner.open(key, range).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        self.meet(Operation::Delete, Some(key)).await?;
        self.inner.delete(key).await
    }

    fn list(&self) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let met = self.meet(Operation::List, None).map_err(StoreError::from);
        stream::once(met).map_ok(|()| self.inner.list()).try_flatten().boxed()
    }

    async fn written_at(&self, key: &ObjectKey) -> Result<Timestamp, StoreError> {
        self.meet(Operation::WrittenAt, Some(key)).await?;
        self.inner.written_at(key).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.meet(Operation::Probe, None).await?;
        self.inner.probe().await
    }

    async fn probe_reading(&self) -> Result<(), StoreError> {
        self.meet(Operation::ProbeReading, None).await?;
        self.inner.probe_reading().await
    }

    async fn signed_url(&self, key: &ObjectKey, lasts: Duration) -> Result<Option<String>, StoreError> {
        self.inner.signed_url(key, lasts).await
    }

    fn data_host(&self) -> Option<&str> {
        self.inner.data_host()
    }
}

struct FaultyWriter {
    inner: Box<dyn BlobWriter>,
    store: FaultyStore,
    key: ObjectKey,
}

#[async_trait]
impl BlobWriter for FaultyWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        match self.store.meet(Operation::Write, Some(&self.key)).await {
            Ok(()) => self.inner.write(bytes).await,
            Err(refusal) => {
                if refusal.kept_bytes > 0 {
                    let kept = bytes.slice(..refusal.kept_bytes.min(bytes.len()));
                    self.inner.write(kept).await?;
                    self.inner.save().await?;
                }
                Err(refusal.error)
            }
        }
    }

    async fn save(&mut self) -> Result<Checkpoint, StoreError> {
        self.store.meet(Operation::Save, Some(&self.key)).await?;
        self.inner.save().await
    }

    async fn complete(self: Box<Self>) -> Result<(), StoreError> {
        self.store.meet(Operation::Complete, Some(&self.key)).await?;
        self.inner.complete().await
    }

    fn vouches(&self) -> bool {
        self.inner.vouches()
    }
}
