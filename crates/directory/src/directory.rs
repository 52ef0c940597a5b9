//! [`Directory`]: what the operations on who there is share.

use std::sync::Arc;

use holdfast_model::{Clock, Ids, Metadata, Timestamp};

/// What a [`Directory`] is made of.
pub struct Parts {
    /// Where the rows lie.
    pub metadata: Arc<dyn Metadata>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<dyn Ids>,
}

/// The operations on who there is that a face calls: each takes a grant, but for those by which a caller becomes known. Whoever
/// has them has no transaction: the rules alone do.
///
/// ```compile_fail,E0616
/// fn rows(directory: &holdfast_directory::Directory) {
///     let _ = &directory.metadata;
/// }
/// ```
///
/// Nor an operation without its grant:
///
/// ```compile_fail,E0061
/// fn list(directory: &holdfast_directory::Directory) {
///     drop(directory.list_people());
/// }
/// ```
pub struct Directory {
    pub(crate) metadata: Arc<dyn Metadata>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

impl Directory {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            metadata: parts.metadata,
            clock: parts.clock,
            ids: parts.ids,
        }
    }

    /// The present moment by the directory's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
