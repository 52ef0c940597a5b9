//! Writing one object into a store of a cloud. Bytes are gathered to parts, which go out while the next ones come in. What is
//! saved and too short for a part goes beside as a small object, and as a part too, so that completing is one request.
//!
//! A writer that goes on from a checkpoint may have another beside it that goes on from the same one (a client that asked
//! again at another node). Neither can take the other's bytes for its own: a completion names parts by what the store
//! called them when this writer, or one before it, uploaded them. S3 calls a part by its MD5 where both chose one number,
//! and whoever sends the bytes can make two parts of one MD5; so the first part of a writer that goes on has a random
//! length, and no two of them have a boundary in common.
//!
//! The first failure sticks, and so does a call that was cut off: the bytes after a gap are worth nothing.

use std::{collections::VecDeque, io, mem, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_model::{BlobWriter, Checkpoint, ObjectKey, StoreError};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{
    bucket::{Assembly, Condition, Part},
    memory::Gather,
    payload::Payload,
    plan::Plan,
    refusal::{Meaning, Refusal},
    saved::{Saved, SavedTail},
    store::Shared,
};

/// How much shorter the first part of a writer that goes on may be.
const TRIM_BYTES: u64 = 1 << 20;

/// The port's writer.
pub(super) struct Writer {
    shared: Arc<Shared>,
    key: ObjectKey,
    name: String,
    /// Random: no other writer names its parts and what lies beside alike.
    id: String,
    /// What the parts in it were joined to so far; its tail has not been taken in.
    saved: Saved,
    /// Parts that are under way, in their order.
    under_way: VecDeque<JoinHandle<Result<Part, Refusal>>>,
    /// The number given last.
    number: u32,
    gather: Gather,
    trim: u64,
    /// Whether it goes on from a checkpoint and has taken nothing yet.
    has_resumed: bool,
    /// Whether the upload was begun here and no checkpoint names it.
    is_unsaved: bool,
    /// Whether a checkpoint names it, so that others may have left something beside.
    is_shared: bool,
    /// Whether no other writer may go on with the upload's stream, where it is one.
    has_claim: bool,
    /// Whether a call failed or was cut off.
    is_broken: bool,
}

/// A call after one that failed.
#[derive(Debug, thiserror::Error)]
#[error("an earlier write failed")]
struct Broken;

/// More parts than the store takes.
#[derive(Debug, thiserror::Error)]
#[error("it would have more than {most} parts")]
struct TooLong {
    most: u32,
}

/// A tail that is not what was saved.
#[derive(Debug, thiserror::Error)]
#[error("{there} bytes lie beside the object, {saved} were saved")]
struct WrongTail {
    there: u64,
    saved: u64,
}

impl Writer {
    pub(super) fn begin(shared: &Arc<Shared>, key: &ObjectKey) -> Self {
        Self::at(shared, key, Saved::default(), 0)
    }

    pub(super) fn resume(shared: &Arc<Shared>, key: &ObjectKey, saved: Saved) -> Self {
        let random = u64::from(Uuid::new_v4().as_fields().0);
        let is_trimmed = shared.bucket.plan().is_first_trimmed && saved.upload.is_some();
        let trim = if is_trimmed { random % TRIM_BYTES } else { 0 };
        let mut writer = Self::at(shared, key, saved, trim);
        writer.is_shared = true;
        writer
    }

    fn at(shared: &Arc<Shared>, key: &ObjectKey, saved: Saved, trim: u64) -> Self {
        let number = saved.last_number();
        Self {
            shared: Arc::clone(shared),
            key: key.clone(),
            name: shared.names.object(key),
            id: Uuid::new_v4().simple().to_string()[..12].to_owned(),
            under_way: VecDeque::new(),
            number,
            gather: shared.memory.gather(),
            trim,
            has_resumed: number > 0 || saved.tail.is_some(),
            saved,
            is_unsaved: false,
            is_shared: false,
            has_claim: false,
            is_broken: false,
        }
    }

    fn plan(&self) -> &'static Plan {
        self.shared.bucket.plan()
    }

    fn full_bytes(&self) -> u64 {
        self.plan().full(self.number + 1) - self.trim
    }

    fn enter(&mut self) -> Result<(), StoreError> {
        if mem::replace(&mut self.is_broken, true) {
            let attempted = format!("wrote object {}", self.key);
            let source = Box::new(Broken);
            return Err(StoreError::Failed { attempted, source });
        }
        Ok(())
    }

    fn spool_error(&self, error: io::Error) -> StoreError {
        Refusal::Spool(error).into_error(format!("gathered a part of object {}", self.key))
    }

    /// What a refusal is, given that what was begun may have been completed or given up.
    async fn error(&self, refusal: Refusal) -> StoreError {
        if !matches!(refusal.meaning(), Meaning::Gone | Meaning::Missing) {
            return refusal.on_object("wrote", &self.key);
        }
        match self.shared.bucket.head(&self.name).await {
            Ok(_) => StoreError::Exists { key: self.key.clone() },
            Err(refusal) => refusal.on_object("looked for", &self.key),
        }
    }

    async fn take(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.take_tail().await?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let room = self.full_bytes() - self.gather.len();
            let (now, later) = rest.split_at(usize::try_from(room).unwrap_or(usize::MAX).min(rest.len()));
            let pushed = self.gather.push(now).await;
            pushed.map_err(|error| self.spool_error(error))?;
            rest = later;
            if self.gather.len() == self.full_bytes() {
                self.send_part(self.gather.len()).await?;
            }
        }
        Ok(())
    }

    /// Gathers what an earlier checkpoint left beside.
    async fn take_tail(&mut self) -> Result<(), StoreError> {
        let Some(tail) = self.saved.tail.take() else {
            return Ok(());
        };
        let beside = self.shared.names.beside(&self.key, &tail.nonce);
        let bytes = match self.shared.bucket.get_small(&beside).await {
            Ok(bytes) => bytes,
            Err(refusal) => return Err(self.error(refusal).await),
        };
        if bytes.len() as u64 != tail.size_bytes {
            return Err(StoreError::Failed {
                attempted: format!("went on with object {}", self.key),
                source: Box::new(WrongTail {
                    there: bytes.len() as u64,
                    saved: tail.size_bytes,
                }),
            });
        }
        if mem::take(&mut self.has_resumed) {
            // Nobody goes back to a checkpoint before the one that was gone on from.
            self.shared.remove_beside(&self.key, mem::take(&mut self.saved.before));
        }
        self.saved.before.push(tail.nonce);
        let pushed = self.gather.push(&bytes).await;
        pushed.map_err(|error| self.spool_error(error))
    }

    async fn upload(&mut self) -> Result<String, StoreError> {
        if let Some(upload) = &self.saved.upload {
            return Ok(upload.clone());
        }
        match self.shared.bucket.begin(&self.name).await {
            Ok(upload) => {
                self.is_unsaved = true;
                self.has_claim = true;
                Ok(self.saved.upload.insert(upload).clone())
            }
            Err(refusal) => Err(refusal.on_object("began", &self.key)),
        }
    }

    /// What a stream waits for before it takes bytes of this writer: that no other writer may go on with it.
    fn claim(&mut self, upload: &str, at: u64) -> Option<impl Future<Output = Result<(), Refusal>> + Send + use<>> {
        if self.plan().granule.is_none() || mem::replace(&mut self.has_claim, true) {
            return None;
        }
        let (shared, writer) = (Arc::clone(&self.shared), self.id.clone());
        let name = shared.name_of_claim(&self.key, upload, at);
        Some(async move { shared.claim(&name, &writer).await })
    }

    /// Sends the first so many gathered bytes as a part.
    async fn send_part(&mut self, length: u64) -> Result<(), StoreError> {
        let payload = self.gather.cut(length).await;
        let payload = payload.map_err(|error| self.spool_error(error))?;
        let at = self.saved.in_parts;
        self.saved.in_parts += payload.len();
        self.trim = 0;
        let upload = self.upload().await?;
        while self.under_way.len() >= self.plan().at_once {
            self.join_part().await?;
        }
        let part = self.next_part()?;
        let claim = self.claim(&upload, at);
        let (bucket, name) = (Arc::clone(&self.shared.bucket), self.name.clone());
        self.under_way.push_back(tokio::spawn(async move {
            if let Some(claim) = claim {
                claim.await?;
            }
            bucket.put_part(&name, &upload, part, at, payload).await
        }));
        Ok(())
    }

    fn next_part(&mut self) -> Result<Part, StoreError> {
        let most = self.plan().most;
        if self.number >= most {
            let attempted = format!("wrote object {}", self.key);
            let source = Box::new(TooLong { most });
            return Err(StoreError::Failed { attempted, source });
        }
        self.number += 1;
        Ok(Part {
            writer: self.id.clone(),
            number: self.number,
            tag: String::new(),
        })
    }

    /// Waits for the part that was sent first.
    async fn join_part(&mut self) -> Result<(), StoreError> {
        let Some(first) = self.under_way.front_mut() else {
            return Ok(());
        };
        let joined = first.await;
        self.under_way.pop_front();
        match joined {
            Ok(Ok(part)) => {
                if self.plan().granule.is_none() {
                    self.saved.parts.push(part);
                }
                Ok(())
            }
            Ok(Err(refusal)) => Err(self.error(refusal).await),
            Err(source) => Err(self.spool_error(io::Error::other(source))),
        }
    }

    async fn join_parts(&mut self) -> Result<(), StoreError> {
        while !self.under_way.is_empty() {
            self.join_part().await?;
        }
        Ok(())
    }

    /// Saves what is gathered, as a part or as a tail; in a stream, as both.
    async fn save_rest(&mut self) -> Result<(), StoreError> {
        let gathered = self.gather.len();
        if gathered > 0 && gathered >= self.plan().least(self.number + 1) {
            let granule = self.plan().granule.unwrap_or(1);
            self.send_part(gathered - gathered % granule).await?;
        }
        let size_bytes = self.gather.len();
        if size_bytes > 0 {
            let payload = self.gather.cut(size_bytes).await;
            let payload = payload.map_err(|error| self.spool_error(error))?;
            self.saved.tail = Some(self.put_tail(payload).await?);
        }
        self.join_parts().await
    }

    /// Puts the tail beside, and uploads it as the last part too where that makes completing one request.
    async fn put_tail(&mut self, payload: Payload) -> Result<SavedTail, StoreError> {
        let (size_bytes, nonce) = (payload.len(), Uuid::new_v4().simple().to_string());
        let beside = self.shared.names.beside(&self.key, &nonce);
        let bucket = Arc::clone(&self.shared.bucket);
        let put = bucket.put(&beside, payload.clone(), Condition::Any);
        let as_part = async {
            if self.number >= self.plan().tails_as_parts {
                return Ok(None);
            }
            let (upload, part) = (self.upload().await?, self.next_part()?);
            match self
                .shared
                .bucket
                .put_part(&self.name, &upload, part, self.saved.in_parts, payload.clone())
                .await
            {
                Ok(part) => Ok(Some(part.into())),
                Err(refusal) => Err(self.error(refusal).await),
            }
        };
        let (put, part) = tokio::join!(put, as_part);
        put.map_err(|refusal| refusal.on_object("saved", &self.key))?;
        Ok(SavedTail {
            size_bytes,
            nonce,
            part: part?,
        })
    }

    async fn finish(&mut self) -> Result<(), StoreError> {
        let upload = self.saved.upload.clone();
        let claim = upload.and_then(|upload| self.claim(&upload, self.saved.in_parts));
        let claim = claim.map(tokio::spawn);
        let tail = self.saved.tail.as_ref();
        let as_part = tail.and_then(|tail| tail.as_part().map(|part| (part, tail.size_bytes)));
        let last = match as_part {
            Some((part, size_bytes)) => {
                self.saved.in_parts += size_bytes;
                Some(part)
            }
            None => {
                self.take_tail().await?;
                None
            }
        };
        let rest = self.gather.len();
        let Some(upload) = self.saved.upload.clone() else {
            let payload = self.gather.cut(rest).await;
            let payload = payload.map_err(|error| self.spool_error(error))?;
            let put = self.shared.bucket.put(&self.name, payload, Condition::Absent).await;
            return put.map_err(|refusal| refusal.on_object("wrote", &self.key));
        };
        let mut end = Payload::empty();
        if self.plan().granule.is_some() {
            let gathered = self.gather.cut(rest).await;
            end = gathered.map_err(|error| self.spool_error(error))?;
        } else if rest > 0 {
            self.send_part(rest).await?;
        }
        self.join_parts().await?;
        self.saved.parts.extend(last);
        let assembly = Assembly {
            upload: &upload,
            parts: &self.saved.parts,
            at: self.saved.in_parts,
            end,
        };
        let completed = async {
            if let Some(claim) = claim {
                claim.await.map_err(|error| Refusal::Spool(io::Error::other(error)))??;
            }
            self.shared.bucket.complete(&self.name, assembly).await
        };
        match completed.await {
            Ok(()) => Ok(()),
            Err(refusal) => Err(self.error(refusal).await),
        }
    }
}

#[async_trait]
impl BlobWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.enter()?;
        self.take(bytes).await?;
        self.is_broken = false;
        Ok(())
    }

    async fn save(&mut self) -> Result<Checkpoint, StoreError> {
        self.enter()?;
        // Without new bytes the tail that was saved stays as it is.
        if self.saved.tail.is_none() && self.saved.in_parts + self.gather.len() > 0 {
            self.save_rest().await?;
        }
        let checkpoint = self.saved.write().map_err(|source| StoreError::Failed {
            attempted: format!("saved object {}", self.key),
            source: Box::new(source),
        })?;
        self.is_unsaved = false;
        self.is_shared = true;
        self.has_claim = false;
        self.is_broken = false;
        Ok(checkpoint)
    }

    async fn complete(mut self: Box<Self>) -> Result<(), StoreError> {
        self.enter()?;
        let beside = self.saved.beside();
        self.has_resumed = false;
        self.finish().await?;
        self.is_unsaved = false;
        if self.plan().granule.is_some() && self.is_shared {
            self.shared.sweep(&self.key);
        } else {
            self.shared.remove_beside(&self.key, beside);
        }
        Ok(())
    }

    fn vouches(&self) -> bool {
        true
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        for part in &self.under_way {
            part.abort();
        }
        if let (true, Some(upload)) = (self.is_unsaved, self.saved.upload.take()) {
            self.shared.abort(self.name.clone(), upload);
        }
    }
}
