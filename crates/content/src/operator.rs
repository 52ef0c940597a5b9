//! [`Operator`]: the handle of whoever runs the process, and of what the process does by itself. It has every operation on
//! content, also those that take no grant: collection, the check, what no row names, uploads that were given up.

use std::{ops::Deref, sync::Arc};

use crate::{Parts, Repositories};

/// All operations on content. Those of the [`Repositories`] are reached through it; a face is given those alone, and nothing
/// leads back from there.
///
/// ```compile_fail,E0423
/// fn promote(repositories: std::sync::Arc<holdfast_content::Repositories>) -> holdfast_content::Operator {
///     holdfast_content::Operator(repositories)
/// }
/// ```
#[derive(Clone)]
pub struct Operator(Arc<Repositories>);

impl Operator {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Repositories::new(parts)))
    }

    /// What faces are given.
    #[must_use]
    pub fn repositories(&self) -> &Arc<Repositories> {
        &self.0
    }
}

impl Deref for Operator {
    type Target = Arc<Repositories>;

    fn deref(&self) -> &Arc<Repositories> {
        &self.0
    }
}
