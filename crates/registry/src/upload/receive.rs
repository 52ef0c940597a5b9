//! From a body to an object: bytes are hashed and written as they come, and what was stored is
//! proven to be what the digest says.

use std::cmp::Ordering;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use holdfast_oci::{Digest, range::ContentRange};

use super::{
    Body,
    session::{Lease, Session, check_not_beyond, check_received, equal},
};
use crate::{
    Error, Registry,
    limits::{SMALL_BLOB_BYTES, SYNCED_CHUNK_BYTES},
};
use holdfast_model::{ObjectKey, StoreError, UploadRecord};

impl Registry {
    /// Writes and hashes a body; all of it is handed to the store when this returns, also on error.
    pub(super) async fn receive(
        &self,
        session: &mut Session,
        range: Option<&ContentRange>,
        mut body: Body,
    ) -> Result<(), Error> {
        let start = session.offset;
        let mut writer = session.writer(self).await?;
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
            writer.write(chunk).await?;
        }
        if session.offset - start >= SYNCED_CHUNK_BYTES {
            // So that the closing request has nothing left to flush, whatever the blob's size.
            writer.finish().await?;
        } else {
            writer.flush().await?;
        }
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
        let (account, key) = (session.upload.storage_account, &session.upload.object_key);
        match self.store(account)?.put(key, bytes.clone()).await {
            Ok(()) => {}
            Err(StoreError::Exists { .. }) => {
                // Of a chunk without bytes or of a finish that was not
                // committed. Appending from the start makes it anew.
                let mut writer = self.store(account)?.append(key, 0).await?;
                writer.write(bytes.clone()).await?;
                writer.finish().await?;
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
        let key = session.upload.object_key.clone();
        if body.length == Some(0) && start > 0 {
            check_received(range, 0)?;
            self.check_content(session, digest).await?;
            let stored = store.sync(&key).await?;
            return match stored.cmp(&start) {
                Ordering::Equal => Ok(()),
                // What a refused chunk left is cut away.
                Ordering::Greater => Ok(session.writer(self).await?.finish().await?),
                Ordering::Less => Err(truncated(&key, start, stored)),
            };
        }
        let mut writer = session.writer(self).await?;
        while let Some(chunk) = body.chunks.next().await {
            let chunk = chunk?;
            session.take(&chunk, self.limits.max_blob_bytes)?;
            check_not_beyond(range, session.offset - start)?;
            writer.write(chunk).await?;
        }
        check_received(range, session.offset - start)?;
        if self.trusts_hash(session, digest) {
            session.check_digest(digest)?;
            writer.finish().await?;
        } else {
            writer.finish().await?;
            self.check_content(session, digest).await?;
        }
        Ok(())
    }

    /// Whether the running hash speaks for what was stored. It does not when the client started
    /// without naming the algorithm it ends with, nor when the session is older than this process: a
    /// power cut may have lost them, while the saved hash knows them still.
    fn trusts_hash(&self, session: &Session, digest: &Digest) -> bool {
        let upload = &session.upload;
        session.hasher.algorithm() == digest.algorithm() && (upload.offset == 0 || self.is_ours(upload.started_at))
    }

    /// Compares the digest with the running hash, or else with a hash of what was stored.
    async fn check_content(&self, session: &Session, digest: &Digest) -> Result<(), Error> {
        if self.trusts_hash(session, digest) {
            return session.check_digest(digest);
        }
        let upload = &session.upload;
        let content = self
            .store(upload.storage_account)?
            .open(&upload.object_key, 0..session.offset)
            .await?;
        let hashing = self
            .rehashing
            .digest(content, digest.algorithm(), session.lease.clone(), drop);
        let actual = hashing.await.map_err(|source| StoreError::Failed {
            attempted: format!("read object {}", upload.object_key),
            source: Box::new(source),
        })?;
        equal(digest, actual)
    }
}

fn truncated(key: &ObjectKey, expected: u64, stored: u64) -> Error {
    #[derive(Debug, thiserror::Error)]
    #[error("object {key} has {stored} bytes, not the {expected} that were received")]
    struct Truncated {
        key: ObjectKey,
        expected: u64,
        stored: u64,
    }
    let source = Box::new(Truncated {
        key: key.clone(),
        expected,
        stored,
    });
    StoreError::Failed {
        attempted: "finished an upload".to_owned(),
        source,
    }
    .into()
}
