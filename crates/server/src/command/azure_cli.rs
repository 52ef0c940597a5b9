//! `holdfast azure-cli`: the lines that make the Azure CLI use this very server, for a shell.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::Place;
use crate::{
    operator::status::{ShowStatus, Status},
    output::{Output, say, say_json},
};

#[derive(Debug, Args)]
pub(super) struct AzureCli {
    #[command(flatten)]
    place: Place,
}

impl AzureCli {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let status = self.place.ask(ShowStatus {})?;
        if !status.base_url.starts_with("https://") {
            bail!("the Azure CLI speaks HTTPS only; start the server with --https");
        }
        let lines = lines(&status);
        match self.place.output {
            Output::Json => say_json(&serde_json::json!({ "lines": lines }))?,
            Output::Text => lines.iter().for_each(|line| say(line)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn lines(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(ca) = &status.ca_file {
        let ca = ca.replace('\'', r"'\''");
        lines.push(format!(
            "cat /etc/ssl/certs/ca-certificates.crt '{ca}' > \"$HOME/.holdfast-ca-bundle.pem\""
        ));
        lines.push("export REQUESTS_CA_BUNDLE=\"$HOME/.holdfast-ca-bundle.pem\"".to_owned());
    }
    lines.push("export AZURE_CORE_INSTANCE_DISCOVERY=false".to_owned());
    lines.push(format!(
        "az cloud register -n holdfast --endpoint-resource-manager {}",
        status.base_url
    ));
    lines.push("az cloud set -n holdfast".to_owned());
    lines.push("# with what `holdfast principal create NAME --role Owner` printed:".to_owned());
    lines.push(format!(
        "# az login --service-principal -u APPID -p PASSWORD --tenant {}",
        status.tenant_id
    ));
    lines.push("# where no DNS knows the registries, each needs a line in /etc/hosts:".to_owned());
    for registry in &status.registries {
        let host = registry
            .login_server
            .rsplit_once(':')
            .map_or(&*registry.login_server, |(host, _)| host);
        lines.push(format!("# 127.0.0.1 {host}"));
    }
    lines
}
