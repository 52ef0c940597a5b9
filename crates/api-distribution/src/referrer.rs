//! `GET /v2/R/referrers/DIGEST` (dist-spec 1.1 §Listing Referrers).

use holdfast_access::{Grant, action};
use holdfast_face::Body;
use holdfast_model::ReferrerRecord;
use holdfast_oci::{Digest, media_type};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{error::Error, page::PageQuery, respond, route::ReferrersQuery, serve::Call};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    media_type: &'a str,
    manifests: Vec<Referrer<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Referrer<'a> {
    media_type: &'a str,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a RawValue>,
}

impl<'a> From<&'a ReferrerRecord> for Referrer<'a> {
    fn from(record: &'a ReferrerRecord) -> Self {
        Self {
            media_type: &record.media_type,
            digest: record.digest,
            size: record.size_bytes,
            artifact_type: record.artifact_type.as_deref(),
            annotations: record
                .annotations
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok()),
        }
    }
}

pub(crate) async fn list(
    call: &Call<'_>,
    grant: Grant<action::Pull>,
    subject: Digest,
    query: ReferrersQuery,
) -> Result<Response<Body>, Error> {
    let ReferrersQuery {
        artifact_type,
        after,
        limit,
    } = query;
    let page = call
        .app
        .repositories
        .list_referrers(&grant, &subject, artifact_type.clone(), after, limit)
        .await?;
    let index = Index {
        schema_version: 2,
        media_type: media_type::OCI_INDEX,
        manifests: page.manifests.iter().map(Referrer::from).collect(),
    };
    let mut response = respond::typed_json(StatusCode::OK, media_type::OCI_INDEX, &index);
    let headers = response.headers_mut();
    let mut extra = Vec::new();
    if let Some(artifact_type) = &artifact_type {
        headers.insert(respond::OCI_FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
        extra.push(("artifactType", artifact_type.as_str()));
    }
    if let Some(last) = page.next {
        let page = PageQuery {
            last: None,
            limit,
            orderby: None,
            order: Default::default(),
        };
        respond::set(
            headers,
            header::LINK,
            &page.link(call.path(), &last.to_string(), &extra),
        );
    }
    Ok(response)
}
