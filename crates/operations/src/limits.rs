//! Named limits of what is kept of the front door, and of what nodes share.

/// Looks of requests at their registry and credential that are kept until the next commit.
pub(crate) const FRONTS_KEPT: usize = 1024;
/// Rules or roles in one of them at most: with more it is looked up each time.
pub(crate) const FRONT_ROWS_KEPT: usize = 32;
/// Shared keys that verify tokens: more means that somebody rotates in a loop.
pub(crate) const SERVER_KEYS: usize = 8;
/// Nodes that are shown; a service of more is not known.
pub(crate) const NODES_LISTED: usize = 256;
/// Leases that are shown; there is one for each kind of work.
pub(crate) const LEASES_LISTED: usize = 256;
