//! What a path means. The raw request target is parsed once into a [`Route`]; policy and handler see
//! the same value, and nothing behind this module looks at a path again.
//!
//! Our own parser, because repository names have slashes and clients spell them both ways: docker
//! and `az` send `team/app`, the Azure SDKs `team%2Fapp` and `sha256%3A…`. Those two encodings are
//! decoded, exactly once; any other percent-encoding is refused, so a name has one more spelling at
//! most and `%2e%2e` or `%252F` mean nothing here.

mod acr;
mod error;

use holdfast_model::UploadId;
use holdfast_oci::{Algorithm, Digest, Reference, RepositoryName, Tag};
use http::Method;
use uuid::Uuid;

use crate::page::{self, PageQuery};
pub use error::Error;

/// The longest request target that is looked at, in bytes: a name of 255 characters, a digest and
/// a hundred tags fit well.
pub const MAX_TARGET_BYTES: usize = 16 << 10;

/// An endpoint of the data plane with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Of content: it demands a right.
    Content(ContentRoute),
    /// Of tokens: it looks at credentials itself.
    Token(TokenRoute),
}

/// `/oauth2/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRoute {
    /// `GET /oauth2/token`
    Get(TokenQuery),
    /// `POST /oauth2/token`
    Post,
    /// `POST /oauth2/exchange`
    Exchange,
}

/// `/v2/` and `/acr/v1/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentRoute {
    /// `GET /v2/`
    Base,
    /// `GET /v2/_catalog` and `GET /acr/v1/_catalog`
    CatalogList(PageQuery),
    /// `GET /v2/R/tags/list`
    TagsList(RepositoryName, PageQuery),
    /// `GET /v2/R/referrers/DIGEST`
    ReferrersList(RepositoryName, Digest, ReferrersQuery),
    /// `GET` or `HEAD /v2/R/manifests/REFERENCE`
    ManifestGet(RepositoryName, Reference),
    /// `PUT /v2/R/manifests/REFERENCE`, for a digest also `?tag=` as often as wanted
    ManifestPut(RepositoryName, Reference, Vec<Tag>),
    /// `DELETE /v2/R/manifests/REFERENCE`
    ManifestDelete(RepositoryName, Reference),
    /// `GET` or `HEAD /v2/R/blobs/DIGEST`
    BlobGet(RepositoryName, Digest),
    /// `DELETE /v2/R/blobs/DIGEST`
    BlobDelete(RepositoryName, Digest),
    /// `POST /v2/R/blobs/uploads/`
    UploadStart(RepositoryName, UploadStart),
    /// `PATCH /v2/R/blobs/uploads/ID`
    UploadAppend(RepositoryName, UploadId),
    /// `PUT /v2/R/blobs/uploads/ID?digest=`
    UploadFinish(RepositoryName, UploadId, Digest),
    /// `GET /v2/R/blobs/uploads/ID`
    UploadStatus(RepositoryName, UploadId),
    /// `DELETE /v2/R/blobs/uploads/ID`
    UploadCancel(RepositoryName, UploadId),
    /// `GET /acr/v1/R`
    RepositoryGet(RepositoryName),
    /// `PATCH /acr/v1/R`
    RepositoryPatch(RepositoryName),
    /// `DELETE /acr/v1/R`
    RepositoryDelete(RepositoryName),
    /// `GET /acr/v1/R/_tags`
    AcrTagsList(RepositoryName, PageQuery, Option<Digest>),
    /// `GET /acr/v1/R/_tags/TAG`
    AcrTagGet(RepositoryName, Tag),
    /// `PATCH /acr/v1/R/_tags/TAG`
    AcrTagPatch(RepositoryName, Tag),
    /// `DELETE /acr/v1/R/_tags/TAG`
    AcrTagDelete(RepositoryName, Tag),
    /// `GET /acr/v1/R/_manifests`
    AcrManifestsList(RepositoryName, PageQuery),
    /// `GET /acr/v1/R/_manifests/DIGEST`
    AcrManifestGet(RepositoryName, Digest),
    /// `PATCH /acr/v1/R/_manifests/DIGEST`
    AcrManifestPatch(RepositoryName, Digest),
}

/// Query of a referrers listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferrersQuery {
    /// `artifactType`: only those.
    pub artifact_type: Option<String>,
    /// `last`: after this digest.
    pub after: Option<Digest>,
    /// `n`, clamped.
    pub limit: usize,
}

/// Query of the request that starts an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadStart {
    /// A session, with the algorithm it will end with when known (`digest-algorithm`).
    Session(Option<Algorithm>),
    /// The whole blob in this request (`digest`).
    Whole(Digest),
    /// A blob of another repository (`mount`, `from`); a session when that fails.
    Mount {
        /// What to mount.
        digest: Digest,
        /// Where from; anywhere when absent.
        from: Option<RepositoryName>,
    },
}

/// Query of `GET /oauth2/token`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenQuery {
    /// `service`: the registry the token is for.
    pub service: Option<String>,
    /// Every `scope`, joined by spaces.
    pub scope: String,
}

impl Route {
    /// Parses a request target, path and query as they stood in the request line.
    ///
    /// # Errors
    /// [`Error`]; nothing was looked up.
    pub fn parse(method: &Method, target: &str) -> Result<Self, Error> {
        if target.len() > MAX_TARGET_BYTES {
            return Err(Error::TooLong { length: target.len() });
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = decode(path)?;
        let request = Request { method, query };
        if let Some(rest) = path.strip_prefix("/v2") {
            return match rest.strip_prefix('/') {
                Some(rest) => request.distribution(rest).map(Self::Content),
                None if rest.is_empty() => request.distribution("").map(Self::Content),
                None => Err(Error::NotFound),
            };
        }
        if let Some(rest) = path.strip_prefix("/acr/v1/") {
            return request.acr(rest).map(Self::Content);
        }
        match path.as_str() {
            "/oauth2/token" => request.token().map(Self::Token),
            "/oauth2/exchange" => request.exchange().map(Self::Token),
            _ => Err(Error::NotFound),
        }
    }

    /// Whether a path belongs to the data plane at all.
    #[must_use]
    pub fn is_data_plane(path: &str) -> bool {
        path == "/v2"
            || ["/v2/", "/acr/v1/", "/oauth2/"]
                .iter()
                .any(|prefix| path.starts_with(prefix))
    }

    /// The repository it is about.
    #[must_use]
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Content(route) => route.repository(),
            Self::Token(_) => None,
        }
    }

    /// A fixed name for logs and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Content(route) => route.label(),
            Self::Token(_) => "token",
        }
    }
}

impl ContentRoute {
    /// The repository it is about.
    #[must_use]
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Base | Self::CatalogList(_) => None,
            Self::TagsList(name, _)
            | Self::ReferrersList(name, ..)
            | Self::ManifestGet(name, _)
            | Self::ManifestPut(name, ..)
            | Self::ManifestDelete(name, _)
            | Self::BlobGet(name, _)
            | Self::BlobDelete(name, _)
            | Self::UploadStart(name, _)
            | Self::UploadAppend(name, _)
            | Self::UploadFinish(name, ..)
            | Self::UploadStatus(name, _)
            | Self::UploadCancel(name, _)
            | Self::RepositoryGet(name)
            | Self::RepositoryPatch(name)
            | Self::RepositoryDelete(name)
            | Self::AcrTagsList(name, ..)
            | Self::AcrTagGet(name, _)
            | Self::AcrTagPatch(name, _)
            | Self::AcrTagDelete(name, _)
            | Self::AcrManifestsList(name, _)
            | Self::AcrManifestGet(name, _)
            | Self::AcrManifestPatch(name, _) => Some(name),
        }
    }

    /// A fixed name for logs and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::CatalogList(_) => "catalog.list",
            Self::TagsList(..) => "tag.list",
            Self::ReferrersList(..) => "referrer.list",
            Self::ManifestGet(..) => "manifest.get",
            Self::ManifestPut(..) => "manifest.put",
            Self::ManifestDelete(..) => "manifest.delete",
            Self::BlobGet(..) => "blob.get",
            Self::BlobDelete(..) => "blob.delete",
            Self::UploadStart(..) => "upload.start",
            Self::UploadAppend(..) => "upload.append",
            Self::UploadFinish(..) => "upload.finish",
            Self::UploadStatus(..) => "upload.status",
            Self::UploadCancel(..) => "upload.cancel",
            Self::RepositoryGet(_) => "acr.repository.get",
            Self::RepositoryPatch(_) => "acr.repository.patch",
            Self::RepositoryDelete(_) => "acr.repository.delete",
            Self::AcrTagsList(..) => "acr.tag.list",
            Self::AcrTagGet(..) => "acr.tag.get",
            Self::AcrTagPatch(..) => "acr.tag.patch",
            Self::AcrTagDelete(..) => "acr.tag.delete",
            Self::AcrManifestsList(..) => "acr.manifest.list",
            Self::AcrManifestGet(..) => "acr.manifest.get",
            Self::AcrManifestPatch(..) => "acr.manifest.patch",
        }
    }
}

struct Request<'a> {
    method: &'a Method,
    query: &'a str,
}

impl Request<'_> {
    fn distribution(&self, rest: &str) -> Result<ContentRoute, Error> {
        if rest.is_empty() {
            return self.read_only(ContentRoute::Base);
        }
        if rest == "_catalog" {
            return self.read_only(ContentRoute::CatalogList(PageQuery::parse(
                self.query,
                page::V2_DEFAULT,
            )?));
        }
        // From the right, since a name may have components called `tags` or `manifests`.
        let segments: Vec<&str> = rest.split('/').collect();
        match segments.as_slice() {
            [name @ .., "tags", "list"] if !name.is_empty() => {
                let name = self.name(name)?;
                self.read_only(ContentRoute::TagsList(
                    name,
                    PageQuery::parse(self.query, page::V2_DEFAULT)?,
                ))
            }
            [name @ .., "referrers", digest] if !name.is_empty() => self.referrers(name, digest),
            [name @ .., "manifests", reference] if !name.is_empty() => self.manifest(name, reference),
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] if !name.is_empty() => {
                self.upload_start(name)
            }
            [name @ .., "blobs", "uploads", id] if !name.is_empty() => self.upload(name, id),
            [name @ .., "blobs", digest] if !name.is_empty() => self.blob(name, digest),
            _ => Err(Error::NotFound),
        }
    }

    fn exchange(&self) -> Result<TokenRoute, Error> {
        match *self.method {
            Method::POST => Ok(TokenRoute::Exchange),
            _ => self.method_not_allowed("POST"),
        }
    }

    fn token(&self) -> Result<TokenRoute, Error> {
        match *self.method {
            Method::GET => {
                let mut query = TokenQuery::default();
                for (key, value) in form_urlencoded::parse(self.query.as_bytes()) {
                    match &*key {
                        "service" => query.service = Some(value.into_owned()),
                        "scope" => {
                            query.scope.push_str(&value);
                            query.scope.push(' ');
                        }
                        _ => {}
                    }
                }
                Ok(TokenRoute::Get(query))
            }
            Method::POST => Ok(TokenRoute::Post),
            _ => self.method_not_allowed("GET, POST"),
        }
    }

    fn referrers(&self, name: &[&str], digest: &str) -> Result<ContentRoute, Error> {
        let (name, digest) = (self.name(name)?, digest.parse()?);
        let query = ReferrersQuery {
            artifact_type: self.parameter("artifactType").filter(|kind| !kind.is_empty()),
            after: self.parameter("last").map(|last| last.parse()).transpose()?,
            limit: PageQuery::parse(self.query, page::V2_DEFAULT)?.limit.max(1),
        };
        self.read_only(ContentRoute::ReferrersList(name, digest, query))
    }

    fn manifest(&self, name: &[&str], reference: &str) -> Result<ContentRoute, Error> {
        let (name, reference): (_, Reference) = (self.name(name)?, reference.parse()?);
        match *self.method {
            Method::GET | Method::HEAD => Ok(ContentRoute::ManifestGet(name, reference)),
            Method::PUT => {
                // dist-spec main, end-7b: the parameter is one of a push by digest.
                let tags = match &reference {
                    Reference::Digest(_) => self.tags()?,
                    Reference::Tag(_) => Vec::new(),
                };
                Ok(ContentRoute::ManifestPut(name, reference, tags))
            }
            Method::DELETE => Ok(ContentRoute::ManifestDelete(name, reference)),
            _ => self.method_not_allowed("GET, HEAD, PUT, DELETE"),
        }
    }

    fn tags(&self) -> Result<Vec<Tag>, Error> {
        let mut tags: Vec<Tag> = Vec::new();
        for (key, value) in form_urlencoded::parse(self.query.as_bytes()) {
            if key == "tag" {
                let tag = value.parse()?;
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
        }
        Ok(tags)
    }

    fn blob(&self, name: &[&str], digest: &str) -> Result<ContentRoute, Error> {
        let (name, digest) = (self.name(name)?, digest.parse()?);
        match *self.method {
            Method::GET | Method::HEAD => Ok(ContentRoute::BlobGet(name, digest)),
            Method::DELETE => Ok(ContentRoute::BlobDelete(name, digest)),
            _ => self.method_not_allowed("GET, HEAD, DELETE"),
        }
    }

    fn upload_start(&self, name: &[&str]) -> Result<ContentRoute, Error> {
        let name = self.name(name)?;
        if *self.method != Method::POST {
            return self.method_not_allowed("POST");
        }
        let start = if let Some(digest) = self.parameter("mount") {
            let from = self.parameter("from").filter(|from| !from.is_empty());
            UploadStart::Mount {
                digest: digest.parse()?,
                from: from.map(|from| from.parse()).transpose()?,
            }
        } else if let Some(digest) = self.parameter("digest") {
            UploadStart::Whole(digest.parse()?)
        } else {
            let algorithm = self
                .parameter("digest-algorithm")
                .map(|name| name.parse())
                .transpose()?;
            UploadStart::Session(algorithm)
        };
        Ok(ContentRoute::UploadStart(name, start))
    }

    fn upload(&self, name: &[&str], id: &str) -> Result<ContentRoute, Error> {
        let name = self.name(name)?;
        let id = Uuid::try_parse(id).map(UploadId).map_err(|_| Error::UploadId {
            id: holdfast_oci::message::excerpt(id),
        })?;
        match *self.method {
            Method::GET | Method::HEAD => Ok(ContentRoute::UploadStatus(name, id)),
            Method::PATCH => Ok(ContentRoute::UploadAppend(name, id)),
            Method::PUT => {
                let digest = self.parameter("digest").ok_or(Error::DigestMissing)?;
                Ok(ContentRoute::UploadFinish(name, id, digest.parse()?))
            }
            Method::DELETE => Ok(ContentRoute::UploadCancel(name, id)),
            _ => self.method_not_allowed("GET, HEAD, PATCH, PUT, DELETE"),
        }
    }

    fn name(&self, components: &[&str]) -> Result<RepositoryName, Error> {
        Ok(components.join("/").parse()?)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    fn read_only(&self, route: ContentRoute) -> Result<ContentRoute, Error> {
        if matches!(*self.method, Method::GET | Method::HEAD) {
            Ok(route)
        } else {
            self.method_not_allowed("GET, HEAD")
        }
    }

    fn method_not_allowed<T>(&self, allow: &'static str) -> Result<T, Error> {
        Err(Error::Method {
            method: self.method.to_string(),
            allow,
        })
    }
}

/// Decodes `%2F` and `%3A`; refuses every other encoding, and every byte that no path here has.
fn decode(path: &str) -> Result<String, Error> {
    let refuse = |found: &str| Error::Encoding {
        found: holdfast_oci::message::excerpt(found),
    };
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        if first == '%' {
            let code = rest.get(1..3).ok_or_else(|| refuse(rest))?;
            decoded.push(match code {
                "2F" | "2f" => '/',
                "3A" | "3a" => ':',
                _ => return Err(refuse(&rest[..3])),
            });
            rest = &rest[3..];
        } else if first.is_ascii_graphic() && first != '\\' {
            decoded.push(first);
            rest = &rest[1..];
        } else {
            return Err(refuse(&rest[..first.len_utf8()]));
        }
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests;
