//! [`Operator`]: the handle of whoever runs the process, and of what the process does by itself. It has every operation on
//! resources, also those that take no grant: switches and passwords of every registry, and the queue of jobs.

use std::{ops::Deref, sync::Arc};

use crate::{Parts, Resources};

/// All operations on resources. Those of [`Resources`] are reached through it; a face is given those alone, and nothing leads
/// back from there.
///
/// ```compile_fail,E0423
/// fn promote(resources: std::sync::Arc<holdfast_resources::Resources>) -> holdfast_resources::Operator {
///     holdfast_resources::Operator(resources)
/// }
/// ```
#[derive(Clone)]
pub struct Operator(Arc<Resources>);

impl Operator {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Resources::new(parts)))
    }

    /// What faces are given.
    #[must_use]
    pub fn resources(&self) -> &Arc<Resources> {
        &self.0
    }
}

impl Deref for Operator {
    type Target = Arc<Resources>;

    fn deref(&self) -> &Arc<Resources> {
        &self.0
    }
}
