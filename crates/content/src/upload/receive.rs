//! From a body to rows or an object: few bytes are kept whole, more are hashed and written as they come, and what was
//! stored is proven to be what the digest says.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use holdfast_access::{Grant, action};
use holdfast_model::{Blobs, MAX_STATE_BYTES, StoreError, UploadBytes};
use holdfast_oci::{Digest, range::ContentRange};

use super::{
    body::{Body, Gathered},
    session::{Session, check_not_beyond, check_received, check_size, equal},
    sink::{Sink, Stored},
};
use crate::{Error, Repositories, limits::SMALL_BLOB_BYTES};

impl Repositories {
    /// Takes a body in, into the session's row or its object; all of it is kept, or handed to the store, when this
    /// returns, also on error.
    pub(super) async fn receive(
        &self,
        session: &mut Session,
        range: Option<&ContentRange>,
        body: Body,
    ) -> Result<(), Error> {
        let UploadBytes::Row(held) = &session.upload.bytes else {
            return self.receive_into_object(session, range, body).await;
        };
        let held = held.clone();
        let (bytes, ended) = match body.gather(held.len()).await {
            Gathered::Whole(bytes) => (bytes, Ok(())),
            Gathered::Cut(bytes, error) => (bytes, Err(error)),
            Gathered::More(came, body) => {
                check_not_beyond(range, came)?;
                self.begin_object(session).await?;
                return self.receive_into_object(session, range, body).await;
            }
        };
        let received = bytes.len() as u64;
        session.offset += received;
        check_size(session.offset, self.limits.max_blob_bytes)?;
        session.bytes = UploadBytes::Row(joined(held, bytes));
        ended?;
        check_received(range, received)
    }

    async fn receive_into_object(
        &self,
        session: &mut Session,
        range: Option<&ContentRange>,
        mut body: Body,
    ) -> Result<(), Error> {
        let start = session.offset;
        let store = self.store(session.upload.storage_account).await?;
        let opened = session.writer(&*store).await;
        let mut writer = opened.map_err(|error| session.failed(error))?;
        let mut ended = Ok(());
        while let Some(chunk) = body.chunks.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    ended = Err(Error::Receive(error));
                    break;
                }
            };
            session.take(&chunk, self.limits.max_blob_bytes).await?;
            check_not_beyond(range, session.offset - start)?;
            let written = writer.write(chunk).await;
            written.map_err(|error| session.failed(error))?;
        }
        let saved = writer.save().await.map_err(|error| session.failed(error))?;
        let (held, state) = (Bytes::new(), checked_state(saved.state)?);
        session.bytes = UploadBytes::Object { held, state };
        ended?;
        check_received(range, session.offset - start)
    }

    pub(super) async fn finish(
        &self,
        session: &mut Session,
        digest: &Digest,
        range: Option<&ContentRange>,
        body: Body,
    ) -> Result<(), Error> {
        let body = match &session.upload.bytes {
            UploadBytes::Object { .. } => body,
            UploadBytes::Row(held) => match body.gather(held.len()).await {
                Gathered::Whole(bytes) => {
                    check_received(range, bytes.len() as u64)?;
                    let bytes = joined(held.clone(), bytes);
                    return self.finish_row(session, digest, bytes).await;
                }
                Gathered::Cut(_, error) => return Err(error.into()),
                Gathered::More(came, body) => {
                    check_not_beyond(range, came)?;
                    self.begin_object(session).await?;
                    body
                }
            },
        };
        if session.offset == 0 && body.is_small() {
            let bytes = self.finish_small(session, digest, range, body).await?;
            self.commit_object(session, digest).await?;
            self.blob_cache.insert(*digest, &bytes);
            return Ok(());
        }
        self.finish_streamed(session, digest, range, body).await?;
        self.commit_object(session, digest).await
    }

    /// A blob that is a row: no store is asked.
    async fn finish_row(&self, session: &Session, digest: &Digest, bytes: Bytes) -> Result<(), Error> {
        check_size(bytes.len() as u64, self.limits.max_blob_bytes)?;
        equal(digest, Digest::of(digest.algorithm(), &bytes))?;
        self.commit_row(session, digest, &bytes).await?;
        self.blob_cache.insert(*digest, &bytes);
        Ok(())
    }

    /// The same without a session, in the request that would have started one.
    pub(super) async fn insert_row_blob(
        &self,
        grant: &Grant<action::Push>,
        digest: &Digest,
        bytes: Bytes,
    ) -> Result<(), Error> {
        check_size(bytes.len() as u64, self.limits.max_blob_bytes)?;
        equal(digest, Digest::of(digest.algorithm(), &bytes))?;
        self.commit_whole(grant, digest, &bytes).await?;
        self.blob_cache.insert(*digest, &bytes);
        Ok(())
    }

    /// A small blob that comes in one piece: checked first, then stored in one step.
    async fn finish_small(
        &self,
        session: &mut Session,
        digest: &Digest,
        range: Option<&ContentRange>,
        mut body: Body,
    ) -> Result<Bytes, Error> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.chunks.next().await {
            let chunk = chunk?;
            session.take(&chunk, SMALL_BLOB_BYTES).await?;
            bytes.extend_from_slice(&chunk);
        }
        check_received(range, session.offset)?;
        session.check_digest(digest).await?;
        let bytes = bytes.freeze();
        let store = self.store(session.upload.storage_account).await?;
        match store.put(&session.upload.object_key, bytes.clone()).await {
            Ok(()) => {}
            Err(StoreError::Exists { .. }) => {
                // Of a chunk without bytes, or of a finish that was not committed.
                let mut sink = Sink::of(session, &*store).await?;
                sink.write(session, bytes.clone()).await?;
                if sink.complete(session).await? == Stored::Found {
                    self.check_found(session, &*store, digest).await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(bytes)
    }

    async fn finish_streamed(
        &self,
        session: &mut Session,
        digest: &Digest,
        range: Option<&ContentRange>,
        mut body: Body,
    ) -> Result<(), Error> {
        let start = session.offset;
        let store = self.store(session.upload.storage_account).await?;
        let mut sink = Sink::of(session, &*store).await?;
        while let Some(chunk) = body.chunks.next().await {
            let chunk = chunk?;
            session.take(&chunk, self.limits.max_blob_bytes).await?;
            check_not_beyond(range, session.offset - start)?;
            sink.write(session, chunk).await?;
        }
        check_received(range, session.offset - start)?;
        // The running hash does not speak for what was stored when the client started without naming the algorithm it
        // ends with, nor when the store may have lost some of it in a power cut.
        let is_hashed = session.hash.algorithm() == digest.algorithm() && sink.vouches();
        if is_hashed {
            session.check_digest(digest).await?;
        }
        match sink.complete(session).await? {
            Stored::Written if is_hashed => Ok(()),
            Stored::Written => self.check_stored(session, &*store, digest).await,
            Stored::Found => self.check_found(session, &*store, digest).await,
        }
    }

    /// The same of an object that a request before this one completed; one that is longer is not of these bytes.
    async fn check_found(&self, session: &Session, store: &dyn Blobs, digest: &Digest) -> Result<(), Error> {
        let (key, end) = (&session.upload.object_key, session.offset);
        if store.open(key, end..end + 1).await.is_ok() {
            return Err(session.unknown());
        }
        self.check_stored(session, store, digest).await
    }

    /// Compares the digest with a hash of what was stored.
    async fn check_stored(&self, session: &Session, store: &dyn Blobs, digest: &Digest) -> Result<(), Error> {
        let key = &session.upload.object_key;
        let content = store.open(key, 0..session.offset).await?;
        let hashing = self
            .rehashing
            .digest(content, digest.algorithm(), session.hold.clone(), drop);
        let actual = hashing.await.map_err(|source| StoreError::Failed {
            attempted: format!("read object {key}"),
            source: Box::new(source),
        })?;
        equal(digest, actual)
    }
}

fn joined(held: Bytes, more: Bytes) -> Bytes {
    if held.is_empty() {
        return more;
    }
    [held, more].concat().into()
}

fn checked_state(state: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if state.len() <= MAX_STATE_BYTES {
        return Ok(state);
    }
    Err(StoreError::Failed {
        attempted: "saved an upload".to_owned(),
        source: format!("what it would go on from has {} bytes", state.len()).into(),
    })
}
