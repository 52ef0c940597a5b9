//! Google Cloud Storage: objects by its JSON API, conditions by generation, uploads by resumable sessions under the name of
//! the object. It refuses to know objects of ours.
//!
//! A session is one stream (`stream.rs`). Its address lets anybody write to it, without a credential: it is saved with the
//! upload and shown nowhere. Of an address only what follows the endpoint is kept, so no answer can send us elsewhere.
//! Google forgets a session that nobody completed after a week by itself, and lists none.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    asking::{Answer, Ask, collect},
    bucket::{Assembly, Bucket, Condition, Entry, Page, Part},
    google_signer::GoogleSigner,
    payload::Payload,
    place::Place,
    plan::{self, Plan},
    refusal::{Meaning, Refusal},
    requests::{Requests, header_value},
    xml,
};

/// Entries of a page.
const PAGE: &str = "1000";
/// Longest answer that tells of one object.
const OBJECT_BYTES: usize = 64 << 10;
/// Times that the rest of a part is sent of which a session took nothing.
const ATTEMPTS: u32 = 4;
/// To read an object and not what is known of it.
const MEDIA: (&str, &str) = ("alt", "media");
const IF_ABSENT: (&str, &str) = ("ifGenerationMatch", "0");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A bucket.
#[derive(Debug)]
pub(super) struct Google {
    /// Below the objects of the bucket.
    pub(super) requests: Requests,
    /// Where uploads begin.
    pub(super) uploads: Place,
    pub(super) endpoint: String,
    pub(super) bucket: String,
    pub(super) signer: Arc<GoogleSigner>,
}

/// What is known of an object.
#[derive(Debug, Deserialize)]
struct Object {
    #[serde(default)]
    name: String,
    /// A number as text.
    size: String,
    #[serde(default)]
    updated: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Objects {
    #[serde(default)]
    items: Vec<Object>,
    next_page_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Fault {
    error: FaultBody,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FaultBody {
    message: String,
    errors: Vec<FaultReason>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FaultReason {
    reason: String,
}

/// Code and message of a refusal. A bucket that is not there and an object that is not have one code; the bucket's gets the
/// one that S3 has for it.
pub(super) fn fault(_headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let (code, message) = match serde_json::from_slice::<Fault>(body) {
        Ok(Fault { error }) => {
            let reason = error.errors.into_iter().next().unwrap_or_default().reason;
            (reason, error.message)
        }
        Err(_) => (String::new(), String::from_utf8_lossy(body).into_owned()),
    };
    match message.contains("bucket does not exist") {
        true => ("NoSuchBucket".to_owned(), message),
        false => (code, message),
    }
}

impl Google {
    /// Asks something of an upload, whose name is what follows the endpoint in its address.
    fn ask_session(&self, method: Method, upload: &str) -> Result<Ask, Refusal> {
        let url = format!("{}{upload}", self.endpoint).parse();
        let url = url.map_err(|_| Refusal::Answer("a session has no address".to_owned()))?;
        Ok(Ask::new(method, url).header(header::CONTENT_TYPE, BYTES))
    }

    /// Sends what a session does not have yet of the stretch from `at` on, and completes it where its length is told. The
    /// answer is the one after the last byte.
    async fn send(&self, upload: &str, at: u64, payload: &Payload, length: Option<u64>) -> Result<Answer, Refusal> {
        let end = at + payload.len();
        let (mut has, mut left) = (at, ATTEMPTS);
        loop {
            let length_or_any = length.map_or_else(|| "*".to_owned(), |length| length.to_string());
            let stretch = match has == end {
                true => format!("bytes */{length_or_any}"),
                false => format!("bytes {has}-{}/{length_or_any}", end - 1),
            };
            let ask = self.ask_session(Method::PUT, upload)?.with(payload.behind(has - at));
            let ask = ask.header(header::CONTENT_RANGE, header_value(&stretch)?);
            let answer = self.requests.asking.open(&ask).await?;
            if answer.status != StatusCode::PERMANENT_REDIRECT {
                return Ok(answer);
            }
            let now = kept(&answer.headers)?;
            if now == end && length.is_none() {
                return Ok(answer);
            }
            if now < has || now > end {
                return Err(Refusal::Overtaken);
            }
            if now == has {
                left -= 1;
            }
            if left == 0 {
                return Err(Refusal::Answer("a session takes no bytes".to_owned()));
            }
            has = now;
        }
    }
}

/// How many bytes a session has.
fn kept(headers: &HeaderMap) -> Result<u64, Refusal> {
    let Some(range) = headers.get(header::RANGE) else {
        return Ok(0);
    };
    let last = range.to_str().ok().and_then(|range| range.strip_prefix("bytes=0-"));
    let last: Option<u64> = last.and_then(|last| last.parse().ok());
    last.map(|last| last + 1)
        .ok_or_else(|| Refusal::Answer("a session does not say what it has".to_owned()))
}

fn read<T: DeserializeOwned>(told: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(told).map_err(|error| Refusal::Answer(error.to_string()))
}

impl Object {
    fn size_bytes(&self) -> Result<u64, Refusal> {
        let size = self.size.parse();
        size.map_err(|_| Refusal::Answer("an object has no length".to_owned()))
    }

    fn into_entry(self) -> Result<Entry, Refusal> {
        Ok(Entry {
            size_bytes: self.size_bytes()?,
            written_at: xml::moment(&self.updated)?,
            name: self.name,
        })
    }
}

#[async_trait]
impl Bucket for Google {
    fn plan(&self) -> &'static Plan {
        &plan::GOOGLE
    }

    async fn put(&self, name: &str, payload: Payload, condition: Condition) -> Result<(), Refusal> {
        let mut query = vec![("uploadType", "media"), ("name", name)];
        query.extend((condition == Condition::Absent).then_some(IF_ABSENT));
        let ask = Ask::new(Method::POST, self.uploads.url("", &query)?).with(payload);
        let ask = ask.header(header::CONTENT_TYPE, BYTES);
        self.requests.whole(&ask).await.map(drop)
    }

    async fn get(&self, name: &str, range: Range<u64>) -> Result<Answer, Refusal> {
        self.requests.get(name, &[MEDIA], range).await
    }

    async fn get_small(&self, name: &str) -> Result<Bytes, Refusal> {
        self.requests.get_small(name, &[MEDIA]).await
    }

    async fn head(&self, name: &str) -> Result<Entry, Refusal> {
        let query = [("fields", "name,size,updated")];
        let answer = self.requests.fetch(Method::GET, name, &query).await?;
        read::<Object>(&answer.bytes)?.into_entry()
    }

    async fn delete(&self, name: &str) -> Result<(), Refusal> {
        self.requests.delete(name, &[]).await
    }

    async fn list(&self, prefix: &str, from: Option<&str>) -> Result<Page, Refusal> {
        let mut query = vec![
            ("prefix", prefix),
            ("maxResults", PAGE),
            ("fields", "items(name,size,updated),nextPageToken"),
        ];
        query.extend(from.map(|from| ("pageToken", from)));
        let listed = self.requests.fetch(Method::GET, "", &query).await?;
        let listed: Objects = read(&listed.bytes)?;
        let entries = listed.items.into_iter().map(Object::into_entry);
        Ok(Page {
            entries: entries.collect::<Result<_, Refusal>>()?,
            next: listed.next_page_token.filter(|next| !next.is_empty()),
        })
    }

    async fn list_unfinished(&self, _prefix: &str, _from: Option<&str>) -> Result<Page, Refusal> {
        Ok(Page::default())
    }

    async fn begin(&self, name: &str) -> Result<String, Refusal> {
        let query = [("uploadType", "resumable"), ("name", name), IF_ABSENT];
        let kind = HeaderName::from_static("x-upload-content-type");
        let ask = Ask::new(Method::POST, self.uploads.url("", &query)?).header(kind, BYTES);
        let answer = self.requests.asking.open(&ask).await?;
        let address: Option<Uri> = xml::header(&answer.headers, "location")?.parse().ok();
        let address = address.as_ref().and_then(Uri::path_and_query);
        let address = address.ok_or_else(|| Refusal::Answer("a session has no address".to_owned()))?;
        Ok(address.as_str().to_owned())
    }

    async fn put_part(
        &self,
        _name: &str,
        upload: &str,
        part: Part,
        at: u64,
        payload: Payload,
    ) -> Result<Part, Refusal> {
        let answer = self.send(upload, at, &payload, None).await?;
        match answer.status {
            StatusCode::PERMANENT_REDIRECT => Ok(part),
            // Somebody completed it.
            _ => Err(Refusal::Overtaken),
        }
    }

    async fn complete(&self, name: &str, assembly: Assembly<'_>) -> Result<(), Refusal> {
        let Assembly { upload, at, end, .. } = assembly;
        let length = at + end.len();
        let answer = self.send(upload, at, &end, Some(length)).await?;
        let size_bytes = match collect(answer.body, OBJECT_BYTES).await {
            Ok(told) => read::<Object>(&told)?.size_bytes()?,
            // It was cut off.
            Err(_) => self.head(name).await?.size_bytes,
        };
        // What was complete before is told as if this had completed it.
        match size_bytes == length {
            true => Ok(()),
            false => Err(Refusal::Overtaken),
        }
    }

    async fn abort(&self, _name: &str, upload: &str) -> Result<(), Refusal> {
        match self.requests.whole(&self.ask_session(Method::DELETE, upload)?).await {
            Err(refusal) if !matches!(refusal.meaning(), Meaning::Missing | Meaning::Gone) => Err(refusal),
            _ => Ok(()),
        }
    }

    async fn forget(&self, name: &str, upload: Option<&str>) -> Result<(), Refusal> {
        match upload {
            Some(upload) => self.abort(name, upload).await,
            None => Ok(()),
        }
    }

    async fn sign(&self, name: &str, lasts: Duration) -> Result<Option<String>, Refusal> {
        self.signer
            .signed_url(&self.endpoint, &self.bucket, name, lasts, Utc::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_that_is_not_there_is_no_object_that_is_missing() {
        let meaning = |body: &str| {
            let (code, message) = fault(&HeaderMap::new(), body.as_bytes());
            Refusal::of_status(StatusCode::NOT_FOUND, code, &message).meaning()
        };
        let told = |message: &str| {
            format!(r#"{{"error":{{"code":404,"message":"{message}","errors":[{{"reason":"notFound"}}]}}}}"#)
        };
        assert_eq!(meaning(&told("No such object: bucket/name")), Meaning::Missing);
        assert_eq!(meaning("No such object: bucket/name"), Meaning::Missing);
        assert_eq!(meaning(&told("The specified bucket does not exist.")), Meaning::Failed);
        assert_eq!(meaning("The specified bucket does not exist."), Meaning::Failed);
    }

    #[test]
    fn a_session_says_what_it_has() {
        let kept = |text: &'static str| kept(&HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(text))]));
        assert_eq!(kept("bytes=0-262143").ok(), Some(262_144));
        assert!(kept("bytes=1-2").is_err() && kept("0-2").is_err());
        assert_eq!(super::kept(&HeaderMap::new()).ok(), Some(0));
    }
}
