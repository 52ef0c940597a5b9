//! Paths of scope maps.

use holdfast_arm::{Error, ResourceId, ScopeMapName};
use http::Method;

use super::{ArmRoute, RegistryPath, only};

/// A scope map of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeMapPath {
    /// The registry.
    pub registry: RegistryPath,
    /// The scope map, as written.
    pub name: ScopeMapName,
}

impl ScopeMapPath {
    /// Its id.
    pub(crate) fn id(&self) -> ResourceId {
        let child = self.registry.id().child("scopeMaps", self.name.as_str());
        child.expect("a registry's id and a name of the grammar make an id")
    }
}

/// What lies below `…/scopeMaps`; `None` when nothing does.
pub(super) fn read(method: &Method, registry: RegistryPath, segments: &[&str]) -> Option<Result<ArmRoute, Error>> {
    let name = match segments {
        [] => return Some(only(method, &Method::GET, ArmRoute::ScopeMapsList(registry))),
        [name] => match name.parse() {
            Ok(name) => name,
            Err(error) => return Some(Err(Error::from(error))),
        },
        _ => return None,
    };
    let path = ScopeMapPath { registry, name };
    Some(match *method {
        Method::PUT => Ok(ArmRoute::ScopeMapPut(path)),
        Method::GET => Ok(ArmRoute::ScopeMapGet(path)),
        Method::PATCH => Ok(ArmRoute::ScopeMapPatch(path)),
        Method::DELETE => Ok(ArmRoute::ScopeMapDelete(path)),
        _ => Err(Error::method_not_supported(method.as_str())),
    })
}
