//! Scopes of grants and of jobs, read as the ids of ARM that they are. A text that is no id names nothing.

use holdfast_access::{ControlAction, ControlCaller, ControlGrant, ControlRefusal, decide_control};
use holdfast_arm::ResourceId;

/// A grant, and the id that it was decided on as it was written: what is made there is shown in that spelling.
///
/// ```compile_fail,E0451
/// use holdfast_access::{ControlGrant, control};
/// use holdfast_arm::ResourceId;
/// use holdfast_resources::ScopedGrant;
/// fn elsewhere(grant: ControlGrant<control::ResourceGroupsWrite>) -> ScopedGrant<control::ResourceGroupsWrite> {
///     ScopedGrant { grant, id: ResourceId::root() }
/// }
/// ```
#[derive(Debug)]
pub struct ScopedGrant<A: ControlAction> {
    grant: ControlGrant<A>,
    id: ResourceId,
}

impl<A: ControlAction> ScopedGrant<A> {
    /// Decides whether the caller may do `A` at an id.
    ///
    /// # Errors
    /// See [`decide_control`].
    pub fn decide(caller: &ControlCaller, id: ResourceId) -> Result<Self, ControlRefusal> {
        let grant = decide_control(caller, id.key())?;
        Ok(Self { grant, id })
    }

    /// The grant.
    #[must_use]
    pub fn grant(&self) -> &ControlGrant<A> {
        &self.grant
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &ResourceId {
        &self.id
    }
}

/// The name of what is at a scope.
pub(crate) fn name_at(scope: &str) -> String {
    ResourceId::parse(scope).map_or_else(|_| String::new(), |id| id.name().to_owned())
}

/// The scope directly around one: of a token, that of its registry.
pub(crate) fn around(scope: &str) -> String {
    let parent = ResourceId::parse(scope).ok().and_then(|id| id.parent());
    parent.map_or_else(String::new, |parent| parent.key().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "/subscriptions/s/resourcegroups/g/providers/microsoft.containerregistry/registries/r";

    #[test]
    fn a_token_has_a_name_and_is_in_its_registry() {
        let token = format!("{REGISTRY}/tokens/t");
        assert_eq!(name_at(&token), "t");
        assert_eq!(around(&token), REGISTRY);
        assert_eq!(name_at(REGISTRY), "r");
        assert_eq!(around(REGISTRY), "/subscriptions/s/resourcegroups/g");
        assert_eq!(name_at("/subscriptions/s/resourcegroups/g"), "g");
    }

    #[test]
    fn what_is_no_id_names_nothing() {
        for text in ["", "r", "/registries/r", "/subscriptions", "/subscriptions/s/groups/g"] {
            assert_eq!(name_at(text), "", "{text:?}");
            assert_eq!(around(text), "", "{text:?}");
        }
    }
}
