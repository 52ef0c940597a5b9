//! `/acr/v1/R/_manifests`.

use holdfast_access::{Grant, action};
use holdfast_content::ManifestView;
use holdfast_face::{Body, moment::seven_digits};
use holdfast_model::{Attributes, Page};
use holdfast_oci::{Digest, RepositoryName, Tag};
use http::{Response, StatusCode, header};
use serde::Serialize;

use super::patch_of;
use crate::{
    error::Error,
    page::{PageQuery, Rows},
    respond,
    serve::Call,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestBody<'a> {
    digest: Digest,
    image_size: u64,
    created_time: String,
    last_update_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<&'a str>,
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_media_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Tag]>::is_empty")]
    tags: &'a [Tag],
    changeable_attributes: Attributes,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    references: Vec<Reference<'a>>,
}

#[derive(Serialize)]
struct Reference<'a> {
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    registry: &'a str,
    image_name: &'a RepositoryName,
    #[serde(skip_serializing_if = "Rows::are_past_the_end")]
    manifests: Rows<ManifestBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    registry: &'a str,
    image_name: &'a RepositoryName,
    manifest: ManifestBody<'a>,
}

impl<'a> From<&'a ManifestView> for ManifestBody<'a> {
    fn from(view: &'a ManifestView) -> Self {
        let record = &view.record;
        let reference = |(digest, architecture, os): &'a (Digest, Option<String>, Option<String>)| Reference {
            digest: *digest,
            architecture: architecture.as_deref(),
            os: os.as_deref(),
        };
        Self {
            digest: record.digest,
            image_size: record.image_size_bytes,
            created_time: seven_digits(record.created_at),
            last_update_time: seven_digits(record.updated_at),
            architecture: record.architecture.as_deref(),
            os: record.os.as_deref(),
            media_type: &record.media_type,
            config_media_type: record.config_media_type.as_deref(),
            // A fallback to the config's type is for referrers; ACR shows only a declared one.
            artifact_type: record
                .artifact_type
                .as_deref()
                .filter(|kind| record.config_media_type.as_deref() != Some(*kind)),
            tags: &view.tags,
            changeable_attributes: record.attributes,
            references: view.references.iter().map(reference).collect(),
        }
    }
}

pub(crate) async fn list(
    call: &Call<'_>,
    grant: Grant<action::MetadataRead>,
    page: PageQuery,
) -> Result<Response<Body>, Error> {
    let rows = Page {
        after: page.position("digest")?,
        limit: page.limit,
        order: page.order,
    };
    let listed = call.app.repositories.list_manifests(&grant, rows).await?;
    let list = List {
        registry: &call.address.shown_login_server,
        image_name: grant.repository(),
        manifests: page.rows(
            listed.manifests.iter().map(ManifestBody::from).collect(),
            listed.next.is_some(),
        ),
    };
    let mut response = respond::json(StatusCode::OK, &list);
    if let Some((updated_at, digest)) = listed.next.and_then(|next| next.updated_at.zip(Some(next.name))) {
        let last = page.last_of(updated_at, &digest.to_string());
        let link = page.link(call.path(), &last, &[]);
        respond::set(response.headers_mut(), header::LINK, &link);
    }
    Ok(response)
}

pub(crate) async fn get(
    call: &Call<'_>,
    grant: Grant<action::MetadataRead>,
    digest: Digest,
) -> Result<Response<Body>, Error> {
    Ok(one(
        call,
        grant.repository(),
        &call.app.repositories.load_manifest_view(&grant, &digest).await?,
    ))
}

pub(crate) async fn patch(
    call: &Call<'_>,
    grant: Grant<action::MetadataWrite>,
    digest: Digest,
) -> Result<Response<Body>, Error> {
    let patch = patch_of(call).await?;
    Ok(one(
        call,
        grant.repository(),
        &call.app.repositories.patch_manifest(&grant, &digest, patch).await?,
    ))
}

fn one(call: &Call<'_>, repository: &RepositoryName, view: &ManifestView) -> Response<Body> {
    let one = One {
        registry: &call.address.shown_login_server,
        image_name: repository,
        manifest: view.into(),
    };
    respond::json(StatusCode::OK, &one)
}
