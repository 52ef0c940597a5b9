//! What a path below `/acr/v1/` means: repositories, their tags and manifests, with ACR's attributes.

use http::Method;

use super::{Error, Request, Route};
use crate::page::{self, PageQuery};

impl Request<'_> {
    pub(super) fn acr(&self, rest: &str) -> Result<Route, Error> {
        if rest == "_catalog" {
            return self.read_only(Route::CatalogList(PageQuery::parse(self.query, page::ACR_DEFAULT)?));
        }
        let segments: Vec<&str> = rest.split('/').collect();
        match segments.as_slice() {
            // No component of a name begins with an underscore.
            ["_deleted", ..] => Err(Error::Unserved { feature: "soft delete" }),
            [_, .., "_streaming"] | [_, .., "_streaming" | "_operations", _] => Err(Error::Unserved {
                feature: "artifact streaming",
            }),
            [name @ .., "_tags"] if !name.is_empty() => {
                let name = self.name(name)?;
                let digest = self.parameter("digest").map(|digest| digest.parse()).transpose()?;
                let page = PageQuery::parse(self.query, page::ACR_DEFAULT)?;
                self.read_only(Route::AcrTagsList(name, page, digest))
            }
            [name @ .., "_tags", tag] if !name.is_empty() => self.acr_tag(name, tag),
            [name @ .., "_manifests"] if !name.is_empty() => {
                let name = self.name(name)?;
                self.read_only(Route::AcrManifestsList(
                    name,
                    PageQuery::parse(self.query, page::ACR_DEFAULT)?,
                ))
            }
            [name @ .., "_manifests", digest] if !name.is_empty() => self.acr_manifest(name, digest),
            name => self.acr_repository(name),
        }
    }

    fn acr_repository(&self, name: &[&str]) -> Result<Route, Error> {
        let name = self.name(name)?;
        match *self.method {
            Method::GET | Method::HEAD => Ok(Route::RepositoryGet(name)),
            Method::PATCH => Ok(Route::RepositoryPatch(name)),
            Method::DELETE => Ok(Route::RepositoryDelete(name)),
            _ => self.method_not_allowed("GET, HEAD, PATCH, DELETE"),
        }
    }

    fn acr_tag(&self, name: &[&str], tag: &str) -> Result<Route, Error> {
        let (name, tag) = (self.name(name)?, tag.parse()?);
        match *self.method {
            Method::GET | Method::HEAD => Ok(Route::AcrTagGet(name, tag)),
            Method::PATCH => Ok(Route::AcrTagPatch(name, tag)),
            Method::DELETE => Ok(Route::AcrTagDelete(name, tag)),
            _ => self.method_not_allowed("GET, HEAD, PATCH, DELETE"),
        }
    }

    fn acr_manifest(&self, name: &[&str], digest: &str) -> Result<Route, Error> {
        let (name, digest) = (self.name(name)?, digest.parse()?);
        match *self.method {
            Method::GET | Method::HEAD => Ok(Route::AcrManifestGet(name, digest)),
            Method::PATCH => Ok(Route::AcrManifestPatch(name, digest)),
            _ => self.method_not_allowed("GET, HEAD, PATCH"),
        }
    }
}
