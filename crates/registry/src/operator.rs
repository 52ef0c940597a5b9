//! [`Operator`]: the handle of whoever runs the process, and of what the process does by itself. It has every operation,
//! also those that take no grant: collection, the check, the queue of jobs, switches and passwords of every registry.

use std::{ops::Deref, sync::Arc};

use holdfast_model::{Blobs, StorageAccountId};

use crate::{Registry, RegistryParts};

/// All operations. Those of the [`Registry`] are reached through it; a face is given that one alone, and nothing leads back
/// from there.
///
/// ```compile_fail,E0423
/// fn promote(registry: std::sync::Arc<holdfast_registry::Registry>) -> holdfast_registry::Operator {
///     holdfast_registry::Operator(registry)
/// }
/// ```
#[derive(Clone)]
pub struct Operator(Arc<Registry>);

impl Operator {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: RegistryParts) -> Self {
        Self(Arc::new(Registry::new(parts)))
    }

    /// What faces are given.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.0
    }

    /// Every open store, for start-up, readiness and the check.
    #[must_use]
    pub fn stores(&self) -> Vec<(StorageAccountId, Arc<dyn Blobs>)> {
        self.open_stores()
    }
}

impl Deref for Operator {
    type Target = Arc<Registry>;

    fn deref(&self) -> &Arc<Registry> {
        &self.0
    }
}
