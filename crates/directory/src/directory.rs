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

/// The operations on who there is that a face calls: each takes a grant, or the caller it is about. Those by which a caller
/// becomes known are the [`SignIn`](crate::SignIn)'s. Whoever has them has no transaction: the rules alone do.
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
///
/// Nor one without anybody who calls, be it only to learn who that is:
///
/// ```compile_fail,E0061
/// fn me(directory: &holdfast_directory::Directory) {
///     drop(directory.find_calling_person());
/// }
/// ```
///
/// Nor does an actor do, whom anybody can name:
///
/// ```compile_fail,E0308
/// fn me(directory: &holdfast_directory::Directory, actor: &holdfast_access::Actor) {
///     drop(directory.find_calling_person(actor));
/// }
/// ```
///
/// Nor one by which a caller becomes known:
///
/// ```compile_fail,E0599
/// fn sign_in(directory: &holdfast_directory::Directory, id: uuid::Uuid) {
///     drop(directory.find_principal(id));
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
