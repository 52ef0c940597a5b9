//! Paths of roles: `{scope}/providers/Microsoft.Authorization/…`, where the scope is any id of ARM, nothing at all (the
//! root), or Holdfast's own `…/repositories/NAME` below a registry.

use holdfast_arm::{Error, ResourceId, SubscriptionId};
use http::Method;

use super::{ArmRoute, only};

/// Where a role is assigned, listed or defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopePath {
    /// The scope, as written; it need not exist.
    pub id: ResourceId,
    /// The subscription that it is in; none for the root.
    pub subscription: Option<SubscriptionId>,
}

/// The route, if the path is about roles. The last provider counts: a repository's name may look like one.
pub(super) fn parse(method: &Method, segments: &[&str], lower: &[&str]) -> Option<Result<ArmRoute, Error>> {
    let is_ours = |pair: &[&str]| pair == ["providers", "microsoft.authorization"];
    let at = lower.windows(2).rposition(is_ours)?;
    let rest = &segments[at + 2..];
    Some(match lower[at + 2..] {
        ["roleassignments"] => get(method, &segments[..at], ArmRoute::RoleAssignmentsList),
        ["roleassignments", _] => assignment(method, &segments[..at], rest[1]),
        ["roledefinitions"] => get(method, &segments[..at], ArmRoute::RoleDefinitionsList),
        ["roledefinitions", _] => get(method, &segments[..at], |scope| {
            ArmRoute::RoleDefinitionGet(scope, rest[1].to_owned())
        }),
        ["denyassignments"] => get(method, &segments[..at], ArmRoute::DenyAssignmentsList),
        _ => return None,
    })
}

fn assignment(method: &Method, scope: &[&str], name: &str) -> Result<ArmRoute, Error> {
    let (scope, name) = (ScopePath::read(scope)?, name.parse()?);
    match *method {
        Method::PUT => Ok(ArmRoute::RoleAssignmentPut(scope, name)),
        Method::GET => Ok(ArmRoute::RoleAssignmentGet(scope, name)),
        Method::DELETE => Ok(ArmRoute::RoleAssignmentDelete(scope, name)),
        _ => Err(Error::method_not_supported(method.as_str())),
    }
}

fn get(method: &Method, scope: &[&str], route: impl FnOnce(ScopePath) -> ArmRoute) -> Result<ArmRoute, Error> {
    only(method, &Method::GET, route(ScopePath::read(scope)?))
}

impl ScopePath {
    fn read(segments: &[&str]) -> Result<Self, Error> {
        let id = ResourceId::parse(&format!("/{}", segments.join("/")))?;
        let subscription = id.subscription().map(str::parse).transpose()?;
        Ok(Self { id, subscription })
    }
}
