//! The bucket: what S3's requests do to objects, to uploads in parts, and to the small objects beside them.

use holdfast_model::{Clock as _, ObjectKey, SystemClock, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// Why a request was refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// `NoSuchKey`, `NoSuchUpload`.
    Missing,
    /// `PreconditionFailed` of `If-None-Match: *`, or the upload was completed.
    Exists,
    /// `InvalidPart`, `EntityTooSmall`.
    Parts(String),
}

/// A part as the store told it when it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    tag: u64,
    pub(super) size_bytes: u64,
}

#[derive(Debug)]
pub(super) struct Bucket {
    part_bytes: usize,
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    objects: BTreeMap<ObjectKey, Object>,
    uploads: BTreeMap<u64, Upload>,
    tails: BTreeMap<(ObjectKey, u64), Bytes>,
    last_number: u64,
}

#[derive(Debug)]
struct Object {
    bytes: Bytes,
    written_at: Timestamp,
}

#[derive(Debug)]
struct Upload {
    key: ObjectKey,
    parts: BTreeMap<usize, (Part, Bytes)>,
}

/// A request takes a moment in which others get their turn.
pub(super) async fn request() {
    tokio::task::yield_now().await;
}

impl Bucket {
    pub(super) fn new(part_bytes: usize) -> Self {
        Self {
            part_bytes,
            contents: Mutex::default(),
        }
    }

    pub(super) async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Refused> {
        request().await;
        self.lock().insert(key, bytes)
    }

    pub(super) async fn get(&self, key: &ObjectKey) -> Result<Bytes, Refused> {
        request().await;
        let contents = self.lock();
        let object = contents.objects.get(key).ok_or(Refused::Missing)?;
        Ok(object.bytes.clone())
    }

    pub(super) async fn delete(&self, key: &ObjectKey) {
        request().await;
        self.lock().objects.remove(key);
    }

    /// Keys in their order after one of them, finished or not, with their lengths so far.
    pub(super) async fn list(&self, after: Option<ObjectKey>, most: usize) -> Vec<(ObjectKey, u64)> {
        request().await;
        let contents = self.lock();
        let uploads = contents.uploads.values().map(|upload| &upload.key);
        let tails = contents.tails.keys().map(|(key, _)| key);
        let keys: BTreeSet<_> = contents.objects.keys().chain(uploads).chain(tails).collect();
        let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let page = keys.range::<ObjectKey, _>((start, Bound::Unbounded)).take(most);
        page.map(|key| ((*key).clone(), contents.length(key))).collect()
    }

    pub(super) async fn written_at(&self, key: &ObjectKey) -> Result<Timestamp, Refused> {
        let begun = self.list_uploads(key).await;
        let contents = self.lock();
        let is_begun = !begun.is_empty() || contents.tails.keys().any(|(other, _)| other == key);
        match contents.objects.get(key) {
            Some(object) => Ok(object.written_at),
            None if is_begun => Ok(SystemClock.now()),
            None => Err(Refused::Missing),
        }
    }

    pub(super) async fn create_upload(&self, key: &ObjectKey) -> u64 {
        request().await;
        let mut contents = self.lock();
        let upload = contents.number();
        let (key, parts) = (key.clone(), BTreeMap::new());
        contents.uploads.insert(upload, Upload { key, parts });
        upload
    }

    /// A part that has the number already gives way.
    pub(super) async fn upload_part(
        &self,
        key: &ObjectKey,
        upload: u64,
        number: usize,
        bytes: Bytes,
    ) -> Result<Part, Refused> {
        request().await;
        let mut contents = self.lock();
        let part = Part {
            tag: contents.number(),
            size_bytes: bytes.len() as u64,
        };
        let gone = contents.gone(key);
        let upload = contents.uploads.get_mut(&upload).ok_or(gone)?;
        upload.parts.insert(number, (part.clone(), bytes));
        Ok(part)
    }

    /// Makes an object of these parts, unless the key has one.
    pub(super) async fn complete_upload(&self, key: &ObjectKey, upload: u64, parts: &[Part]) -> Result<(), Refused> {
        request().await;
        let mut contents = self.lock();
        let gone = contents.gone(key);
        let found = contents.uploads.get(&upload).ok_or(gone)?;
        let mut bytes = BytesMut::new();
        for (number, part) in parts.iter().enumerate() {
            let uploaded = found.parts.get(&number).filter(|(uploaded, _)| uploaded == part);
            let Some((_, piece)) = uploaded else {
                return Err(Refused::Parts(format!("part {number} is another one")));
            };
            if piece.len() < self.part_bytes && number + 1 < parts.len() {
                return Err(Refused::Parts(format!("part {number} is too small")));
            }
            bytes.extend_from_slice(piece);
        }
        contents.insert(key, bytes.freeze())?;
        contents.uploads.remove(&upload);
        Ok(())
    }

    pub(super) async fn list_uploads(&self, key: &ObjectKey) -> Vec<u64> {
        request().await;
        let contents = self.lock();
        let of_key = contents.uploads.iter().filter(|(_, upload)| upload.key == *key);
        of_key.map(|(upload, _)| *upload).collect()
    }

    pub(super) fn abort(&self, upload: u64) {
        self.lock().uploads.remove(&upload);
    }

    pub(super) async fn put_tail(&self, key: &ObjectKey, bytes: Bytes) -> u64 {
        request().await;
        let mut contents = self.lock();
        let number = contents.number();
        contents.tails.insert((key.clone(), number), bytes);
        number
    }

    pub(super) async fn get_tail(&self, key: &ObjectKey, number: u64) -> Result<Bytes, Refused> {
        request().await;
        let contents = self.lock();
        let found = contents.tails.get(&(key.clone(), number)).cloned();
        found.ok_or_else(|| contents.gone(key))
    }

    pub(super) async fn delete_tails(&self, key: &ObjectKey) {
        request().await;
        self.lock().tails.retain(|(other, _), _| other != key);
    }

    pub(super) fn set_written_at(&self, key: &ObjectKey, at: Timestamp) {
        if let Some(object) = self.lock().objects.get_mut(key) {
            object.written_at = at;
        }
    }

    pub(super) fn damage(&self, key: &ObjectKey, at: usize, byte: u8) {
        if let Some(object) = self.lock().objects.get_mut(key) {
            let mut bytes = object.bytes.to_vec();
            bytes[at] = byte;
            object.bytes = bytes.into();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    /// A number that nothing had before.
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn insert(&mut self, key: &ObjectKey, bytes: Bytes) -> Result<(), Refused> {
        if self.objects.contains_key(key) {
            return Err(Refused::Exists);
        }
        let written_at = SystemClock.now();
        self.objects.insert(key.clone(), Object { bytes, written_at });
        Ok(())
    }

    /// Why an upload is not there: its object is complete, or it was given up.
    fn gone(&self, key: &ObjectKey) -> Refused {
        if self.objects.contains_key(key) {
            Refused::Exists
        } else {
            Refused::Missing
        }
    }

    fn length(&self, key: &ObjectKey) -> u64 {
        if let Some(object) = self.objects.get(key) {
            return object.bytes.len() as u64;
        }
        let uploads = self.uploads.values().filter(|upload| upload.key == *key);
        let parts = uploads.flat_map(|upload| upload.parts.values());
        let tails = self.tails.iter().filter(|((other, _), _)| other == key);
        let bytes = parts.map(|(_, bytes)| bytes).chain(tails.map(|(_, bytes)| bytes));
        bytes.map(|bytes| bytes.len() as u64).sum()
    }
}
