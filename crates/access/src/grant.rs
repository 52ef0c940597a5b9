//! Grants: proof that [`decide`](crate::decide) said yes, which operations demand as an argument. Nothing outside this
//! crate can make one, and inside it only `decide.rs` does.

use std::fmt;
use std::marker::PhantomData;

use holdfast_oci::RepositoryName;

use crate::{Actor, Origin, Permission, Permissions, RegistryId};

/// Proof that `actor` may do `A` in one repository.
///
/// ```
/// use holdfast_access::{Caller, Grant, RegistryId, action, decide};
///
/// fn erase(grant: &Grant<action::Delete>) -> String {
///     format!("{} erases {}", grant.actor(), grant.repository())
/// }
///
/// let grant = decide(&Caller::operator(), RegistryId(1), &"app".parse().unwrap()).unwrap();
/// assert_eq!(erase(&grant), "operator erases app");
/// ```
///
/// There is no other way to one, and one for another action does not do:
///
/// ```compile_fail,E0624
/// use holdfast_access::{Actor, Grant, Origin, RegistryId, action};
/// let _ = Grant::<action::Delete>::new(RegistryId(1), "app".parse().unwrap(), Origin::of(Actor::Operator));
/// ```
///
/// ```compile_fail,E0308
/// use holdfast_access::{Caller, Grant, RegistryId, action, decide};
/// fn erase(_: Grant<action::Delete>) {}
/// let grant = decide::<action::Pull>(&Caller::operator(), RegistryId(1), &"app".parse().unwrap());
/// erase(grant.unwrap());
/// ```
pub struct Grant<A> {
    registry: RegistryId,
    repository: RepositoryName,
    origin: Origin,
    action: PhantomData<fn() -> A>,
}

impl<A: RepositoryAction> Grant<A> {
    pub(crate) fn new(registry: RegistryId, repository: RepositoryName, origin: Origin) -> Self {
        Self {
            registry,
            repository,
            origin,
            action: PhantomData,
        }
    }

    /// The registry that holds the repository.
    #[must_use]
    pub fn registry(&self) -> RegistryId {
        self.registry
    }

    /// The repository, which need not exist.
    #[must_use]
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.origin.actor()
    }

    /// Who acts, and by which request.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Proof that `actor` may do `A` with a registry as a whole.
pub struct RegistryGrant<A> {
    registry: RegistryId,
    origin: Origin,
    action: PhantomData<fn() -> A>,
}

impl<A: RegistryAction> RegistryGrant<A> {
    pub(crate) fn new(registry: RegistryId, origin: Origin) -> Self {
        Self {
            registry,
            origin,
            action: PhantomData,
        }
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> RegistryId {
        self.registry
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        self.origin.actor()
    }

    /// Who acts, and by which request.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

// By hand, because a derive would demand the traits of the marker too.
impl<A> Clone for Grant<A> {
    fn clone(&self) -> Self {
        Self {
            registry: self.registry,
            repository: self.repository.clone(),
            origin: self.origin.clone(),
            action: PhantomData,
        }
    }
}

impl<A> Clone for RegistryGrant<A> {
    fn clone(&self) -> Self {
        Self {
            registry: self.registry,
            origin: self.origin.clone(),
            action: PhantomData,
        }
    }
}

impl<A: RepositoryAction> fmt::Debug for Grant<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Grant({} on {}/{} for {})",
            A::SUFFICIENT,
            self.registry,
            self.repository,
            self.actor()
        )
    }
}

impl<A: RegistryAction> fmt::Debug for RegistryGrant<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RegistryGrant({} on {} for {})",
            A::PERMISSION,
            self.registry,
            self.actor()
        )
    }
}

mod sealed {
    pub trait Sealed {}
}

/// An action on one repository. Sealed: the actions are those in [`action`].
pub trait RepositoryAction: sealed::Sealed + 'static {
    /// What the action needs: any one of these does.
    const SUFFICIENT: Permissions;
}

/// An action on a registry as a whole. Sealed: the actions are those in [`action`].
pub trait RegistryAction: sealed::Sealed + 'static {
    /// What the action needs.
    const PERMISSION: Permission;
}

/// The actions, as types that a grant is for.
pub mod action {
    use super::{Permission, Permissions, RegistryAction, RepositoryAction, sealed::Sealed};

    macro_rules! actions {
        ($($(#[$doc:meta])* $name:ident: $($permission:ident)|+),+ $(,)?) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl Sealed for $name {}
            impl RepositoryAction for $name {
                const SUFFICIENT: Permissions = Permissions::empty()$(.with(Permission::$permission))+;
            }
        )+};
    }

    actions! {
        /// Read content.
        Pull: Pull,
        /// Write content.
        Push: Push,
        /// Delete content.
        Delete: Delete,
        /// Read attributes.
        MetadataRead: MetadataRead,
        /// List tags by `/v2`: content for most clients, metadata for ACR (Harbor's adapter asks for that alone).
        TagsList: Pull | MetadataRead,
        /// Change attributes.
        MetadataWrite: MetadataWrite,
    }

    /// List the repositories.
    #[derive(Debug)]
    pub enum CatalogRead {}
    impl Sealed for CatalogRead {}
    impl RegistryAction for CatalogRead {
        const PERMISSION: Permission = Permission::CatalogRead;
    }
}
