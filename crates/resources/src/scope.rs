//! A grant and the id of ARM that it was decided on.

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
