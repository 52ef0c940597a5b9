//! `holdfast status`.

use std::process::ExitCode;

use clap::Args;

use super::CommonArgs;
use crate::{
    operator::status::{NodeStatus, ShowStatus},
    output::{Output, say, say_json},
};

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    common: CommonArgs,
}

impl Status {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let status = self.common.run(ShowStatus {})?;
        match self.common.output {
            Output::Json => say_json(&status)?,
            Output::Text => {
                say(&format!("base URL        {}", status.base_url));
                say(&format!("CA file         {}", status.ca_file.as_deref().unwrap_or("-")));
                say(&format!("tenant          {}", status.tenant_id));
                say(&format!("subscription    {}", status.subscription_id));
                say(&format!("resource group  {}", status.resource_group));
                for registry in &status.registries {
                    let (name, server) = (&registry.name, &registry.login_server);
                    say(&format!(
                        "registry        {name} ({}, {}) at {server}",
                        registry.sku, registry.location
                    ));
                }
                for node in &status.nodes {
                    say(&format!("node            {}", line(node)));
                }
                for account in &status.storage_accounts {
                    let folder = account.folder.as_ref().map(|folder| folder.display().to_string());
                    let place = folder.or_else(|| account.url.clone()).unwrap_or_else(|| "-".to_owned());
                    let owner = if account.id.is_some() {
                        "a user's"
                    } else {
                        "the service's"
                    };
                    say(&format!(
                        "storage         {} ({}, {owner}) in {place}",
                        account.name, account.location
                    ));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn line(node: &NodeStatus) -> String {
    let NodeStatus {
        host,
        version,
        started_at,
        seen_at,
        ..
    } = node;
    let mut line = format!("{host} ({version}) since {started_at}, seen {seen_at}");
    if node.is_draining {
        line.push_str(", about to end");
    }
    if !node.does.is_empty() {
        line.push_str(&format!("; does for all: {}", node.does.join(", ")));
    }
    line
}
