//! Changing the switches of a registry.

use serde::{Deserialize, Serialize};

use super::{AdminCommand, Context, Progress, credentials::find_registry};

/// Changes what is not `None`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateRegistry {
    /// The default registry when `None`.
    pub(crate) registry: Option<String>,
    pub(crate) accept_sparse_manifests: Option<bool>,
    pub(crate) anonymous_pull: Option<bool>,
    pub(crate) data_endpoint: Option<bool>,
    pub(crate) admin_enabled: Option<bool>,
    pub(crate) retention: Option<Retention>,
}

/// Whether manifests that lost their last tag are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Retention {
    Off,
    /// After so many days; with 0 by the next collection.
    Days(u32),
}

/// The switches as they are now.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Switches {
    pub(crate) name: String,
    pub(crate) login_server: String,
    pub(crate) sku: String,
    pub(crate) location: String,
    pub(crate) accept_sparse_manifests: bool,
    pub(crate) anonymous_pull: bool,
    pub(crate) data_endpoint: bool,
    pub(crate) admin_enabled: bool,
    pub(crate) retention_days: Option<u32>,
}

impl AdminCommand for UpdateRegistry {
    const PATH: &'static str = "/registry/update";
    type Output = Switches;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Switches> {
        let found = find_registry(context, self.registry.as_deref()).await?;
        let operator = &context.app.operator;
        let record = operator
            .resources()
            .update_registry(&found.name, move |record| {
                let Self {
                    registry: _,
                    accept_sparse_manifests,
                    anonymous_pull,
                    data_endpoint,
                    admin_enabled,
                    retention,
                } = self;
                record.accept_sparse_manifests = accept_sparse_manifests.unwrap_or(record.accept_sparse_manifests);
                record.anonymous_pull = anonymous_pull.unwrap_or(record.anonymous_pull);
                record.data_endpoint = data_endpoint.unwrap_or(record.data_endpoint);
                record.admin_enabled = admin_enabled.unwrap_or(record.admin_enabled);
                match retention {
                    Some(Retention::Days(days)) => record.retention_days = Some(days),
                    Some(Retention::Off) => record.retention_days = None,
                    None => {}
                }
            })
            .await?;
        Ok(Switches {
            login_server: context.addresses.login_server(&record.name),
            name: record.name,
            sku: record.sku.as_str().to_owned(),
            location: record.location,
            accept_sparse_manifests: record.accept_sparse_manifests,
            anonymous_pull: record.anonymous_pull,
            data_endpoint: record.data_endpoint,
            admin_enabled: record.admin_enabled,
            retention_days: record.retention_days,
        })
    }
}
