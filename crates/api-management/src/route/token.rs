//! Paths of tokens.

use holdfast_arm::{Error, ResourceId, TokenName};
use http::Method;

use super::{ArmRoute, RegistryPath, only};

/// A token of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPath {
    /// The registry.
    pub registry: RegistryPath,
    /// The token, as written.
    pub name: TokenName,
}

impl TokenPath {
    /// Its id.
    pub(crate) fn id(&self) -> ResourceId {
        let child = self.registry.id().child("tokens", self.name.as_str());
        child.expect("a registry's id and a name of the grammar make an id")
    }
}

/// What lies below `…/tokens`; `None` when nothing does.
pub(super) fn read(method: &Method, registry: RegistryPath, segments: &[&str]) -> Option<Result<ArmRoute, Error>> {
    let name = match segments {
        [] => return Some(only(method, &Method::GET, ArmRoute::TokensList(registry))),
        [name] => match name.parse() {
            Ok(name) => name,
            Err(error) => return Some(Err(Error::from(error))),
        },
        _ => return None,
    };
    let path = TokenPath { registry, name };
    Some(match *method {
        Method::PUT => Ok(ArmRoute::TokenPut(path)),
        Method::GET => Ok(ArmRoute::TokenGet(path)),
        Method::PATCH => Ok(ArmRoute::TokenPatch(path)),
        Method::DELETE => Ok(ArmRoute::TokenDelete(path)),
        _ => Err(Error::method_not_supported(method.as_str())),
    })
}
