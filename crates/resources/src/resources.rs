//! [`Resources`]: what the operations on resources share.

use std::sync::Arc;

use holdfast_content::Stores;
use holdfast_model::{Clock, Ids, Metadata, Timestamp};
use tokio::sync::Notify;

/// What [`Resources`] are made of.
pub struct Parts {
    /// Where the rows lie.
    pub metadata: Arc<dyn Metadata>,
    /// Where the bytes lie.
    pub stores: Arc<Stores>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<dyn Ids>,
    /// Who deletes what a storage account still holds.
    pub content: holdfast_content::Operator,
}

/// The operations on resources that a face calls: each takes a grant, or, where whoever is known may learn it, the caller.
/// Whoever has them has no transaction: the rules alone do.
///
/// ```compile_fail,E0616
/// fn rows(resources: &holdfast_resources::Resources) {
///     let _ = &resources.metadata;
/// }
/// ```
///
/// Nor an operation without its grant:
///
/// ```compile_fail,E0061
/// fn read(resources: &holdfast_resources::Resources) {
///     drop(resources.load_registry_resource());
/// }
/// ```
///
/// Nor with the grant of another action:
///
/// ```compile_fail,E0308
/// use holdfast_access::{ControlGrant, control};
/// use holdfast_resources::Resources;
/// fn read(resources: &Resources, grant: &ControlGrant<control::StorageAccountsWrite>) {
///     drop(resources.load_registry_resource(grant));
/// }
/// ```
///
/// Nor what every caller may know, for nobody:
///
/// ```compile_fail,E0061
/// fn subscriptions(resources: &holdfast_resources::Resources) {
///     drop(resources.list_subscriptions());
/// }
/// ```
///
/// ```compile_fail,E0061
/// fn subscription(resources: &holdfast_resources::Resources, id: uuid::Uuid) {
///     drop(resources.find_subscription(id));
/// }
/// ```
///
/// ```compile_fail,E0061
/// use holdfast_access::control::LocationsRead;
/// fn locations(resources: &holdfast_resources::Resources) {
///     drop(resources.list_locations::<LocationsRead>());
/// }
/// ```
///
/// Nor the registry that an image is imported from, before it is decided who may pull it:
///
/// ```compile_fail,E0061
/// fn source(resources: &holdfast_resources::Resources, repository: &holdfast_oci::RepositoryName) {
///     drop(resources.find_import_source("registry", repository));
/// }
/// ```
///
/// ```compile_fail,E0599
/// fn registry(resources: &holdfast_resources::Resources) {
///     drop(resources.find_registry("registry"));
/// }
/// ```
///
/// Nor one that is the [operator's](crate::Operator):
///
/// ```compile_fail,E0599
/// fn list(resources: &holdfast_resources::Resources) {
///     drop(resources.list_registries());
/// }
/// ```
pub struct Resources {
    pub(crate) metadata: Arc<dyn Metadata>,
    pub(crate) stores: Arc<Stores>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) content: holdfast_content::Operator,
    /// Told when a job was asked for.
    pub(crate) jobs: Notify,
}

impl Resources {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            metadata: parts.metadata,
            stores: parts.stores,
            clock: parts.clock,
            ids: parts.ids,
            content: parts.content,
            jobs: Notify::new(),
        }
    }

    /// The present moment by the registry's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
