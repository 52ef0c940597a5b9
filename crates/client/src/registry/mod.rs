//! A typed client of a registry that speaks the distribution API: manifests and blobs of one repository, with the
//! credentials that somebody gave for it. It refuses to decide what may be reached ([`Outgoing`] does) and to write.

mod blob;
mod challenge;
mod token;

use std::sync::Arc;

use bytes::Bytes;
use holdfast_oci::manifest::MAX_MANIFEST_BYTES;
use holdfast_oci::{Algorithm, Digest, Reference, RepositoryName};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use secrecy::SecretString;
use tokio::sync::Mutex;

pub use blob::Blob;

use crate::allow::bare;
use crate::{Outgoing, Request, Response};
use challenge::Challenge;

/// What is accepted as a manifest.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.artifact.manifest.v1+json";
/// How much of an error's body is read, and quoted.
const MAX_ERROR_BYTES: u64 = 16 << 10;
const MAX_QUOTED_CHARS: usize = 500;

/// Somebody's credentials for a registry.
#[derive(Clone)]
pub struct Credentials {
    /// The user name; without one the password is a token (ACR's refresh token, or one of Entra ID).
    pub username: Option<String>,
    /// The password.
    pub password: SecretString,
}

/// A registry could not be asked, or said no.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "each names what its message says")]
pub enum Error {
    #[error("{text:?} is not the name of a registry; give a host such as docker.io or registry.example:5000")]
    Host { text: String },
    #[error("{0}")]
    Outgoing(#[from] crate::Error),
    #[error("{host} answered {status} {quoted}")]
    Answered {
        host: String,
        status: StatusCode,
        quoted: String,
    },
    #[error(
        "{host} sends its callers to {realm} for a token, which is neither that host nor one below it; no token is asked \
         for there"
    )]
    ForeignRealm { host: String, realm: String },
    #[error("{host} answered something that is no answer of a registry: {what}")]
    NotARegistry { host: String, what: &'static str },
    #[error("{host} gave other content than {digest}")]
    OtherContent { host: String, digest: Digest },
}

impl Error {
    /// Whether the same request may go well later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Outgoing(error) => error.is_transient(),
            Self::Answered { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Host { .. } | Self::ForeignRealm { .. } | Self::NotARegistry { .. } | Self::OtherContent { .. } => {
                false
            }
        }
    }
}

/// A manifest as it came, its digest proven.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its digest.
    pub digest: Digest,
    /// `Content-Type`, without parameters.
    pub media_type: Option<String>,
    /// The exact bytes.
    pub bytes: Bytes,
}

/// One repository of a registry elsewhere. Cheap to clone; clones share their token.
#[derive(Clone)]
pub struct Client {
    outgoing: Outgoing,
    base: Uri,
    host: String,
    repository: String,
    credentials: Option<Credentials>,
    token: Arc<Mutex<Option<HeaderValue>>>,
}

impl Client {
    /// A client of a repository of the registry at `host`, as people write it: `docker.io`, `registry.example:5000`.
    ///
    /// # Errors
    /// [`Error::Host`].
    pub fn new(
        outgoing: Outgoing,
        host: &str,
        repository: &RepositoryName,
        credentials: Option<Credentials>,
    ) -> Result<Self, Error> {
        let wrong = || Error::Host { text: host.to_owned() };
        // Docker Hub has a name for people and one for machines, and official images have no owner.
        let is_hub = matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io");
        let address = if is_hub { "registry-1.docker.io" } else { host };
        let authority: http::uri::Authority = address.parse().map_err(|_| wrong())?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong());
        }
        let name = bare(authority.host());
        let is_plain = outgoing
            .destinations()
            .may_speak_plainly(name, authority.port_u16().unwrap_or(80));
        let scheme = if is_plain { "http" } else { "https" };
        let base = format!("{scheme}://{authority}/").parse().map_err(|_| wrong())?;
        let needs_library = is_hub && !repository.as_str().contains('/');
        let repository = if needs_library {
            format!("library/{repository}")
        } else {
            repository.to_string()
        };
        Ok(Self {
            outgoing,
            base,
            host: host.to_owned(),
            repository,
            credentials,
            token: Arc::default(),
        })
    }

    /// Whether the registry is there and takes the credentials (dist-spec end-1).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ping(&self) -> Result<(), Error> {
        let response = self.get("v2/", HeaderMap::new()).await?;
        self.expect(response, &[StatusCode::OK]).await.map(drop)
    }

    /// The manifest of a tag or digest (dist-spec end-3). What a digest names is proven to have it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn manifest(&self, reference: &Reference) -> Result<Fetched, Error> {
        let path = format!("v2/{}/manifests/{reference}", self.repository);
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(MANIFEST_TYPES));
        let response = self.get(&path, headers).await?;
        let response = self.expect(response, &[StatusCode::OK]).await?;
        let media_type = response
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media_type = media_type
            .and_then(|text| text.split(';').next())
            .map(|text| text.trim().to_owned());
        let claimed = response
            .headers
            .get("docker-content-digest")
            .and_then(|value| value.to_str().ok());
        let claimed = claimed.and_then(|text| text.parse::<Digest>().ok());
        let bytes = response.bytes(MAX_MANIFEST_BYTES as u64).await?;
        let expected = match reference {
            Reference::Digest(digest) => Some(*digest),
            Reference::Tag(_) => claimed,
        };
        let algorithm = expected.map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let digest = Digest::of(algorithm, &bytes);
        match expected {
            Some(expected) if expected != digest => Err(Error::OtherContent {
                host: self.host.clone(),
                digest: expected,
            }),
            _ => Ok(Fetched {
                digest,
                media_type,
                bytes,
            }),
        }
    }

    /// A blob, of a size that is known or not, piece by piece (dist-spec end-2). Its reader proves the digest.
    #[must_use]
    pub fn blob(&self, digest: Digest, size: Option<u64>) -> Blob {
        Blob::new(self.clone(), digest, size)
    }

    /// A `GET` of a path, signed in as far as the registry asks for it.
    async fn get(&self, path: &str, headers: HeaderMap) -> Result<Response, Error> {
        let url = format!("{}{path}", self.base).parse().map_err(|_| Error::Host {
            text: self.host.clone(),
        })?;
        let mut request = Request::get(url);
        request.headers = headers;
        let held = self.token.lock().await.clone();
        let response = self.outgoing.send(signed(&request, held.clone())).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let Some(challenge) = Challenge::of(&response.headers) else {
            return Ok(response);
        };
        drop(response);
        let mut token = self.token.lock().await;
        // Somebody else may have signed in meanwhile.
        if *token == held {
            *token = self.sign_in(&challenge).await?;
        }
        let fresh = token.clone();
        drop(token);
        Ok(self.outgoing.send(signed(&request, fresh)).await?)
    }

    /// The response, if its status is one of these; its error otherwise, with what it says.
    async fn expect(&self, response: Response, statuses: &[StatusCode]) -> Result<Response, Error> {
        if statuses.contains(&response.status) {
            return Ok(response);
        }
        let status = response.status;
        let body = response.bytes(MAX_ERROR_BYTES).await.unwrap_or_default();
        let quoted = String::from_utf8_lossy(&body);
        let quoted = quoted
            .chars()
            .filter(|letter| !letter.is_control())
            .take(MAX_QUOTED_CHARS)
            .collect();
        Err(Error::Answered {
            host: self.host.clone(),
            status,
            quoted,
        })
    }
}

fn signed(request: &Request, authorization: Option<HeaderValue>) -> Request {
    let request = request.clone();
    match authorization {
        Some(authorization) => request.with_authorization(authorization),
        None => request,
    }
}
