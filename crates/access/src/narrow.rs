//! Narrowing: from what is asked for to what a token may carry. It can only take away.

use holdfast_oci::RepositoryName;

use crate::{Permission, Permissions, Resource, Rights, Scope};

/// What of `wanted` these rights allow.
///
/// Scopes on one resource are joined; a scope with nothing left is dropped; `*` becomes the actions that it stands for
/// here, except on the catalog, whose one action is spelled so. A scope on every repository is granted what a rule on
/// every repository allows, nothing that rules on some of them do. Never an error: the call that needed what was dropped
/// is refused later, and its challenge says what was missing (ACR does the same).
#[must_use]
pub fn narrow(rights: &Rights, wanted: &[Scope]) -> Vec<Scope> {
    let mut granted: Vec<(&Resource, Permissions)> = Vec::new();
    for scope in wanted {
        let allowed = scope.permissions().intersect(allowed_on(rights, scope));
        if allowed.is_empty() {
            continue;
        }
        match granted.iter_mut().find(|(resource, _)| *resource == scope.resource()) {
            Some((_, sum)) => *sum = sum.union(allowed),
            None => granted.push((scope.resource(), allowed)),
        }
    }
    granted
        .into_iter()
        .filter_map(|(resource, permissions)| spell(resource, permissions))
        .collect()
}

fn allowed_on(rights: &Rights, scope: &Scope) -> Permissions {
    match scope.resource() {
        Resource::RegistryCatalog if rights.may_list_catalog() => Permissions::empty().with(Permission::CatalogRead),
        Resource::RegistryCatalog | Resource::Other { .. } => Permissions::empty(),
        Resource::Repository(_) if scope.is_about_every_repository() => rights.permissions_on_all(),
        Resource::Repository(name) => match name.parse::<RepositoryName>() {
            Ok(name) => rights.permissions_on(&name),
            Err(_) => Permissions::empty(),
        },
    }
}

fn spell(resource: &Resource, permissions: Permissions) -> Option<Scope> {
    match resource {
        Resource::RegistryCatalog => Some(Scope::catalog()),
        Resource::Repository(name) => match name.parse::<RepositoryName>() {
            Ok(name) => Some(Scope::repository(&name, permissions)),
            Err(_) => Some(Scope::every_repository(permissions)),
        },
        Resource::Other { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{RepositoryPattern, RepositoryPrefix};

    fn reader_of_team() -> Rights {
        let prefix = RepositoryPattern::Prefix(RepositoryPrefix::parse("team/").unwrap());
        Rights::new(
            vec![(
                prefix,
                Permissions::empty()
                    .with(Permission::Pull)
                    .with(Permission::MetadataRead),
            )],
            false,
        )
    }

    fn narrowed(rights: &Rights, wanted: &str) -> String {
        let scopes = narrow(rights, &Scope::parse_list(wanted).unwrap());
        scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_what_the_rights_allow_is_left() {
        let everything = "repository:a:pull,push,delete,metadata_read,metadata_write";
        for (rights, wanted, left) in [
            (Rights::everything(), "repository:a:*", everything),
            (
                Rights::everything(),
                "repository:a:push,zap,pull",
                "repository:a:pull,push",
            ),
            (
                Rights::everything(),
                "repository:*:pull registry:catalog:*",
                "repository:*:pull registry:catalog:*",
            ),
            (Rights::everything(), "registry:None:* registry:deleted_catalog:*", ""),
            (Rights::everything(), "repository:NOT/valid:pull", ""),
            (Rights::everything(), "repository(plugin):a:pull", ""),
            (
                Rights::everything(),
                "repository:a:pull repository:b:pull repository:a:push",
                "repository:a:pull,push repository:b:pull",
            ),
            (
                Rights::read_only(),
                "repository:a:pull,push,delete",
                "repository:a:pull",
            ),
            (Rights::read_only(), "registry:catalog:*", "registry:catalog:*"),
            (Rights::read_only(), "registry:catalog:pull", ""),
            (
                reader_of_team(),
                "repository:team/app:*",
                "repository:team/app:pull,metadata_read",
            ),
            (
                reader_of_team(),
                "repository:team:pull repository:*:pull registry:catalog:*",
                "",
            ),
            (Rights::none(), "repository:a:pull registry:catalog:*", ""),
        ] {
            assert_eq!(narrowed(&rights, wanted), left, "{wanted}");
        }
    }

    fn some_permissions() -> impl Strategy<Value = Permissions> {
        proptest::collection::vec(proptest::sample::select(&Permission::ALL[..]), 0..6)
            .prop_map(|p| p.into_iter().collect())
    }

    fn some_rights() -> impl Strategy<Value = Rights> {
        let pattern = prop_oneof![
            Just(RepositoryPattern::All),
            "[ab](/[ab]){0,2}".prop_map(|name| RepositoryPattern::Exact(name.parse().unwrap())),
            "[ab]/([ab]/)?".prop_map(|text| RepositoryPattern::Prefix(RepositoryPrefix::parse(&text).unwrap())),
        ];
        (
            proptest::collection::vec((pattern, some_permissions()), 0..4),
            any::<bool>(),
        )
            .prop_map(|(rules, catalog)| Rights::new(rules, catalog))
    }

    fn some_scopes() -> impl Strategy<Value = Vec<Scope>> {
        let scope = "(repository:([ab](/[ab]){0,2}|\\*|A)|registry:(catalog|None)):\
                     (\\*|pull|push|delete|zap)(,(pull|push|metadata_read|metadata_write|\\*)){0,3}";
        proptest::collection::vec(scope.prop_map(|text| Scope::parse(&text).unwrap()), 0..8)
    }

    proptest! {
        #[test]
        fn narrowing_never_widens(rights in some_rights(), wanted in some_scopes()) {
            for scope in narrow(&rights, &wanted) {
                let allowed = allowed_on(&rights, &scope);
                prop_assert!(!scope.permissions().is_empty());
                prop_assert!(allowed.covers(scope.permissions()), "{scope} is wider than {rights:?}");
                let asked = wanted.iter().filter(|w| w.resource() == scope.resource());
                let asked = asked.fold(Permissions::empty(), |sum, w| sum.union(w.permissions()));
                prop_assert!(asked.covers(scope.permissions()), "{scope} was not asked for");
                let spelled_by_name = scope.actions().iter().all(|a| a.as_str() != "*");
                prop_assert!(spelled_by_name || *scope.resource() == Resource::RegistryCatalog);
            }
        }

        #[test]
        fn nothing_allowed_and_asked_is_lost(rights in some_rights(), wanted in some_scopes()) {
            let granted = narrow(&rights, &wanted);
            for scope in &wanted {
                let due = scope.permissions().intersect(allowed_on(&rights, scope));
                let got = granted.iter().filter(|g| g.resource() == scope.resource());
                let got = got.fold(Permissions::empty(), |sum, g| sum.union(g.permissions()));
                prop_assert!(got.covers(due), "{scope} lost {due:?}");
            }
        }

        #[test]
        fn narrowing_twice_changes_nothing(rights in some_rights(), wanted in some_scopes()) {
            let once = narrow(&rights, &wanted);
            prop_assert_eq!(&narrow(&rights, &once), &once);
        }
    }
}
