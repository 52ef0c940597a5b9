//! What differs between the stores of the clouds: a few requests. One adapter stands on it for all of them. It refuses to
//! know objects: names are text here.

use std::{fmt, ops::Range, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_model::Timestamp;

use super::{asking::Answer, payload::Payload, plan::Plan, refusal::Refusal};

/// A part of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Who uploaded it: random, so that no two writers name a part alike.
    pub(super) writer: String,
    /// Its number, from 1 on; they grow.
    pub(super) number: u32,
    /// What the store calls it, where it does.
    pub(super) tag: String,
}

/// An upload as it is made an object. Not shown: what a store calls an upload may let anybody write to it.
pub(super) struct Assembly<'a> {
    pub(super) upload: &'a str,
    /// None where the parts are one stream.
    pub(super) parts: &'a [Part],
    /// Bytes that are uploaded.
    pub(super) at: u64,
    /// The end of a stream; empty where the parts are no stream.
    pub(super) end: Payload,
}

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size_bytes: u64,
    pub(super) written_at: Timestamp,
}

/// A page of a listing, in the order of names.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    /// Where the next page begins, in the store's own words.
    pub(super) next: Option<String>,
}

/// Whether something may have the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing may.
    Absent,
    /// Whatever has it gives way.
    Any,
}

/// One container of one store.
#[async_trait]
pub(super) trait Bucket: fmt::Debug + Send + Sync {
    /// How long parts are.
    fn plan(&self) -> &'static Plan;

    /// Stores a small object in one request.
    async fn put(&self, name: &str, payload: Payload, condition: Condition) -> Result<(), Refusal>;

    /// A stretch of an object, which is not empty.
    async fn get(&self, name: &str, range: Range<u64>) -> Result<Answer, Refusal>;

    /// A small object, whole.
    async fn get_small(&self, name: &str) -> Result<Bytes, Refusal>;

    /// Length of a complete object, and when it was written.
    async fn head(&self, name: &str) -> Result<Entry, Refusal>;

    /// One that is not there is a success.
    async fn delete(&self, name: &str) -> Result<(), Refusal>;

    /// Objects whose names begin so; from where the page before said.
    async fn list(&self, prefix: &str, from: Option<&str>) -> Result<Page, Refusal>;

    /// Uploads that are not complete, where [`Bucket::list`] does not show them.
    async fn list_unfinished(&self, prefix: &str, from: Option<&str>) -> Result<Page, Refusal>;

    /// Begins an upload and says what it is called.
    async fn begin(&self, name: &str) -> Result<String, Refusal>;

    /// Uploads a part, before which so many bytes are in others.
    async fn put_part(&self, name: &str, upload: &str, part: Part, at: u64, payload: Payload) -> Result<Part, Refusal>;

    /// Makes an object of an upload, unless something has the name.
    async fn complete(&self, name: &str, assembly: Assembly<'_>) -> Result<(), Refusal>;

    /// Gives up an upload that nothing was saved of, and nothing else.
    async fn abort(&self, name: &str, upload: &str) -> Result<(), Refusal>;

    /// Gives up all uploads to a name, also `upload` that the store may not list.
    async fn forget(&self, name: &str, upload: Option<&str>) -> Result<(), Refusal>;

    /// A URL by which anybody can read an object for a while; `None` where nothing can be signed.
    async fn sign(&self, name: &str, lasts: Duration) -> Result<Option<String>, Refusal>;
}
