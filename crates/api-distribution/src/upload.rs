//! `/v2/R/blobs/uploads/`: start, mount, append, finish, status, cancel.

use holdfast_access::{Grant, action, decide};
use holdfast_content::{Body as Incoming, Progress};
use holdfast_face::Body;
use holdfast_model::{UploadId, tell_only_of_a_session};
use holdfast_oci::{ContentRange, Digest, RepositoryName};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::{error::Error, respond, route::UploadStart, serve::Call};

const RANGE: HeaderName = header::RANGE;

pub(crate) async fn start(
    call: &Call<'_>,
    grant: Grant<action::Push>,
    start: UploadStart,
) -> Result<Response<Body>, Error> {
    let algorithm = match start {
        UploadStart::Session(algorithm) => {
            let progress = call.app.repositories.start_upload(&grant, algorithm).await?;
            tell_only_of_a_session();
            return Ok(accepted(StatusCode::ACCEPTED, grant.repository(), progress));
        }
        UploadStart::Whole(digest) => {
            let _turn = call.app.writing.turn(call.peer).await?;
            call.app
                .repositories
                .upload_whole(&grant, &digest, incoming(call))
                .await?;
            return Ok(created(grant.repository(), &digest));
        }
        UploadStart::Mount { digest, from } => {
            if mount(call, &grant, &digest, from).await? {
                return Ok(created(grant.repository(), &digest));
            }
            Some(digest.algorithm())
        }
    };
    let progress = call.app.repositories.start_upload(&grant, algorithm).await?;
    Ok(accepted(StatusCode::ACCEPTED, grant.repository(), progress))
}

pub(crate) async fn append(call: &Call<'_>, grant: Grant<action::Push>, id: UploadId) -> Result<Response<Body>, Error> {
    let range = content_range(&call.head.headers)?;
    let _turn = call.app.writing.turn(call.peer).await?;
    let progress = call
        .app
        .repositories
        .append_upload(&grant, id, range, incoming(call))
        .await?;
    tell_only_of_a_session();
    Ok(accepted(StatusCode::ACCEPTED, grant.repository(), progress))
}

pub(crate) async fn finish(
    call: &Call<'_>,
    grant: Grant<action::Push>,
    id: UploadId,
    digest: Digest,
) -> Result<Response<Body>, Error> {
    let range = content_range(&call.head.headers)?;
    let _turn = call.app.writing.turn(call.peer).await?;
    call.app
        .repositories
        .finish_upload(&grant, id, &digest, range, incoming(call))
        .await?;
    Ok(created(grant.repository(), &digest))
}

pub(crate) async fn status(call: &Call<'_>, grant: Grant<action::Push>, id: UploadId) -> Result<Response<Body>, Error> {
    let progress = call.app.repositories.load_upload_progress(&grant, id).await?;
    Ok(accepted(StatusCode::NO_CONTENT, grant.repository(), progress))
}

pub(crate) async fn cancel(call: &Call<'_>, grant: Grant<action::Push>, id: UploadId) -> Result<Response<Body>, Error> {
    call.app.repositories.abandon_upload(&grant, id).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

/// Mounts a blob if the caller may pull it where it is; says whether it did. A caller who may, but
/// whose token does not say so, is told which token to get: a token is never widened.
async fn mount(
    call: &Call<'_>,
    target: &Grant<action::Push>,
    digest: &Digest,
    from: Option<RepositoryName>,
) -> Result<bool, Error> {
    let sources = match from {
        Some(from) => vec![from],
        None => call.app.repositories.find_mount_sources(target, digest).await?,
    };
    let mut beyond_token = None;
    for source in sources {
        match decide::<action::Pull>(&call.who.caller, call.who.id(), &source) {
            Ok(grant) => {
                if call
                    .app
                    .repositories
                    .mount_blob(target, &grant, digest)
                    .await?
                    .is_some()
                {
                    return Ok(true);
                }
            }
            Err(refusal) => {
                let rights = call.who.caller.rights().permissions_on(&source);
                if rights.contains(holdfast_access::Permission::Pull) {
                    beyond_token.get_or_insert(refusal);
                }
            }
        }
    }
    match beyond_token {
        None => Ok(false),
        Some(refusal) => Err(Error::MountRefused {
            scope: format!("repository:{}:pull,push {}", target.repository(), refusal.scope()),
        }),
    }
}

/// `Content-Range` of a chunk. A client that sends none streams (docker).
fn content_range(headers: &HeaderMap) -> Result<Option<ContentRange>, Error> {
    let Some(value) = headers.get(header::CONTENT_RANGE) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|error| Error::ContentRange(Box::new(error)))?;
    text.parse()
        .map(Some)
        .map_err(|error: holdfast_oci::range::Error| Error::ContentRange(Box::new(error)))
}

fn created(repository: &RepositoryName, digest: &Digest) -> Response<Body> {
    let mut response = respond::empty(StatusCode::CREATED);
    let headers = response.headers_mut();
    respond::set(headers, header::LOCATION, &format!("/v2/{repository}/blobs/{digest}"));
    respond::set_digest(headers, digest);
    response
}

fn accepted(status: StatusCode, repository: &RepositoryName, progress: Progress) -> Response<Body> {
    let mut response = respond::empty(status);
    let headers = response.headers_mut();
    set_progress(headers, repository, progress);
    response
}

/// Where the session goes on. Without bytes the range is `0-0`, as distribution and ACR say it.
pub(crate) fn set_progress(headers: &mut HeaderMap, repository: &RepositoryName, progress: Progress) {
    let id = progress.id.0;
    respond::set(
        headers,
        header::LOCATION,
        &format!("/v2/{repository}/blobs/uploads/{id}"),
    );
    respond::set(headers, RANGE, &format!("0-{}", progress.offset.saturating_sub(1)));
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(respond::DOCKER_UPLOAD_UUID, value);
    }
}

/// The request's body, as the rules take it.
fn incoming(call: &Call<'_>) -> Incoming {
    Incoming {
        length: call.body.length(),
        chunks: Box::pin(call.body.stream()),
    }
}
