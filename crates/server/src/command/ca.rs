//! `holdfast ca`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::CommonArgs;
use crate::{
    folder::Folder,
    output::{Output, say, say_json},
};

#[derive(Debug, Args)]
pub(super) struct Ca {
    #[command(flatten)]
    common: CommonArgs,
}

impl Ca {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.common.settings()?;
        let path = Folder::at(&settings.data_dir).tls().join("ca.pem");
        let Ok(certificate) = std::fs::read_to_string(&path) else {
            bail!(
                "there is no local CA in {}; holdfast serve makes one when it listens for HTTPS without a certificate of \
                 yours",
                path.display()
            );
        };
        match self.common.output {
            Output::Text => say(certificate.trim_end()),
            Output::Json => say_json(&serde_json::json!({ "caFile": path, "certificate": certificate }))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
