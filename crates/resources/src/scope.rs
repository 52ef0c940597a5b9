//! Names in the scopes of grants, as rows have them: without regard to case.

use holdfast_arm::{ResourceId, fold_case};

/// The name of what is at a scope.
pub(crate) fn name_at(scope: &ResourceId) -> String {
    fold_case(scope.name())
}

/// The scope directly around one: of a token, that of its registry.
pub(crate) fn around(scope: &ResourceId) -> ResourceId {
    scope.parent().unwrap_or_else(ResourceId::root)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "/subscriptions/s/resourceGroups/G/providers/Microsoft.ContainerRegistry/registries/R";

    fn id(text: &str) -> ResourceId {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_has_a_name_and_is_in_its_registry() {
        let token = id(&format!("{REGISTRY}/tokens/T"));
        assert_eq!(name_at(&token), "t");
        assert_eq!(around(&token), id(REGISTRY));
        assert_eq!(name_at(&id(REGISTRY)), "r");
        assert_eq!(around(&id(REGISTRY)), id("/subscriptions/s/resourceGroups/G"));
        assert_eq!(name_at(&id("/subscriptions/s/resourceGroups/G")), "g");
    }

    #[test]
    fn the_root_has_no_name_and_nothing_around_it() {
        assert_eq!(name_at(&ResourceId::root()), "");
        assert_eq!(around(&ResourceId::root()), ResourceId::root());
    }
}
