//! A blob as it comes in. A connection that breaks off is taken up where it ended (`Range`); more bytes than promised
//! are refused. The digest is proven by whoever stores the bytes.

use bytes::Bytes;
use holdfast_oci::Digest;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Client, Error};
use crate::Response;

/// How often in a row a connection may break off without a new byte.
const MAX_IDLE_ATTEMPTS: u32 = 3;

/// A blob that is being read.
pub struct Blob {
    client: Client,
    digest: Digest,
    /// Unknown where a manifest does not tell it: then the answer's end is the blob's.
    size: Option<u64>,
    offset: u64,
    response: Option<Response>,
    /// Bytes that the answer brings once more.
    skip: u64,
    idle_attempts: u32,
}

impl Blob {
    pub(super) fn new(client: Client, digest: Digest, size: Option<u64>) -> Self {
        Self {
            client,
            digest,
            size,
            offset: 0,
            response: None,
            skip: 0,
            idle_attempts: 0,
        }
    }

    /// The next piece; `None` when all bytes came.
    ///
    /// # Errors
    /// See [`Error`]; a connection that breaks off is one only when it does so again and again.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while self.size.is_none_or(|size| self.offset < size) {
            match self.piece().await {
                Ok(Some(piece)) => {
                    self.idle_attempts = 0;
                    self.offset += piece.len() as u64;
                    if self.size.is_some_and(|size| self.offset > size) {
                        return Err(self.other_content());
                    }
                    return Ok(Some(piece));
                }
                Ok(None) if self.size.is_none() => return Ok(None),
                // The answer ended early without an error: its length was not the blob's.
                Ok(None) => return Err(self.other_content()),
                Err(error) if error.is_transient() && self.idle_attempts < MAX_IDLE_ATTEMPTS => {
                    self.idle_attempts += 1;
                    self.response = None;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        if self.response.is_none() {
            self.response = Some(self.open().await?);
        }
        let Some(response) = &mut self.response else {
            return Ok(None);
        };
        while let Some(mut piece) = response.next().await? {
            let skipped = self.skip.min(piece.len() as u64);
            self.skip -= skipped;
            let piece = piece.split_off(usize::try_from(skipped).unwrap_or(piece.len()));
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    async fn open(&mut self) -> Result<Response, Error> {
        let path = format!("v2/{}/blobs/{}", self.client.repository, self.digest);
        let mut headers = HeaderMap::new();
        if self.offset > 0 {
            let range = format!("bytes={}-", self.offset);
            headers.insert(
                header::RANGE,
                HeaderValue::from_str(&range).expect("digits are the text of a header"),
            );
        }
        let response = self.client.get(&path, headers).await?;
        let response = self
            .client
            .expect(response, &[StatusCode::OK, StatusCode::PARTIAL_CONTENT])
            .await?;
        // A registry may not know ranges and start over.
        self.skip = if response.status == StatusCode::OK {
            self.offset
        } else {
            0
        };
        Ok(response)
    }

    fn other_content(&self) -> Error {
        Error::OtherContent {
            host: self.client.host.clone(),
            digest: self.digest,
        }
    }
}
