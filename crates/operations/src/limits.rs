//! Named limits of what is kept of the front door.

/// Looks of requests at their registry and credential that are kept until the next commit.
pub(crate) const FRONTS_KEPT: usize = 1024;
/// Rules or roles in one of them at most: with more it is looked up each time.
pub(crate) const FRONT_ROWS_KEPT: usize = 32;
