//! Azure Blob Storage: objects as lists of blocks, which may be as short as they like. It refuses to know objects of ours.
//!
//! Blocks have random names, so no writer's can take the place of another's, and a list names its own. Azure forgets blocks
//! that no list names after a week by itself; what it lists of them may have no moment, and is then as young as can be.

use std::{
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::Utc;
use holdfast_model::Timestamp;
use http::{HeaderName, HeaderValue, Method};
use object_store::{
    azure::{AzureAuthorizer, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder},
    client::HttpRequest,
    path::Path,
    signer::Signer as _,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    asking::{Answer, Ask, Sign},
    bucket::{Assembly, Bucket, Condition, Entry, Page, Part},
    identity::Hidden,
    payload::Payload,
    plan::{self, Plan},
    refusal::{Meaning, Refusal},
    requests::Requests,
    xml,
};

/// Entries of a page.
const PAGE: &str = "1000";
/// What an upload is called: its blocks are found by the name of the blob.
const BLOCKS: &str = "blocks";
const BLOB_TYPE: HeaderName = HeaderName::from_static("x-ms-blob-type");

/// A container.
#[derive(Debug)]
pub(super) struct Azure {
    pub(super) requests: Requests,
    pub(super) signer: Arc<AzureSigner>,
}

/// Signs with what the credentials are at the moment.
#[derive(Debug)]
pub(super) struct AzureSigner {
    builder: Hidden<MicrosoftAzureBuilder>,
    /// The library's own store, for its credentials and its signed URLs.
    library: RwLock<Hidden<Arc<MicrosoftAzure>>>,
    account: String,
    is_fixed: bool,
}

impl AzureSigner {
    /// `is_fixed` when there is but one credential, so that asking again for one changes nothing.
    pub(super) fn new(builder: MicrosoftAzureBuilder, account: &str, is_fixed: bool) -> object_store::Result<Self> {
        Ok(Self {
            library: RwLock::new(Hidden(Arc::new(builder.clone().build()?))),
            builder: Hidden(builder),
            account: account.to_owned(),
            is_fixed,
        })
    }

    fn library(&self) -> Arc<MicrosoftAzure> {
        Arc::clone(&self.library.read().unwrap_or_else(PoisonError::into_inner).0)
    }
}

#[async_trait]
impl Sign for AzureSigner {
    async fn sign(&self, request: &mut HttpRequest, _payload: &Payload) -> Result<(), Refusal> {
        let credential = self.library().credentials().get_credential().await;
        let credential = credential.map_err(Refusal::credential)?;
        let signed = AzureAuthorizer::new(&credential, &self.account).try_authorize(request);
        signed.map_err(Refusal::credential)
    }

    fn renew(&self) -> bool {
        let Ok(library) = self.builder.0.clone().build() else {
            return false;
        };
        self.library.write().unwrap_or_else(PoisonError::into_inner).0 = Arc::new(library);
        !self.is_fixed
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(default)]
    blobs: Blobs,
    #[serde(default)]
    next_marker: String,
}

#[derive(Debug, Default, Deserialize)]
struct Blobs {
    #[serde(default, rename = "Blob")]
    blobs: Vec<Blob>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blob {
    name: String,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
struct Properties {
    #[serde(default, rename = "Last-Modified")]
    last_modified: String,
    #[serde(default, rename = "Content-Length")]
    content_length: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BlockList {
    #[serde(default)]
    uncommitted_blocks: Blocks,
}

#[derive(Debug, Default, Deserialize)]
struct Blocks {
    #[serde(default, rename = "Block")]
    blocks: Vec<Block>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "that there is one is all that is asked")]
struct Block {
    #[serde(rename = "Name")]
    name: String,
}

impl Azure {
    fn put_list(&self, name: &str, parts: &[Part]) -> Result<Ask, Refusal> {
        let list = Bytes::from(block_list(parts));
        let query = [("comp", "blocklist")];
        Ok(self.requests.ask(Method::PUT, name, &query)?.with(list.into()))
    }

    /// Whether blocks lie under a name that no list names.
    async fn has_loose_blocks(&self, name: &str) -> Result<bool, Refusal> {
        let query = [("comp", "blocklist"), ("blocklisttype", "uncommitted")];
        match self.requests.fetch(Method::GET, name, &query).await {
            Ok(answer) => Ok(!xml::read::<BlockList>(&answer)?.uncommitted_blocks.blocks.is_empty()),
            Err(refusal) if refusal.meaning() == Meaning::Missing => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }
}

impl Azure {
    async fn put_blob(&self, name: &str, payload: Payload, condition: Condition) -> Result<(), Refusal> {
        let ask = self.requests.ask(Method::PUT, name, &[])?.with(payload);
        let ask = ask.header(BLOB_TYPE, HeaderValue::from_static("BlockBlob"));
        self.requests.whole(&ask.under(condition)).await.map(drop)
    }

    /// Loose blocks may count as a blob to this condition; to that of a list they do not.
    async fn put_over_loose_blocks(&self, name: &str, payload: Payload, refusal: Refusal) -> Result<(), Refusal> {
        match self.head(name).await {
            Err(missing) if missing.meaning() == Meaning::Missing => {}
            _ => return Err(refusal),
        }
        let part = Part {
            writer: Uuid::new_v4().simple().to_string()[..12].to_owned(),
            number: 1,
            tag: String::new(),
        };
        let (length, mut parts) = (payload.len(), Vec::new());
        if length > 0 {
            parts.push(self.put_part(name, BLOCKS, part, 0, payload).await?);
        }
        let assembly = Assembly {
            upload: BLOCKS,
            parts: &parts,
            at: length,
            end: Payload::empty(),
        };
        self.complete(name, assembly).await
    }
}

/// The name of a block: all of an object's are of one length.
fn block_name(part: &Part) -> String {
    STANDARD.encode(format!("{}{:06}", part.writer, part.number))
}

fn block_list(parts: &[Part]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for part in parts {
        text.push_str("<Uncommitted>");
        text.push_str(&block_name(part));
        text.push_str("</Uncommitted>");
    }
    text.push_str("</BlockList>");
    text
}

#[async_trait]
impl Bucket for Azure {
    fn plan(&self) -> &'static Plan {
        &plan::AZURE
    }

    async fn put(&self, name: &str, payload: Payload, condition: Condition) -> Result<(), Refusal> {
        match self.put_blob(name, payload.clone(), condition).await {
            Err(refusal) if condition == Condition::Absent && refusal.meaning() == Meaning::Exists => {
                self.put_over_loose_blocks(name, payload, refusal).await
            }
            put => put,
        }
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
        let mut query = vec![
            ("restype", "container"),
            ("comp", "list"),
            ("include", "uncommittedblobs"),
            ("prefix", prefix),
            ("maxresults", PAGE),
        ];
        query.extend(from.map(|from| ("marker", from)));
        let answer = self.requests.fetch(Method::GET, "", &query).await?;
        let listed: Listed = xml::read(&answer)?;
        let entry = |blob: Blob| {
            let written_at = match blob.properties.last_modified.as_str() {
                "" => Timestamp(Utc::now().timestamp_micros()),
                text => xml::moment(text)?,
            };
            Ok(Entry {
                name: blob.name,
                size_bytes: blob.properties.content_length,
                written_at,
            })
        };
        Ok(Page {
            entries: listed
                .blobs
                .blobs
                .into_iter()
                .map(entry)
                .collect::<Result<_, Refusal>>()?,
            next: Some(listed.next_marker).filter(|next| !next.is_empty()),
        })
    }

    async fn list_unfinished(&self, _prefix: &str, _from: Option<&str>) -> Result<Page, Refusal> {
        Ok(Page::default())
    }

    async fn begin(&self, _name: &str) -> Result<String, Refusal> {
        Ok(BLOCKS.to_owned())
    }

    async fn put_part(
        &self,
        name: &str,
        _upload: &str,
        part: Part,
        _at: u64,
        payload: Payload,
    ) -> Result<Part, Refusal> {
        let block = block_name(&part);
        let query = [("comp", "block"), ("blockid", block.as_str())];
        let ask = self.requests.ask(Method::PUT, name, &query)?.with(payload);
        self.requests.whole(&ask).await?;
        Ok(part)
    }

    async fn complete(&self, name: &str, assembly: Assembly<'_>) -> Result<(), Refusal> {
        let ask = self.put_list(name, assembly.parts)?.if_absent();
        self.requests.whole(&ask).await.map(drop)
    }

    async fn abort(&self, _name: &str, _upload: &str) -> Result<(), Refusal> {
        // Blocks of other writers lie under the same name, and there is no way to remove some.
        Ok(())
    }

    async fn forget(&self, name: &str, _upload: Option<&str>) -> Result<(), Refusal> {
        // Loose blocks go when a list without them is written; the blob that this makes is deleted next.
        if self.has_loose_blocks(name).await? {
            self.requests.whole(&self.put_list(name, &[])?).await?;
        }
        Ok(())
    }

    async fn sign(&self, name: &str, lasts: Duration) -> Result<Option<String>, Refusal> {
        let library = self.signer.library();
        let credential = library.credentials().get_credential().await;
        // A SAS signs nothing further.
        if let AzureCredential::SASToken(_) = *credential.map_err(Refusal::credential)? {
            return Ok(None);
        }
        let signed = library.signed_url(Method::GET, &Path::from(name), lasts).await;
        Ok(Some(signed.map_err(Refusal::credential)?.to_string()))
    }
}
