//! `/v2/R/manifests/REFERENCE`.

use holdfast_access::{Grant, action};
use holdfast_content::{Precondition, PutManifest};
use holdfast_face::{
    Asker, Body,
    conditional::{EntityTags, Spelling, is_not_modified},
};
use holdfast_oci::{MediaType, Reference, Tag, manifest::MAX_MANIFEST_BYTES};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::{error::Error, respond, serve::Call};

pub(crate) async fn get(
    call: &Call<'_>,
    grant: Grant<action::Pull>,
    reference: Reference,
) -> Result<Response<Body>, Error> {
    let manifest = call.app.repositories.load_manifest(&grant, &reference).await?;
    if is_not_modified(&call.head.headers, &manifest.digest.to_string()) {
        let mut response = respond::empty(StatusCode::NOT_MODIFIED);
        respond::set_digest(response.headers_mut(), &manifest.digest);
        return Ok(response);
    }
    let length = manifest.bytes.len();
    let body = if call.is_head() {
        Body::empty()
    } else {
        Body::bytes(manifest.bytes)
    };
    let mut response = respond::sized(StatusCode::OK, body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    respond::set(headers, header::CONTENT_TYPE, &manifest.media_type);
    respond::set_digest(headers, &manifest.digest);
    Ok(response)
}

pub(crate) async fn put(
    call: &Call<'_>,
    grant: Grant<action::Push>,
    reference: Reference,
    tags: Vec<Tag>,
) -> Result<Response<Body>, Error> {
    let media_type = content_type(&call.head.headers)?;
    let precondition = precondition(&call.head.headers)?;
    let body = call.body.whole(Asker::Known, MAX_MANIFEST_BYTES).await?;
    let put = PutManifest {
        reference,
        tags,
        media_type,
        bytes: body.bytes().clone(),
        precondition,
    };
    let pushed = call.app.repositories.put_manifest(&grant, put).await?;
    let mut response = respond::empty(StatusCode::CREATED);
    let headers = response.headers_mut();
    let location = format!("/v2/{}/manifests/{}", grant.repository(), pushed.digest);
    respond::set(headers, header::LOCATION, &location);
    respond::set_digest(headers, &pushed.digest);
    if let Some(subject) = &pushed.subject {
        respond::set(headers, respond::OCI_SUBJECT, &subject.to_string());
    }
    for tag in &pushed.tags {
        respond::add(headers, respond::OCI_TAG, tag.as_str());
    }
    Ok(response)
}

/// A digest deletes the manifest with its tags, a tag only itself (dist-spec 1.1.1 §Content
/// Management).
pub(crate) async fn delete(
    call: &Call<'_>,
    grant: Grant<action::Delete>,
    reference: Reference,
) -> Result<Response<Body>, Error> {
    match &reference {
        Reference::Digest(digest) => call.app.repositories.delete_manifest(&grant, digest).await?,
        Reference::Tag(tag) => call.app.repositories.delete_tag(&grant, tag).await?,
    }
    Ok(respond::empty(StatusCode::ACCEPTED))
}

fn content_type(headers: &HeaderMap) -> Result<Option<MediaType>, Error> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|error| Error::ContentType(Box::new(error)))?;
    text.parse()
        .map(Some)
        .map_err(|error: holdfast_oci::media_type::Error| Error::ContentType(Box::new(error)))
}

/// What must hold for the reference that a push writes. An entity tag here is a digest in quotes, as ACR and distribution write
/// it.
fn precondition(headers: &HeaderMap) -> Result<Option<Precondition>, Error> {
    match EntityTags::read(headers, &header::IF_NONE_MATCH, Spelling::Quoted)? {
        Some(EntityTags::Any) => return Ok(Some(Precondition::Absent)),
        Some(EntityTags::OneOf(_)) => return Err(Error::OnlyIfAbsent),
        None => {}
    }
    let tags = EntityTags::read(headers, &header::IF_MATCH, Spelling::Quoted)?;
    Ok(tags.map(|tags| match tags {
        EntityTags::Any => Precondition::Present,
        // What is no digest matches nothing.
        EntityTags::OneOf(tags) => Precondition::OneOf(tags.iter().filter_map(|tag| tag.parse().ok()).collect()),
    }))
}
