//! `/v2/R/blobs/DIGEST`: whole, in one range, in several, or only the head.

use std::ops::Range;

use bytes::Bytes;
use holdfast_access::{Grant, action};
use holdfast_content::Error as Domain;
use holdfast_face::{Body, conditional::is_not_modified};
use holdfast_model::{BlobRecord, StoreError};
use holdfast_oci::{ByteRanges, Digest, Selection};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::{error::Error, respond, serve::Call};

/// Every blob is served as bytes: its real type stands in the manifest, and a type a client chose
/// would let a browser run it.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");
const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

async fn head(call: &Call<'_>, grant: Grant<action::Pull>, digest: Digest) -> Result<Response<Body>, Error> {
    let blob = call.app.repositories.stat_blob(&grant, &digest).await?;
    if is_not_modified(&call.head.headers, &digest.to_string()) {
        return Ok(not_modified(&digest));
    }
    let mut response = respond::empty(StatusCode::OK);
    set_headers(response.headers_mut(), &digest);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(blob.size_bytes));
    Ok(response)
}

pub(crate) async fn get(call: &Call<'_>, grant: Grant<action::Pull>, digest: Digest) -> Result<Response<Body>, Error> {
    if call.is_head() {
        return head(call, grant, digest).await;
    }
    let pull = call.app.repositories.load_blob_pull(&grant, &digest).await?;
    let blob = &pull.blob;
    if is_not_modified(&call.head.headers, &digest.to_string()) {
        return Ok(not_modified(&digest));
    }
    let selection = selection(&call.head.headers, &digest, blob.size_bytes)?;
    // Stores give one range at most.
    if !matches!(selection, Selection::Many(_))
        && let Some(url) = call.app.repositories.sign_blob_url(&grant, &pull).await?
    {
        return redirect(&digest, url);
    }
    let mut response = match selection {
        Selection::Whole => {
            let mut body = open(call, &grant, blob, 0..blob.size_bytes).await?;
            body.push_stretch(0..blob.size_bytes);
            respond::sized(StatusCode::OK, body)
        }
        Selection::One(range) => one(call, &grant, blob, range).await?,
        Selection::Many(ranges) => many(call, &grant, blob, ranges).await?,
    };
    set_headers(response.headers_mut(), &digest);
    Ok(response)
}

pub(crate) async fn delete(
    call: &Call<'_>,
    grant: Grant<action::Delete>,
    digest: Digest,
) -> Result<Response<Body>, Error> {
    call.app.repositories.delete_blob(&grant, &digest).await?;
    Ok(respond::empty(StatusCode::ACCEPTED))
}

async fn one(
    call: &Call<'_>,
    grant: &Grant<action::Pull>,
    blob: &BlobRecord,
    range: Range<u64>,
) -> Result<Response<Body>, Error> {
    let mut body = open(call, grant, blob, range.clone()).await?;
    body.push_stretch(0..range.end - range.start);
    let mut response = respond::sized(StatusCode::PARTIAL_CONTENT, body);
    respond::set(
        response.headers_mut(),
        header::CONTENT_RANGE,
        &content_range(&range, blob.size_bytes),
    );
    Ok(response)
}

/// A body for stretches of a range of a blob, when it is this peer's turn.
async fn open(
    call: &Call<'_>,
    grant: &Grant<action::Pull>,
    blob: &BlobRecord,
    range: Range<u64>,
) -> Result<Body, Error> {
    let turn = call.body.throw_away_during(call.app.sending.turn(call.peer)).await??;
    Ok(Body::of(
        call.app.repositories.open_blob(grant, blob, range).await?,
        turn,
    ))
}

/// Several ranges as `multipart/byteranges` (RFC 9110 section 14.6).
async fn many(
    call: &Call<'_>,
    grant: &Grant<action::Pull>,
    blob: &BlobRecord,
    ranges: Vec<Range<u64>>,
) -> Result<Response<Body>, Error> {
    // Nobody who chose the blob's bytes can have known it.
    let boundary = uuid::Uuid::new_v4().simple().to_string();
    let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
    let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    // One file, however many ranges there are.
    let mut body = open(call, grant, blob, start..end).await?;
    for range in ranges {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: {}\r\n\r\n",
            content_range(&range, blob.size_bytes)
        );
        body.push_bytes(head.into());
        body.push_stretch(range.start - start..range.end - start);
    }
    body.push_bytes(format!("\r\n--{boundary}--\r\n").into());
    let mut response = respond::sized(StatusCode::PARTIAL_CONTENT, body);
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    respond::set(response.headers_mut(), header::CONTENT_TYPE, &content_type);
    Ok(response)
}

fn selection(headers: &HeaderMap, digest: &Digest, size_bytes: u64) -> Result<Selection, Error> {
    let Some(range) = headers.get(header::RANGE).and_then(|range| range.to_str().ok()) else {
        return Ok(Selection::Whole);
    };
    // No range of nothing can be met, and the Azure SDKs ask for one always: ACR answers 200, as RFC 9110 section 14.2 lets
    // every server pass over the header.
    if size_bytes == 0 {
        return Ok(Selection::Whole);
    }
    // RFC 9110 section 13.1.5: with another If-Range the whole content is due.
    let current = format!("\"{digest}\"");
    if headers
        .get(header::IF_RANGE)
        .is_some_and(|tag| tag.as_bytes() != current.as_bytes())
    {
        return Ok(Selection::Whole);
    }
    Ok(ByteRanges::parse(range, size_bytes)?)
}

fn content_range(range: &Range<u64>, size_bytes: u64) -> String {
    format!("bytes {}-{}/{size_bytes}", range.start, range.end - 1)
}

/// To the store itself. The URL is a secret and good for a while only: nobody may keep the answer.
fn redirect(digest: &Digest, url: String) -> Result<Response<Body>, Error> {
    let mut location = HeaderValue::from_maybe_shared(Bytes::from(url)).map_err(|source| {
        Domain::from(StoreError::Failed {
            attempted: format!("made a URL of blob {digest}"),
            source: Box::new(source),
        })
    })?;
    location.set_sensitive(true);
    let mut response = respond::empty(StatusCode::TEMPORARY_REDIRECT);
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    respond::set_digest(headers, digest);
    headers.remove(header::ETAG);
    Ok(response)
}

fn not_modified(digest: &Digest) -> Response<Body> {
    let mut response = respond::empty(StatusCode::NOT_MODIFIED);
    respond::set_digest(response.headers_mut(), digest);
    response
}

fn set_headers(headers: &mut HeaderMap, digest: &Digest) {
    headers.entry(header::CONTENT_TYPE).or_insert(CONTENT_TYPE);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, IMMUTABLE);
    respond::set_digest(headers, digest);
}
