//! `/acr/v1/R`.

use holdfast_access::{Grant, action};
use holdfast_content::RepositoryView;
use holdfast_face::{Body, moment::seven_digits};
use holdfast_model::Attributes;
use holdfast_oci::{Digest, RepositoryName, Tag};
use http::{Response, StatusCode};
use serde::Serialize;

use super::patch_of;
use crate::{error::Error, respond, serve::Call};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryBody<'a> {
    registry: &'a str,
    image_name: &'a RepositoryName,
    created_time: String,
    last_update_time: String,
    manifest_count: u64,
    tag_count: u64,
    changeable_attributes: Attributes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    manifests_deleted: Vec<Digest>,
    tags_deleted: Vec<Tag>,
}

pub(crate) async fn get(call: &Call<'_>, grant: Grant<action::MetadataRead>) -> Result<Response<Body>, Error> {
    Ok(response(call, &call.app.repositories.load_repository(&grant).await?))
}

pub(crate) async fn patch(call: &Call<'_>, grant: Grant<action::MetadataWrite>) -> Result<Response<Body>, Error> {
    let patch = patch_of(call).await?;
    Ok(response(
        call,
        &call.app.repositories.patch_repository(&grant, patch).await?,
    ))
}

pub(crate) async fn delete(call: &Call<'_>, grant: Grant<action::Delete>) -> Result<Response<Body>, Error> {
    let deleted = call.app.repositories.delete_repository(&grant).await?;
    let deleted = Deleted {
        manifests_deleted: deleted.manifests,
        tags_deleted: deleted.tags,
    };
    Ok(respond::json(StatusCode::ACCEPTED, &deleted))
}

fn response(call: &Call<'_>, view: &RepositoryView) -> Response<Body> {
    let body = RepositoryBody {
        registry: &call.address.shown_login_server,
        image_name: &view.name,
        created_time: seven_digits(view.created_at),
        last_update_time: seven_digits(view.updated_at),
        manifest_count: view.manifest_count,
        tag_count: view.tag_count,
        changeable_attributes: view.attributes,
    };
    respond::json(StatusCode::OK, &body)
}
