//! S3, and what speaks like it: objects in parts of at least 5 MiB, conditions by `If-None-Match`, requests signed with
//! version 4. It refuses to know objects of ours.

use std::{
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use object_store::{
    aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer},
    client::HttpRequest,
    path::Path,
    signer::Signer as _,
};
use serde::Deserialize;

use super::{
    asking::{Answer, Sign},
    bucket::{Assembly, Bucket, Condition, Entry, Page, Part},
    identity::Hidden,
    payload::Payload,
    plan::{self, Plan},
    refusal::Refusal,
    requests::Requests,
    xml,
};

/// Entries of a page.
const PAGE: &str = "1000";
/// Times that a completion is tried which failed after its answer had begun.
const COMPLETIONS: u32 = 3;

/// A bucket.
#[derive(Debug)]
pub(super) struct S3 {
    pub(super) requests: Requests,
    pub(super) signer: Arc<S3Signer>,
}

/// Signs with what the credentials are at the moment.
#[derive(Debug)]
pub(super) struct S3Signer {
    builder: Hidden<AmazonS3Builder>,
    /// The library's own store, for its credentials and its signed URLs.
    library: RwLock<Hidden<AmazonS3>>,
    region: String,
    /// Whether the bytes of a request are signed too: what TLS does not protect.
    is_plain: bool,
    is_fixed: bool,
}

impl S3Signer {
    /// `is_fixed` when there is but one credential, so that asking again for one changes nothing.
    pub(super) fn new(
        builder: AmazonS3Builder,
        region: &str,
        is_plain: bool,
        is_fixed: bool,
    ) -> object_store::Result<Self> {
        Ok(Self {
            library: RwLock::new(Hidden(builder.clone().build()?)),
            builder: Hidden(builder),
            region: region.to_owned(),
            is_plain,
            is_fixed,
        })
    }

    fn library(&self) -> AmazonS3 {
        self.library.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

#[async_trait]
impl Sign for S3Signer {
    async fn sign(&self, request: &mut HttpRequest, payload: &Payload) -> Result<(), Refusal> {
        let credential = self.library().credentials().get_credential().await;
        let credential = credential.map_err(Refusal::credential)?;
        let digest = match self.is_plain {
            true => Some(payload.sha256().await.map_err(Refusal::Spool)?),
            false => None,
        };
        let authorizer = AwsAuthorizer::new(&credential, "s3", &self.region).with_sign_payload(self.is_plain);
        let signed = authorizer.try_authorize(request, digest.as_ref().map(AsRef::as_ref));
        signed.map_err(Refusal::credential)
    }

    fn renew(&self) -> bool {
        let Ok(library) = self.builder.0.clone().build() else {
            return false;
        };
        self.library.write().unwrap_or_else(PoisonError::into_inner).0 = library;
        !self.is_fixed
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Objects {
    #[serde(default)]
    contents: Vec<Object>,
    next_continuation_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Object {
    key: String,
    last_modified: String,
    size: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Uploads {
    #[serde(default, rename = "Upload")]
    uploads: Vec<Upload>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
    initiated: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    upload_id: String,
}

impl S3 {
    async fn uploads(&self, prefix: &str, from: Option<&str>) -> Result<Uploads, Refusal> {
        let mut query = vec![("uploads", ""), ("prefix", prefix), ("max-uploads", PAGE)];
        let from = from.and_then(|from| from.split_once('\n'));
        if let Some((key, upload)) = from {
            query.extend([("key-marker", key), ("upload-id-marker", upload)]);
        }
        let answer = self.requests.fetch(Method::GET, "", &query).await?;
        xml::read(&answer)
    }
}

impl Uploads {
    fn next(&self) -> Option<String> {
        let next = || format!("{}\n{}", self.next_key_marker, self.next_upload_id_marker);
        self.is_truncated.then(next)
    }
}

/// The parts of an upload, as its completion names them.
fn manifest(parts: &[Part]) -> String {
    use std::fmt::Write as _;

    let mut text = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for Part { number, tag, .. } in parts {
        let tag = quick_xml::escape::escape(tag.as_str());
        let written = write!(text, "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
        debug_assert!(written.is_ok(), "a string takes all text");
    }
    text.push_str("</CompleteMultipartUpload>");
    text
}

#[async_trait]
impl Bucket for S3 {
    fn plan(&self) -> &'static Plan {
        &plan::S3
    }

    async fn put(&self, name: &str, payload: Payload, condition: Condition) -> Result<(), Refusal> {
        let ask = self.requests.ask(Method::PUT, name, &[])?.with(payload);
        self.requests.whole(&ask.under(condition)).await.map(drop)
    }

    async fn get(&self, name: &str, range: Range<u64>) -> Result<Answer, Refusal> {
        self.requests.get(name, &[], range).await
    }

    async fn get_small(&self, name: &str) -> Result<Bytes, Refusal> {
        self.requests.get_small(name, &[]).await
    }

    async fn head(&self, name: &str) -> Result<Entry, Refusal> {
        self.requests.head(name).await
    }

    async fn delete(&self, name: &str) -> Result<(), Refusal> {
        self.requests.delete(name, &[]).await
    }

    async fn list(&self, prefix: &str, from: Option<&str>) -> Result<Page, Refusal> {
        let mut query = vec![("list-type", "2"), ("prefix", prefix), ("max-keys", PAGE)];
        query.extend(from.map(|from| ("continuation-token", from)));
        let answer = self.requests.fetch(Method::GET, "", &query).await?;
        let objects: Objects = xml::read(&answer)?;
        let entry = |object: Object| {
            Ok(Entry {
                name: object.key,
                size_bytes: object.size,
                written_at: xml::moment(&object.last_modified)?,
            })
        };
        Ok(Page {
            entries: objects
                .contents
                .into_iter()
                .map(entry)
                .collect::<Result<_, Refusal>>()?,
            next: objects.next_continuation_token.filter(|next| !next.is_empty()),
        })
    }

    async fn list_unfinished(&self, prefix: &str, from: Option<&str>) -> Result<Page, Refusal> {
        let uploads = self.uploads(prefix, from).await?;
        let next = uploads.next();
        let entry = |upload: Upload| {
            Ok(Entry {
                name: upload.key,
                size_bytes: 0,
                written_at: xml::moment(&upload.initiated)?,
            })
        };
        let entries = uploads.uploads.into_iter().map(entry).collect::<Result<_, Refusal>>()?;
        Ok(Page { entries, next })
    }

    async fn begin(&self, name: &str) -> Result<String, Refusal> {
        let answer = self.requests.fetch(Method::POST, name, &[("uploads", "")]).await?;
        let begun: Begun = xml::read(&answer)?;
        Ok(begun.upload_id)
    }

    async fn put_part(
        &self,
        name: &str,
        upload: &str,
        part: Part,
        _at: u64,
        payload: Payload,
    ) -> Result<Part, Refusal> {
        let number = part.number.to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", upload)];
        let ask = self.requests.ask(Method::PUT, name, &query)?.with(payload);
        let answer = self.requests.whole(&ask).await?;
        let tag = xml::header(&answer.headers, "etag")?.to_owned();
        Ok(Part { tag, ..part })
    }

    async fn complete(&self, name: &str, assembly: Assembly<'_>) -> Result<(), Refusal> {
        let manifest = Bytes::from(manifest(assembly.parts));
        let query = [("uploadId", assembly.upload)];
        let ask = self.requests.ask(Method::POST, name, &query)?.with(manifest.into());
        let is_xml = HeaderValue::from_static("application/xml");
        let ask = ask.if_absent().header(header::CONTENT_TYPE, is_xml);
        let mut left = COMPLETIONS;
        loop {
            let answer = self.requests.whole(&ask).await?;
            // It begins to answer before it knows: a failure comes with status 200 too.
            let (code, message) = xml::fault(&answer.headers, &answer.bytes);
            if code.is_empty() {
                return Ok(());
            }
            let refusal = Refusal::of_status(answer.status, code, &message);
            left -= 1;
            if left == 0 || !refusal.is_transient() {
                return Err(refusal);
            }
        }
    }

    async fn abort(&self, name: &str, upload: &str) -> Result<(), Refusal> {
        self.requests.delete(name, &[("uploadId", upload)]).await
    }

    async fn forget(&self, name: &str, upload: Option<&str>) -> Result<(), Refusal> {
        if let Some(upload) = upload {
            self.abort(name, upload).await?;
        }
        let mut from = None;
        loop {
            let page = self.uploads(name, from.as_deref()).await?;
            from = page.next();
            for found in page.uploads.into_iter().filter(|found| found.key == name) {
                self.abort(name, &found.upload_id).await?;
            }
            if from.is_none() {
                return Ok(());
            }
        }
    }

    async fn sign(&self, name: &str, lasts: Duration) -> Result<Option<String>, Refusal> {
        let signed = self
            .signer
            .library()
            .signed_url(Method::GET, &Path::from(name), lasts)
            .await;
        Ok(Some(signed.map_err(Refusal::credential)?.to_string()))
    }
}
