//! What there is and where it is reached.

use std::path::PathBuf;

use anyhow::Context as _;
use holdfast_face::moment::rfc3339_micros;
use holdfast_model::{Lease, NodeRecord, RegistryRecord, StorageAccount};
use holdfast_operations::Overview;
use serde::{Deserialize, Serialize};

use super::{AdminCommand, Context, Progress};
use crate::locations::Root;

/// Shows the state of the service.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ShowStatus {}

/// What scripts read (`--output json`).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) base_url: String,
    pub(crate) ca_file: Option<String>,
    pub(crate) tenant_id: String,
    pub(crate) subscription_id: String,
    pub(crate) resource_group: String,
    pub(crate) registries: Vec<RegistryStatus>,
    pub(crate) storage_accounts: Vec<StorageStatus>,
    /// Those that share the database; none where the rows lie in the data folder, which is one process's.
    pub(crate) nodes: Vec<NodeStatus>,
}

/// One node.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeStatus {
    pub(crate) id: String,
    pub(crate) host: String,
    pub(crate) version: String,
    /// Whether it is about to end.
    pub(crate) is_draining: bool,
    pub(crate) started_at: String,
    pub(crate) seen_at: String,
    /// What it does for all nodes.
    pub(crate) does: Vec<String>,
}

/// One registry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistryStatus {
    pub(crate) name: String,
    pub(crate) login_server: String,
    pub(crate) sku: String,
    pub(crate) location: String,
}

/// One storage account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StorageStatus {
    pub(crate) name: String,
    pub(crate) location: String,
    /// Where it lies on this machine.
    pub(crate) folder: Option<PathBuf>,
    /// Where it lies in an object store.
    pub(crate) url: Option<String>,
    /// Its id in ARM when it is a user's; those of the service have none.
    pub(crate) id: Option<String>,
    /// Registries whose bytes lie in it.
    pub(crate) registries: Vec<String>,
}

impl AdminCommand for ShowStatus {
    const PATH: &'static str = "/status";
    type Output = Status;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Status> {
        let overview = Overview::read(context.app.rows.as_port()).await?;
        let directory = overview.directory.context("the database holds no directory")?;
        let subscription = overview
            .subscriptions
            .first()
            .context("the database holds no subscription")?;
        let nodes = context.app.operator.list_nodes().await?;
        let first = overview.registries.first().context("the database holds no registry")?;
        Ok(Status {
            base_url: context.addresses.base_url(),
            ca_file: context
                .addresses
                .ca_file
                .as_ref()
                .map(|path| path.display().to_string()),
            tenant_id: directory.tenant_id.to_string(),
            subscription_id: subscription.id.to_string(),
            resource_group: first.resource_group.clone(),
            registries: overview
                .registries
                .iter()
                .map(|registry| RegistryStatus {
                    name: registry.name.clone(),
                    login_server: context.addresses.login_server(&registry.name),
                    sku: registry.sku.as_str().to_owned(),
                    location: registry.location.clone(),
                })
                .collect(),
            storage_accounts: overview
                .storage_accounts
                .iter()
                .map(|account| storage(context, &overview.registries, account))
                .collect(),
            nodes: nodes.into_iter().map(node).collect(),
        })
    }
}

fn node((record, leases): (NodeRecord, Vec<Lease>)) -> NodeStatus {
    NodeStatus {
        id: record.id.to_string(),
        host: record.host,
        version: record.version,
        is_draining: record.is_draining,
        started_at: rfc3339_micros(record.started_at),
        seen_at: rfc3339_micros(record.seen_at),
        does: leases.into_iter().map(|lease| lease.name).collect(),
    }
}

fn storage(context: &Context, registries: &[RegistryRecord], account: &StorageAccount) -> StorageStatus {
    let (folder, url) = match context.app.locations.root(account) {
        Some(Root::Folder(path)) => (Some(path), None),
        Some(Root::Bucket(url, _)) => (None, Some(url.to_string())),
        None => (None, None),
    };
    let lies_here = |registry: &&RegistryRecord| registry.storage_account == account.id;
    StorageStatus {
        name: account.name.clone(),
        location: account.location.clone(),
        folder,
        url,
        id: account.arm_id(),
        registries: registries
            .iter()
            .filter(lies_here)
            .map(|registry| registry.name.clone())
            .collect(),
    }
}
