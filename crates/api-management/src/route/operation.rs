//! Paths of long-running operations.

use holdfast_arm::SubscriptionId;

/// An operation whose outcome is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationPath {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The location, as written.
    pub location: String,
    /// The operation, as written.
    pub id: String,
}
