//! `/acr/v1/R/_tags`.

use holdfast_access::{Grant, action};
use holdfast_face::{Body, moment::seven_digits};
use holdfast_model::{Attributes, Page, TagRecord};
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
struct TagBody<'a> {
    name: &'a Tag,
    digest: Digest,
    created_time: String,
    last_update_time: String,
    signed: bool,
    changeable_attributes: Attributes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    registry: &'a str,
    image_name: &'a RepositoryName,
    #[serde(skip_serializing_if = "Rows::are_past_the_end")]
    tags: Rows<TagBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    registry: &'a str,
    image_name: &'a RepositoryName,
    tag: TagBody<'a>,
}

impl<'a> From<&'a TagRecord> for TagBody<'a> {
    fn from(record: &'a TagRecord) -> Self {
        Self {
            name: &record.name,
            digest: record.digest,
            created_time: seven_digits(record.created_at),
            last_update_time: seven_digits(record.updated_at),
            // Docker Content Trust, which nothing here offers: signatures are referrers.
            signed: false,
            changeable_attributes: record.attributes,
        }
    }
}

pub(crate) async fn list(
    call: &Call<'_>,
    grant: Grant<action::MetadataRead>,
    page: PageQuery,
    digest: Option<Digest>,
) -> Result<Response<Body>, Error> {
    let rows = Page {
        after: page.position("tag")?,
        limit: page.limit + 1,
        order: page.order,
    };
    let tags = call.app.repositories.list_tags(&grant, digest, rows).await?;
    let has_more = tags.len() > page.limit;
    let tags = &tags[..tags.len().min(page.limit)];
    let list = List {
        registry: &call.address.shown_login_server,
        image_name: grant.repository(),
        tags: page.rows(tags.iter().map(TagBody::from).collect(), has_more),
    };
    let mut response = respond::json(StatusCode::OK, &list);
    if let (true, Some(last)) = (has_more, tags.last()) {
        let digest = digest.map(|digest| digest.to_string());
        let extra: Vec<(&str, &str)> = digest.iter().map(|digest| ("digest", digest.as_str())).collect();
        let last = page.last_of(last.updated_at, last.name.as_str());
        respond::set(
            response.headers_mut(),
            header::LINK,
            &page.link(call.path(), &last, &extra),
        );
    }
    Ok(response)
}

pub(crate) async fn get(
    call: &Call<'_>,
    grant: Grant<action::MetadataRead>,
    tag: Tag,
) -> Result<Response<Body>, Error> {
    Ok(one(
        call,
        grant.repository(),
        &call.app.repositories.load_tag(&grant, &tag).await?,
    ))
}

pub(crate) async fn patch(
    call: &Call<'_>,
    grant: Grant<action::MetadataWrite>,
    tag: Tag,
) -> Result<Response<Body>, Error> {
    let patch = patch_of(call).await?;
    Ok(one(
        call,
        grant.repository(),
        &call.app.repositories.patch_tag(&grant, &tag, patch).await?,
    ))
}

pub(crate) async fn delete(call: &Call<'_>, grant: Grant<action::Delete>, tag: Tag) -> Result<Response<Body>, Error> {
    call.app.repositories.delete_tag(&grant, &tag).await?;
    Ok(respond::empty(StatusCode::ACCEPTED))
}

fn one(call: &Call<'_>, repository: &RepositoryName, record: &TagRecord) -> Response<Body> {
    let one = One {
        registry: &call.address.shown_login_server,
        image_name: repository,
        tag: record.into(),
    };
    respond::json(StatusCode::OK, &one)
}
