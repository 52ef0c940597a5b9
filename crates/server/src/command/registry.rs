//! `holdfast registry update`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CommonArgs;
use crate::{
    operator::registry::{Retention, UpdateRegistry},
    output::{Output, say, say_json},
};

/// A year has no more; ACR allows as many.
const MAX_RETENTION_DAYS: u32 = 365;

#[derive(Debug, Subcommand)]
pub(super) enum Registry {
    /// Change the switches of a registry and show them
    Update(Update),
}

#[derive(Debug, Args)]
pub(super) struct Update {
    /// The registry; the default one otherwise
    name: Option<String>,
    /// Take manifests that name blobs and manifests which are not there
    #[arg(long, value_name = "BOOL")]
    accept_sparse_manifests: Option<bool>,
    /// Let everybody pull without signing in
    #[arg(long, value_name = "BOOL")]
    anonymous_pull: Option<bool>,
    /// Let clients read large blobs straight from the object store, by signed URLs
    #[arg(long, value_name = "BOOL")]
    data_endpoint: Option<bool>,
    /// Let the admin account sign in
    #[arg(long, value_name = "BOOL")]
    admin_enabled: Option<bool>,
    /// Collect manifests this many days after they lost their last tag (0: at the next collection), or never: off
    #[arg(long, value_name = "N|off", value_parser = retention)]
    retention_days: Option<Retention>,
    #[command(flatten)]
    common: CommonArgs,
}

impl Registry {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Update(update) = self;
        let switches = update.common.run(UpdateRegistry {
            registry: update.name,
            accept_sparse_manifests: update.accept_sparse_manifests,
            anonymous_pull: update.anonymous_pull,
            data_endpoint: update.data_endpoint,
            admin_enabled: update.admin_enabled,
            retention: update.retention_days,
        })?;
        match update.common.output {
            Output::Json => say_json(&switches)?,
            Output::Text => {
                let days = switches
                    .retention_days
                    .map_or("off".to_owned(), |days| days.to_string());
                say(&format!("registry                 {}", switches.name));
                say(&format!("login server             {}", switches.login_server));
                say(&format!(
                    "accept sparse manifests  {}",
                    switches.accept_sparse_manifests
                ));
                say(&format!("anonymous pull           {}", switches.anonymous_pull));
                say(&format!("data endpoint            {}", switches.data_endpoint));
                say(&format!("admin enabled            {}", switches.admin_enabled));
                say(&format!("retention days           {days}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn retention(text: &str) -> Result<Retention, String> {
    match text.parse() {
        _ if text == "off" => Ok(Retention::Off),
        Ok(days @ 0..=MAX_RETENTION_DAYS) => Ok(Retention::Days(days)),
        _ => Err(format!("it is neither a number from 0 to {MAX_RETENTION_DAYS} nor off")),
    }
}
