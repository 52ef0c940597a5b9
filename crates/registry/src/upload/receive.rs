//! From a body to an object: bytes are hashed and written as they come, and what was stored is
//! proven to be what the digest says.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use holdfast_model::{Blobs, MAX_STATE_BYTES, StoreError, UploadRecord};
use holdfast_oci::{Digest, range::ContentRange};

use super::{
    Body,
    session::{Lease, Session, check_not_beyond, check_received, equal},
    sink::{Sink, Stored},
};
use crate::{Registry, content::Error, limits::SMALL_BLOB_BYTES};

impl Registry {
    /// Writes and hashes a body; all of it is handed to the store when this returns, also on error.
    pub(super) async fn receive(
        &self,
        session: &mut Session,
        range: Option<&ContentRange>,
        mut body: Body,
    ) -> Result<(), Error> {
        let start = session.offset;
        let store = self.store(session.upload.storage_account)?;
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
            session.take(&chunk, self.limits.max_blob_bytes)?;
            check_not_beyond(range, session.offset - start)?;
            let written = writer.write(chunk).await;
            written.map_err(|error| session.failed(error))?;
        }
        let saved = writer.save().await.map_err(|error| session.failed(error))?;
        session.store_state = checked_state(saved.state)?;
        ended?;
        check_received(range, session.offset - start)
    }

    pub(super) async fn finish(
        &self,
        upload: &UploadRecord,
        lease: &Lease,
        digest: &Digest,
        range: Option<&ContentRange>,
        body: Body,
    ) -> Result<(), Error> {
        let mut session = Session::open(upload.clone(), lease)?;
        let small = upload.offset == 0 && body.is_small();
        let bytes = if small {
            Some(self.finish_small(&mut session, digest, range, body).await?)
        } else {
            self.finish_streamed(&mut session, digest, range, body).await?;
            None
        };
        self.commit_blob(&session, digest).await?;
        if let Some(bytes) = bytes {
            self.blob_cache.insert(*digest, &bytes);
        }
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
            session.take(&chunk, SMALL_BLOB_BYTES)?;
            bytes.extend_from_slice(&chunk);
        }
        check_received(range, session.offset)?;
        session.check_digest(digest)?;
        let bytes = bytes.freeze();
        let store = self.store(session.upload.storage_account)?;
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
        let store = self.store(session.upload.storage_account)?;
        let mut sink = Sink::of(session, &*store).await?;
        while let Some(chunk) = body.chunks.next().await {
            let chunk = chunk?;
            session.take(&chunk, self.limits.max_blob_bytes)?;
            check_not_beyond(range, session.offset - start)?;
            sink.write(session, chunk).await?;
        }
        check_received(range, session.offset - start)?;
        // The running hash does not speak for what was stored when the client started without naming the algorithm it
        // ends with, nor when the store may have lost some of it in a power cut.
        let is_hashed = session.hasher.algorithm() == digest.algorithm() && sink.vouches();
        if is_hashed {
            session.check_digest(digest)?;
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
            .digest(content, digest.algorithm(), session.lease.clone(), drop);
        let actual = hashing.await.map_err(|source| StoreError::Failed {
            attempted: format!("read object {key}"),
            source: Box::new(source),
        })?;
        equal(digest, actual)
    }
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
