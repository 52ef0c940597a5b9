//! The things a caller may be allowed to do, and small sets of them. Not roles or scope maps: those are lists of these.

use std::fmt;

/// One thing that a caller may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Read manifests, blobs, referrers and, as [`Self::MetadataRead`] does too, the tag list of `/v2` (ACR:
    /// `content/read`).
    Pull,
    /// Upload blobs, mount into, put manifests and tags (ACR: `content/write`).
    Push,
    /// Delete tags, manifests, blobs, whole repositories (ACR: `content/delete`).
    Delete,
    /// Read attributes and listings of `/acr/v1` (ACR: `metadata/read`).
    MetadataRead,
    /// Change attributes, that is: lock and unlock (ACR: `metadata/write`).
    MetadataWrite,
    /// List the registry's repositories (ACR: `registries/catalog/read`).
    CatalogRead,
}

impl Permission {
    /// Every permission, in the order in which scopes print them.
    pub const ALL: [Self; 6] = [
        Self::Pull,
        Self::Push,
        Self::Delete,
        Self::MetadataRead,
        Self::MetadataWrite,
        Self::CatalogRead,
    ];

    /// The word for this permission in a token scope; the catalog's is `*` on `registry:catalog`.
    #[must_use]
    pub const fn scope_action(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::MetadataRead => "metadata_read",
            Self::MetadataWrite => "metadata_write",
            Self::CatalogRead => "*",
        }
    }

    /// The repository permission that a scope's action names; `None` for `*` and for words this registry does not serve.
    #[must_use]
    pub fn from_scope_action(action: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|p| *p != Self::CatalogRead && p.scope_action() == action)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CatalogRead => "catalog_read",
            other => other.scope_action(),
        })
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u8);

impl Permissions {
    /// The set with nothing in it.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// The set with every permission in it, the catalog's too.
    #[must_use]
    pub const fn all() -> Self {
        Self(0b11_1111)
    }

    /// Everything that can be done in a repository: all but the catalog. What the scope action `*` stands for.
    #[must_use]
    pub const fn all_on_repository() -> Self {
        Self(Self::all().0 & !Permission::CatalogRead.bit())
    }

    /// This set and one permission more.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | permission.bit())
    }

    /// Whether the set holds this permission.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether the set holds all that `other` holds.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the two have a permission in common.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        !self.intersect(other).is_empty()
    }

    /// The members, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |p| self.contains(*p))
    }
}

/// The members between commas, as scopes and challenges have them.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, permission) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{permission}")?;
        }
        Ok(())
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(iter: I) -> Self {
        iter.into_iter().fold(Self::empty(), Self::with)
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_repository_action_reads_back() {
        for permission in Permissions::all_on_repository().iter() {
            assert_eq!(
                Permission::from_scope_action(permission.scope_action()),
                Some(permission)
            );
        }
        assert_eq!(Permission::from_scope_action("*"), None);
        assert_eq!(Permission::from_scope_action("PULL"), None);
    }

    #[test]
    fn sets_behave_like_sets() {
        let read: Permissions = [Permission::Pull, Permission::MetadataRead].into_iter().collect();
        let write = Permissions::empty().with(Permission::Push).with(Permission::Pull);
        assert!(Permissions::empty().is_empty());
        assert_eq!(Permissions::all().iter().count(), 6);
        assert_eq!(read.intersect(write).iter().collect::<Vec<_>>(), [Permission::Pull]);
        assert_eq!(read.union(write).iter().count(), 3);
        assert!(Permissions::all().covers(read) && !write.covers(read));
        assert!(!Permissions::all_on_repository().contains(Permission::CatalogRead));
        assert_eq!(format!("{read:?}"), "{Pull, MetadataRead}");
    }
}
