//! [`Operator`]: all rules put together, for whoever runs the process and for what the process does by itself. What faces
//! are given of them is handed out by owner, and has only what takes a grant or makes a caller known.

use std::{collections::HashMap, sync::Arc};

use holdfast_content::{Limits, Repositories, Stores};
use holdfast_directory::{Directory, SignIn};
use holdfast_model::{Blobs, Clock, Ids, Metadata, Places, StorageAccountId, Timestamp};

use crate::FrontDoor;

/// What the rules are made of.
pub struct Parts {
    /// Where the rows lie.
    pub metadata: Arc<dyn Metadata>,
    /// Where the bytes lie, by storage account: those that have a row.
    pub stores: HashMap<StorageAccountId, Arc<dyn Blobs>>,
    /// Where the stores of further storage accounts are made.
    pub places: Arc<dyn Places>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<dyn Ids>,
    /// The limits.
    pub limits: Limits,
}

/// All operations, also those that take no grant. Transactions are the rules' alone, also here:
///
/// ```compile_fail,E0616
/// fn rows(operator: &holdfast_operations::Operator) {
///     let _ = &operator.metadata;
/// }
/// ```
///
/// Nothing leads here from what a face is given:
///
/// ```compile_fail,E0599
/// fn promote(front_door: &holdfast_operations::FrontDoor) {
///     drop(front_door.operator());
/// }
/// ```
#[derive(Clone)]
pub struct Operator {
    pub(crate) metadata: Arc<dyn Metadata>,
    pub(crate) clock: Arc<dyn Clock>,
    stores: Arc<Stores>,
    content: holdfast_content::Operator,
    resources: holdfast_resources::Operator,
    directory: Arc<Directory>,
    sign_in: Arc<SignIn>,
    front_door: Arc<FrontDoor>,
}

impl Operator {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            metadata,
            clock,
            ids,
            limits,
            ..
        } = parts;
        let stores = Arc::new(Stores::new(parts.stores, parts.places));
        let content = holdfast_content::Operator::new(holdfast_content::Parts {
            metadata: Arc::clone(&metadata),
            stores: Arc::clone(&stores),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            limits,
        });
        let resources = holdfast_resources::Operator::new(holdfast_resources::Parts {
            metadata: Arc::clone(&metadata),
            stores: Arc::clone(&stores),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            content: content.clone(),
        });
        let directory = Arc::new(Directory::new(holdfast_directory::Parts {
            metadata: Arc::clone(&metadata),
            clock: Arc::clone(&clock),
            ids,
        }));
        let sign_in = Arc::new(SignIn::new(Arc::clone(&metadata), Arc::clone(&clock)));
        let front_door = Arc::new(FrontDoor::new(Arc::clone(&metadata), Arc::clone(&clock)));
        Self {
            metadata,
            clock,
            stores,
            content,
            resources,
            directory,
            sign_in,
            front_door,
        }
    }

    /// The present moment by the registry's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// All operations on content.
    #[must_use]
    pub fn content(&self) -> &holdfast_content::Operator {
        &self.content
    }

    /// Those that faces are given.
    #[must_use]
    pub fn repositories(&self) -> &Arc<Repositories> {
        self.content.repositories()
    }

    /// All operations on resources.
    #[must_use]
    pub fn resources(&self) -> &holdfast_resources::Operator {
        &self.resources
    }

    /// The operations on who there is.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The operations by which a caller of the control plane becomes known.
    #[must_use]
    pub fn sign_in(&self) -> &Arc<SignIn> {
        &self.sign_in
    }

    /// What a request of the data plane asks first.
    #[must_use]
    pub fn front_door(&self) -> &Arc<FrontDoor> {
        &self.front_door
    }

    /// Every open store, for start-up, readiness and the check.
    #[must_use]
    pub fn stores(&self) -> Vec<(StorageAccountId, Arc<dyn Blobs>)> {
        self.stores.list()
    }
}
