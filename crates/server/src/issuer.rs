//! Documents of external issuers, fetched by the one guarded way out.

use async_trait::async_trait;
use holdfast_client::{Outgoing, Request};
use holdfast_identity::external_issuer::{FetchDocument, FetchError};
use http::{StatusCode, Uri};

/// Fetches documents of issuers.
pub(crate) struct Issuers(pub(crate) Outgoing);

#[async_trait]
impl FetchDocument for Issuers {
    async fn fetch(&self, url: &str, limit_bytes: u64) -> Result<Vec<u8>, FetchError> {
        let url: Uri = url.parse()?;
        let response = self.0.send(Request::get(url)).await?;
        if response.status != StatusCode::OK {
            return Err(format!("{} answered with status {}", response.host(), response.status.as_u16()).into());
        }
        Ok(response.bytes(limit_bytes).await?.to_vec())
    }
}
