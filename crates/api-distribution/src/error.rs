//! What an error looks like on the data plane: one table from reason to status and code, one body
//! shape (`{"errors":[{"code","message","detail"}]}`). No status code of an error stands anywhere
//! else in this crate.

use std::net::IpAddr;

use holdfast_access::Refusal;
use holdfast_content::{Error as Domain, Progress};
use holdfast_face::{Body, Error as BodyError, TooManyBlobs, conditional::Malformed};
use holdfast_identity::{basic, throttle, token};
use holdfast_model::{ReceiveError, StorageError, StoreError};
use holdfast_oci::{Digest, ErrorCode, message::chain};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Address, challenge::Challenge, page, respond, route, serve::Demanded, upload};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The path names nothing.
    #[error(transparent)]
    Route(#[from] route::Error),
    /// The page query cannot be read.
    #[error(transparent)]
    Page(#[from] page::Error),
    /// The range of a chunk cannot be read.
    #[error("the Content-Range header cannot be read")]
    ContentRange(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The media type of a manifest cannot be read.
    #[error(
        "the Content-Type header cannot be read; send the manifest's media type, such as \
         application/vnd.oci.image.manifest.v1+json"
    )]
    ContentType(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A condition cannot be read.
    #[error("{0}, each in quotes")]
    Conditional(#[from] Malformed),
    /// `If-None-Match` on a push that is not `*`: nothing else makes sense there.
    #[error("if-none-match on a push must be *, to push only when nothing is there")]
    OnlyIfAbsent,
    /// The registry addressed is not there.
    #[error("there is no registry called {name} here")]
    RegistryUnknown { name: String },
    /// The network rules of the registry shut this client out.
    #[error("client with IP '{peer}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.")]
    NetworkDenied { peer: IpAddr },
    /// Nobody may do this without signing in, or this caller may not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The caller may not pull from the repository a blob is to be mounted from, with this token.
    #[error("the token does not cover the repository to mount from")]
    MountRefused { scope: String },
    /// `/v2/` without a credential.
    #[error("authentication required")]
    SignInRequired,
    /// The `Authorization` header cannot be read.
    #[error("the Authorization header cannot be read")]
    CredentialMalformed(#[source] basic::Error),
    /// A wrong name or password.
    #[error("the user name or password is wrong")]
    CredentialWrong,
    /// A token that is not, or no longer, good.
    #[error("the token is not good; get a new one")]
    TokenInvalid(#[source] token::Error),
    /// A token from a credential that was renewed or switched off.
    #[error("the credential this token was made from is no longer good; sign in again")]
    TokenRevoked,
    /// A token for ARM where only tokens for registries are taken (ACR: `azureADAuthenticationAsArmPolicy`).
    #[error("this registry takes tokens for https://containerregistry.azure.net alone, not tokens for ARM")]
    ArmTokenRefused,
    /// A token for neither.
    #[error("the token is for another resource; get one for https://containerregistry.azure.net")]
    ForeignAudience,
    /// Too many wrong passwords.
    #[error(transparent)]
    Throttled(throttle::TooMany),
    /// A body that was not taken.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A blob that is not handed out, for too many are.
    #[error(transparent)]
    TooManyBlobs(#[from] TooManyBlobs),
    /// A body that is not the JSON asked for.
    #[error("the request's body cannot be read")]
    Json(#[source] serde_json::Error),
    /// A token request that misses something.
    #[error("{reason}")]
    TokenRequest { reason: String },
    /// A stretch outside the blob.
    #[error(transparent)]
    Range(#[from] holdfast_oci::range::Unsatisfiable),
    /// The token would be too long.
    #[error("a token for all these scopes cannot be issued; ask for fewer at once")]
    Issue(#[source] token::Error),
    /// The operation failed.
    #[error(transparent)]
    Domain(#[from] Domain),
    /// A store did not do its part before there was one.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What an error is answered with.
struct ErrorResponse {
    status: StatusCode,
    code: ErrorCode,
    detail: Value,
}

impl Error {
    fn response(&self) -> ErrorResponse {
        use ErrorCode as Code;
        let plain = |status, code| ErrorResponse {
            status,
            code,
            detail: Value::Null,
        };
        match self {
            Self::Route(error) => route_error(error),
            Self::Page(error) => page_error(error),
            Self::ContentRange(_) => plain(StatusCode::BAD_REQUEST, Code::BlobUploadInvalid),
            Self::ContentType(_) => plain(StatusCode::BAD_REQUEST, Code::ManifestInvalid),
            Self::Conditional(_) | Self::OnlyIfAbsent => plain(StatusCode::BAD_REQUEST, Code::Unsupported),
            Self::NetworkDenied { .. } => plain(StatusCode::FORBIDDEN, Code::Denied),
            Self::RegistryUnknown { .. } => plain(StatusCode::NOT_FOUND, Code::NameUnknown),
            Self::Refused(_)
            | Self::MountRefused { .. }
            | Self::SignInRequired
            | Self::CredentialMalformed(_)
            | Self::CredentialWrong
            | Self::TokenInvalid(_)
            | Self::TokenRevoked
            | Self::ArmTokenRefused
            | Self::ForeignAudience => plain(StatusCode::UNAUTHORIZED, Code::Unauthorized),
            Self::Throttled(_) => plain(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests),
            Self::Body(BodyError::TooLarge { .. }) => plain(StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid),
            Self::Body(BodyError::Busy) | Self::TooManyBlobs(_) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable)
            }
            Self::Body(BodyError::Receive(error)) => receive_error(error),
            Self::Json(_) | Self::TokenRequest { .. } => plain(StatusCode::BAD_REQUEST, Code::Unsupported),
            Self::Range(_) => plain(StatusCode::RANGE_NOT_SATISFIABLE, Code::RangeInvalid),
            // The caller asked for more scopes than a token can carry.
            Self::Issue(_) => plain(StatusCode::BAD_REQUEST, Code::Unsupported),
            Self::Domain(error) => domain_error(error),
            Self::Storage(error) => storage_error(error),
        }
    }

    /// When to ask again, where something is taken that will be free again.
    fn retry_after_secs(&self) -> Option<u64> {
        match self {
            Self::Throttled(wait) => u64::try_from(wait.retry_after_secs).ok(),
            Self::Domain(Domain::Storage(error)) | Self::Storage(error) if is_passing(error) => Some(1),
            Self::Body(BodyError::Busy) | Self::TooManyBlobs(_) => Some(1),
            Self::Domain(Domain::TooManyUploads { retry_after_secs, .. }) => Some(*retry_after_secs),
            _ => None,
        }
    }

    fn challenge(&self) -> Option<Challenge> {
        let (scope, error) = match self {
            // To nobody the route tells all that it will demand: a mount takes two scopes.
            Self::Refused(refusal) => (refusal.error().map(|_| refusal.scope().to_string()), refusal.error()),
            Self::MountRefused { scope } => (Some(scope.clone()), Some(holdfast_access::INSUFFICIENT_SCOPE)),
            Self::SignInRequired | Self::CredentialMalformed(_) | Self::CredentialWrong => (None, None),
            Self::TokenInvalid(_) | Self::TokenRevoked | Self::ArmTokenRefused | Self::ForeignAudience => {
                (None, Some("invalid_token"))
            }
            _ => return None,
        };
        Some(Challenge { scope, error })
    }
}

/// The body of an error; its fields stand in ACR's order.
#[derive(Serialize)]
struct ErrorBody {
    /// One, but for a manifest that names several things that are not there: then one for each.
    errors: Vec<ErrorEntry>,
}

#[derive(Serialize)]
struct ErrorEntry {
    code: ErrorCode,
    message: String,
    detail: Value,
}

/// The response for an error. `demanded` is the scope of the route, which the challenge names also
/// when the credential itself is bad (ACR).
pub(crate) fn render(error: &Error, demanded: Option<&Demanded>, address: &Address) -> Response<Body> {
    let ErrorResponse {
        status,
        code,
        mut detail,
    } = error.response();
    let challenge = error.challenge().map(|challenge| Challenge {
        scope: challenge.scope.or_else(|| demanded.and_then(Demanded::scope)),
        ..challenge
    });
    if let Some(scope) = challenge.as_ref().and_then(|challenge| challenge.scope.as_deref()) {
        detail = scope_detail(scope);
    }
    if error.retry_after_secs().is_some() {
        // A crowd is told what it does itself; the access log and the metrics count it.
        tracing::debug!(error = %chain(error), "a request was refused for now");
    } else if status.is_server_error() {
        tracing::error!(error = %chain(error), "a request failed");
    }
    if matches!(error, Error::TokenInvalid(_)) {
        tracing::debug!(error = %chain(error), "a token was refused");
    }
    // A 5xx says nothing of our insides; the log has the rest under the request's id.
    let message = match status {
        StatusCode::UNAUTHORIZED if matches!(error, Error::Refused(_) | Error::SignInRequired) => {
            "authentication required, visit https://aka.ms/acr/authorization for more information.".to_owned()
        }
        // Whoever tries out tokens learns nothing from how they fail; the log does.
        StatusCode::UNAUTHORIZED if matches!(error, Error::TokenInvalid(_)) => error.to_string(),
        StatusCode::INTERNAL_SERVER_ERROR => "the server failed; its log has the reason".to_owned(),
        StatusCode::INSUFFICIENT_STORAGE | StatusCode::SERVICE_UNAVAILABLE => error.to_string(),
        _ => chain(error),
    };
    let body = ErrorBody {
        errors: entries(error, ErrorEntry { code, message, detail }),
    };
    let mut response = respond::json(status, &body);
    let headers = response.headers_mut();
    if let Some(challenge) = challenge {
        headers.insert(header::WWW_AUTHENTICATE, challenge.header(address));
    }
    set_headers(headers, error);
    response
}

/// What headers say of an error: when to come again, what else may be asked, and from where to go on.
fn set_headers(headers: &mut HeaderMap, error: &Error) {
    if let Some(seconds) = error.retry_after_secs() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    match error {
        Error::Route(route::Error::Method { allow, .. }) => {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        Error::Domain(Domain::ChunkOutOfOrder {
            repository, id, offset, ..
        }) => {
            // Where the session really stands, so that the client can go on from there.
            upload::set_progress(
                headers,
                repository,
                Progress {
                    id: *id,
                    offset: *offset,
                },
            );
        }
        Error::Range(unsatisfiable) => {
            let range = format!("bytes */{}", unsatisfiable.size_bytes);
            respond::set(headers, header::CONTENT_RANGE, &range);
        }
        _ => {}
    }
}

/// What a manifest names that is not there has an entry for each digest, as distribution's answers have; any other error
/// has the one.
fn entries(error: &Error, entry: ErrorEntry) -> Vec<ErrorEntry> {
    let Error::Domain(Domain::ManifestBlobsMissing { repository, digests }) = error else {
        return vec![entry];
    };
    let missing = |digest: &Digest| ErrorEntry {
        code: entry.code,
        message: format!("the manifest names {digest}, which {repository} does not have; push it first"),
        detail: json!({ "digest": digest.to_string() }),
    };
    digests.iter().map(missing).collect()
}

fn route_error(error: &route::Error) -> ErrorResponse {
    use ErrorCode as Code;
    use route::Error as Route;
    let (status, code) = match error {
        Route::NotFound | Route::Unserved { .. } => (StatusCode::NOT_FOUND, Code::Unsupported),
        Route::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported),
        Route::TooLong { .. } => (StatusCode::URI_TOO_LONG, Code::NameInvalid),
        Route::Encoding { .. } | Route::Name(_) => (StatusCode::BAD_REQUEST, Code::NameInvalid),
        Route::Digest(_) | Route::DigestMissing => (StatusCode::BAD_REQUEST, Code::DigestInvalid),
        Route::Tag(_) => (StatusCode::BAD_REQUEST, Code::TagInvalid),
        Route::Reference(error) => return reference_error(error),
        Route::UploadId { .. } => (StatusCode::NOT_FOUND, Code::BlobUploadUnknown),
        Route::Page(error) => return page_error(error),
    };
    ErrorResponse {
        status,
        code,
        detail: Value::Null,
    }
}

fn reference_error(error: &holdfast_oci::reference::Error) -> ErrorResponse {
    use holdfast_oci::reference::Error as Reference;
    let code = match error {
        Reference::Digest(_) => ErrorCode::DigestInvalid,
        Reference::Tag(_) => ErrorCode::TagInvalid,
    };
    ErrorResponse {
        status: StatusCode::BAD_REQUEST,
        code,
        detail: Value::Null,
    }
}

fn page_error(_: &page::Error) -> ErrorResponse {
    ErrorResponse {
        status: StatusCode::BAD_REQUEST,
        code: ErrorCode::PaginationNumberInvalid,
        detail: Value::Null,
    }
}

fn receive_error(error: &ReceiveError) -> ErrorResponse {
    let (status, code) = match error {
        ReceiveError::Stalled { .. } => (StatusCode::REQUEST_TIMEOUT, ErrorCode::BlobUploadInvalid),
        ReceiveError::Disconnected { .. } => (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid),
    };
    ErrorResponse {
        status,
        code,
        detail: Value::Null,
    }
}

/// Whether the same may be done a moment later.
fn is_passing(error: &StorageError) -> bool {
    match error {
        StorageError::Overloaded { .. }
        | StorageError::Blobs {
            source: StoreError::Unavailable { .. },
        } => true,
        StorageError::Full { .. }
        | StorageError::Metadata(_)
        | StorageError::AccountClosed { .. }
        | StorageError::Blobs { .. } => false,
    }
}

fn storage_error(error: &StorageError) -> ErrorResponse {
    let (status, code) = match error {
        StorageError::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Unavailable),
        StorageError::Overloaded { .. }
        | StorageError::Blobs {
            source: StoreError::Unavailable { .. },
        } => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
        StorageError::Metadata(_) | StorageError::AccountClosed { .. } | StorageError::Blobs { .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown)
        }
    };
    ErrorResponse {
        status,
        code,
        detail: Value::Null,
    }
}

fn domain_error(error: &Domain) -> ErrorResponse {
    use ErrorCode as Code;
    let absent = |code, detail| (StatusCode::NOT_FOUND, code, detail);
    let (status, code, detail) = match error {
        Domain::RegistryUnknown { .. } => absent(Code::NameUnknown, Value::Null),
        Domain::RepositoryUnknown { name } => absent(Code::NameUnknown, json!({ "name": name.as_str() })),
        Domain::ManifestUnknown { repository, digest } => absent(
            Code::ManifestUnknown,
            json!({ "Name": repository.as_str(), "Revision": digest.to_string() }),
        ),
        Domain::ManifestTagUnknown { tag } => absent(Code::ManifestUnknown, json!({ "Tag": tag.as_str() })),
        Domain::TagUnknown { .. } => absent(Code::TagUnknown, Value::Null),
        Domain::BlobUnknown { digest, .. } => absent(Code::BlobUnknown, json!({ "digest": digest.to_string() })),
        Domain::BlobInUse { .. } => (StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, Value::Null),
        Domain::UploadUnknown { .. } => absent(Code::BlobUploadUnknown, Value::Null),
        Domain::UploadBusy { .. } => (StatusCode::CONFLICT, Code::BlobUploadInvalid, Value::Null),
        Domain::ChunkOutOfOrder { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, Code::BlobUploadInvalid, Value::Null),
        Domain::ChunkLength { .. } => (StatusCode::BAD_REQUEST, Code::SizeInvalid, Value::Null),
        Domain::TooManyUploads { .. } => (StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, Value::Null),
        Domain::BlobTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid, Value::Null),
        Domain::DigestMismatch { .. } => (StatusCode::BAD_REQUEST, Code::DigestInvalid, Value::Null),
        Domain::ManifestInvalid(holdfast_oci::manifest::Error::TooLarge { .. }) => {
            (StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid, Value::Null)
        }
        Domain::ManifestInvalid(_) => (StatusCode::BAD_REQUEST, Code::ManifestInvalid, Value::Null),
        Domain::SizeMismatch { .. } => (StatusCode::BAD_REQUEST, Code::SizeInvalid, Value::Null),
        // What its entries say, `entries` knows.
        Domain::ManifestBlobsMissing { .. } => (StatusCode::NOT_FOUND, Code::ManifestBlobUnknown, Value::Null),
        Domain::TooManyTags { .. } => (StatusCode::URI_TOO_LONG, Code::TagInvalid, Value::Null),
        Domain::Locked { .. } => (
            StatusCode::METHOD_NOT_ALLOWED,
            Code::RegistryDisallowedOperation,
            json!({}),
        ),
        Domain::PreconditionFailed { .. } => (StatusCode::PRECONDITION_FAILED, Code::Denied, Value::Null),
        Domain::Receive(error) => return receive_error(error),
        Domain::Stopping => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, Value::Null),
        Domain::Storage(error) => return storage_error(error),
        Domain::HashUnreadable { .. } => (StatusCode::INTERNAL_SERVER_ERROR, Code::Unknown, Value::Null),
    };
    ErrorResponse { status, code, detail }
}

/// ACR's detail of a 401: one entry per action demanded. Scopes stand between spaces.
fn scope_detail(scopes: &str) -> Value {
    let entries = scopes.split(' ').flat_map(|scope| {
        let (kind, rest) = scope.split_once(':').unwrap_or((scope, ""));
        let (name, actions) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let entry = move |action| json!({ "Type": kind, "Name": name, "Action": action });
        actions.split(',').map(entry)
    });
    entries.collect()
}
