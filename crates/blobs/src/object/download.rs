//! Reading a range of an object: one request whose body is read as far as it is asked for, and another one where reading
//! goes on elsewhere, or was cut off. It refuses to hand out fewer bytes than the range has.

use std::{fmt, io, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, future::BoxFuture};
use holdfast_model::Fetch;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::sync::Mutex;

use super::{
    asking::Answer,
    bucket::Bucket,
    refusal::Refusal,
    way_out::{Body, BodyError},
};

/// Times that a body which was cut off without bringing anything is asked for again.
const ATTEMPTS: u32 = 4;

/// A range of an object.
pub(super) struct Download {
    bucket: Arc<dyn Bucket>,
    name: String,
    /// Of the object.
    range: Range<u64>,
    /// `None` while somebody reads, or when the next reader has to ask anew.
    cursor: Mutex<Option<Cursor>>,
}

struct Cursor {
    /// Where in the object the next byte lies.
    at: u64,
    /// What came with the last piece and was not asked for.
    ahead: Bytes,
    body: Body,
}

impl Download {
    /// A range whose body has begun to come.
    pub(super) fn new(bucket: Arc<dyn Bucket>, name: String, range: Range<u64>, body: Body) -> Self {
        let at = range.start;
        let ahead = Bytes::new();
        Self {
            bucket,
            name,
            range,
            cursor: Mutex::new(Some(Cursor { at, ahead, body })),
        }
    }

    async fn read(&self, stretch: Range<u64>) -> io::Result<Bytes> {
        let (start, end) = (self.range.start + stretch.start, self.range.start + stretch.end);
        if start > end || end > self.range.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut held = self.cursor.lock().await;
        let mut whole = BytesMut::new();
        let length = usize::try_from(end - start).map_err(io::Error::other)?;
        let mut failures = 0;
        while whole.len() < length {
            let at = start + whole.len() as u64;
            // Taken out, so that a reader who goes away in the middle leaves no gap behind.
            let mut cursor = match held.take().filter(|cursor| cursor.at == at) {
                Some(cursor) => cursor,
                None => self.ask(at).await?,
            };
            match cursor.take(length - whole.len()).await {
                Ok(piece) => {
                    failures = 0;
                    *held = Some(cursor);
                    if piece.len() == length {
                        return Ok(piece);
                    }
                    whole.reserve(length - whole.len());
                    whole.extend_from_slice(&piece);
                }
                Err(_) if failures < ATTEMPTS => failures += 1,
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(whole.freeze())
    }

    async fn ask(&self, at: u64) -> io::Result<Cursor> {
        let range = at..self.range.end;
        let answer = self.bucket.get(&self.name, range.clone()).await;
        let body = answer
            .and_then(|answer| body_of(answer, &range))
            .map_err(io::Error::other)?;
        let ahead = Bytes::new();
        Ok(Cursor { at, ahead, body })
    }
}

impl Cursor {
    /// The next bytes, at most so many and at least one.
    async fn take(&mut self, most: usize) -> Result<Bytes, BodyError> {
        while self.ahead.is_empty() {
            let frame = self
                .body
                .frame()
                .await
                .ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))??;
            self.ahead = frame.into_data().unwrap_or_default();
        }
        let piece = self.ahead.split_to(most.min(self.ahead.len()));
        self.at += piece.len() as u64;
        Ok(piece)
    }
}

/// The body of an answer that is this range and nothing else.
pub(super) fn body_of(answer: Answer, range: &Range<u64>) -> Result<Body, Refusal> {
    let told = |name| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let length = told(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    let is_whole = answer.status == StatusCode::OK && range.start == 0;
    let is_range = answer.status == StatusCode::PARTIAL_CONTENT && has_range(&answer.headers, range);
    if (is_whole || is_range) && length == Some(range.end - range.start) {
        return Ok(answer.body);
    }
    let shown = told(header::CONTENT_RANGE).unwrap_or_default();
    let status = answer.status;
    Err(Refusal::Answer(format!(
        "{range:?} was asked for, and it has status {status}, range {shown:?} and length {length:?}"
    )))
}

/// `Content-Range: bytes 0-9/100` (RFC 9110 14.4).
fn has_range(headers: &HeaderMap, range: &Range<u64>) -> bool {
    let told = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let stretch = told.and_then(|told| told.strip_prefix("bytes ")?.split_once('/'));
    stretch.is_some_and(|(stretch, _)| stretch == format!("{}-{}", range.start, range.end - 1))
}

impl Fetch for Download {
    fn fetch(self: Arc<Self>, stretch: Range<u64>) -> BoxFuture<'static, io::Result<Bytes>> {
        async move { self.read(stretch).await }.boxed()
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("name", &self.name)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}
