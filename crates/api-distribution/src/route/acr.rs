//! What a path below `/acr/v1/` means: repositories, their tags and manifests, with ACR's attributes.

use http::Method;

use super::{ContentRoute, Error, Request};
use crate::page::{self, PageQuery};

impl Request<'_> {
    pub(super) fn acr(&self, rest: &str) -> Result<ContentRoute, Error> {
        if rest == "_catalog" {
            return self.read_only(ContentRoute::CatalogList(PageQuery::parse(
                self.query,
                page::ACR_DEFAULT,
            )?));
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
                self.read_only(ContentRoute::AcrTagsList(name, page, digest))
            }
            [name @ .., "_tags", tag] if !name.is_empty() => self.acr_tag(name, tag),
            [name @ .., "_manifests"] if !name.is_empty() => {
                let name = self.name(name)?;
                self.read_only(ContentRoute::AcrManifestsList(
                    name,
                    PageQuery::parse(self.query, page::ACR_DEFAULT)?,
                ))
            }
            [name @ .., "_manifests", digest] if !name.is_empty() => self.acr_manifest(name, digest),
            name => self.acr_repository(name),
        }
    }

    fn acr_repository(&self, name: &[&str]) -> Result<ContentRoute, Error> {
        let name = self.name(name)?;
        match *self.method {
            Method::GET | Method::HEAD => Ok(ContentRoute::RepositoryGet(name)),
            Method::PATCH => Ok(ContentRoute::RepositoryPatch(name)),
            Method::DELETE => Ok(ContentRoute::RepositoryDelete(name)),
            _ => self.method_not_allowed("GET, HEAD, PATCH, DELETE"),
        }
    }

    fn acr_tag(&self, name: &[&str], tag: &str) -> Result<ContentRoute, Error> {
        let (name, tag) = (self.name(name)?, tag.parse()?);
        match *self.method {
            Method::GET | Method::HEAD => Ok(ContentRoute::AcrTagGet(name, tag)),
            Method::PATCH => Ok(ContentRoute::AcrTagPatch(name, tag)),
            Method::DELETE => Ok(ContentRoute::AcrTagDelete(name, tag)),
            _ => self.method_not_allowed("GET, HEAD, PATCH, DELETE"),
        }
    }

    fn acr_manifest(&self, name: &[&str], digest: &str) -> Result<ContentRoute, Error> {
        let (name, digest) = (self.name(name)?, digest.parse()?);
        match *self.method {
            Method::GET | Method::HEAD => Ok(ContentRoute::AcrManifestGet(name, digest)),
            Method::PATCH => Ok(ContentRoute::AcrManifestPatch(name, digest)),
            _ => self.method_not_allowed("GET, HEAD, PATCH"),
        }
    }
}
