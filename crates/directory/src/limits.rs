//! Named limits of the directory. It refuses to hold limits of a wire format: those stand beside their parsers.

/// Secrets that an application may have at once, those that have expired too: each is compared at a sign-in.
pub(crate) const MAX_SECRETS_PER_APPLICATION: usize = 50;
/// Certificates that an application may have at once.
pub(crate) const MAX_CERTIFICATES_PER_APPLICATION: usize = 50;
/// Federated credentials that an application may have at once (Entra ID: 20).
pub(crate) const MAX_FEDERATED_PER_APPLICATION: usize = 20;
/// People in the directory.
pub(crate) const MAX_PEOPLE: u64 = 10_000;
/// Role assignments there can be in all (Azure: in a subscription); a list of them is one page.
pub(crate) const MAX_ROLE_ASSIGNMENTS: u64 = 4_000;
/// How full it may be for a scope below the root: the rest is the operator's.
pub(crate) const MAX_ROLE_ASSIGNMENTS_BELOW_ROOT: u64 = 3_900;
/// How full it may be for a scope in a resource group: the rest is the subscriptions' and the operator's.
pub(crate) const MAX_ROLE_ASSIGNMENTS_IN_GROUPS: u64 = 3_500;
/// Role assignments in one resource group: whoever gives out its roles leaves room to the others.
pub(crate) const MAX_ROLE_ASSIGNMENTS_PER_GROUP: u64 = 1_000;
/// Role assignments that one principal gave; the operator's are not counted.
pub(crate) const MAX_ROLE_ASSIGNMENTS_PER_AUTHOR: u64 = 2_000;
/// Devices that wait for a person or did a short while ago: nobody had to sign in to make one.
pub(crate) const MAX_DEVICES: u64 = 10_000;
/// How many of them there may be for a network that has one already: the rest is for those that have none.
pub(crate) const MAX_DEVICES_OF_SOME: u64 = 8_000;
/// Those from one address of IPv4, or one /56, which is what a customer of IPv6 has (RIPE-690).
pub(crate) const MAX_DEVICES_NEAR: u64 = 1_000;
/// Those from one /48.
pub(crate) const MAX_DEVICES_FAR: u64 = 3_000;
/// Applications in the directory; each has one service principal at most.
pub(crate) const MAX_APPLICATIONS: u64 = 10_000;
/// How many there may be for others than the operator.
pub(crate) const MAX_APPLICATIONS_OF_OTHERS: u64 = 9_000;
/// Those that one of the others made (Entra ID: 250 objects).
pub(crate) const MAX_APPLICATIONS_PER_AUTHOR: u64 = 1_000;
