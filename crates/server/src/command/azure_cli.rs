//! `holdfast azure-cli`: the lines that make the Azure CLI use this very server, for a shell.

use std::{net::IpAddr, path::Path, process::ExitCode};

use anyhow::bail;
use clap::Args;

use super::CommonArgs;
use crate::{
    operator::status::{ShowStatus, Status},
    output::{Output, say, say_json},
};

#[derive(Debug, Args)]
pub(super) struct AzureCli {
    #[command(flatten)]
    common: CommonArgs,
}

impl AzureCli {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let status = self.common.run(ShowStatus {})?;
        if !status.base_url.starts_with("https://") {
            bail!("the Azure CLI speaks HTTPS only; start the server with --https");
        }
        let lines = lines(&status);
        match self.common.output {
            Output::Json => say_json(&serde_json::json!({ "lines": lines }))?,
            Output::Text => lines.iter().for_each(|line| say(line)),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Where systems keep the authorities that they trust in one file: Debian and its kin, Fedora and its kin, Alpine and
/// macOS, openSUSE.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

fn lines(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(ca) = &status.ca_file {
        let bundle = BUNDLES.into_iter().find(|bundle| Path::new(bundle).is_file());
        lines.extend(trust(ca, bundle));
    }
    lines.push("export AZURE_CORE_INSTANCE_DISCOVERY=false".to_owned());
    let base = base_url(status);
    let cloud = format!("-n holdfast --endpoint-resource-manager {base}");
    // A second time, or after a change of the port, it is there already.
    lines.push(format!(
        "az cloud register {cloud} 2>/dev/null || az cloud update {cloud}"
    ));
    lines.push("az cloud set -n holdfast".to_owned());
    lines.push("# each new shell needs the lines with export again".to_owned());
    lines.push("# with what `holdfast principal create NAME --role Owner` printed:".to_owned());
    lines.push(format!(
        "# az login --service-principal -u APPID -p PASSWORD --tenant {}",
        status.tenant_id
    ));
    lines.push(
        "# where no DNS knows the names, /etc/hosts needs each of them, and that of every registry you make:"
            .to_owned(),
    );
    let logins = status.registries.iter().map(|registry| registry.login_server.as_str());
    let base_host = host(&base);
    let address = if base_host.parse::<IpAddr>().is_ok() {
        base_host
    } else {
        "127.0.0.1"
    };
    for name in std::iter::once(base_host).chain(logins.map(host)) {
        if name != "localhost" && name != address {
            lines.push(format!("# {address} {name}"));
        }
    }
    lines
}

/// The authority of this server beside those that the system trusts.
fn trust(ca: &str, bundle: Option<&str>) -> Vec<String> {
    let ca = format!("'{}'", ca.replace('\'', r"'\''"));
    let Some(bundle) = bundle else {
        return vec![format!("export REQUESTS_CA_BUNDLE={ca}")];
    };
    vec![
        format!("cat {bundle} {ca} > \"$HOME/.holdfast-ca-bundle.pem\""),
        "export REQUESTS_CA_BUNDLE=\"$HOME/.holdfast-ca-bundle.pem\"".to_owned(),
    ]
}

/// A certificate of the operator's own is for the domain, not for this machine.
fn base_url(status: &Status) -> String {
    let first = status.registries.first().filter(|_| status.ca_file.is_none());
    match first.and_then(|registry| registry.login_server.split_once('.')) {
        Some((_, domain)) => format!("https://{domain}"),
        None => status.base_url.clone(),
    }
}

/// The host of an address with or without a scheme and a port; that of an IPv6 address without brackets.
fn host(address: &str) -> &str {
    let address = address.strip_prefix("https://").unwrap_or(address);
    match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ip, _)) => ip,
        None => address.split(':').next().unwrap_or(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::status::RegistryStatus;

    fn status(base_url: &str, ca_file: Option<&str>, login_server: &str) -> Status {
        Status {
            base_url: base_url.to_owned(),
            ca_file: ca_file.map(str::to_owned),
            tenant_id: "t".to_owned(),
            subscription_id: "s".to_owned(),
            resource_group: "g".to_owned(),
            registries: vec![RegistryStatus {
                name: "holdfast".to_owned(),
                login_server: login_server.to_owned(),
                sku: "Premium".to_owned(),
                location: "local".to_owned(),
            }],
            storage_accounts: Vec::new(),
            nodes: Vec::new(),
        }
    }

    #[test]
    fn the_cloud_is_where_its_certificate_is_good() {
        for (base, ca, login, cloud, hosts) in [
            (
                "https://localhost:5443",
                Some("/data/ca.crt"),
                "holdfast.registry.localhost:5443",
                "https://localhost:5443",
                vec!["# 127.0.0.1 holdfast.registry.localhost"],
            ),
            (
                "https://localhost",
                None,
                "holdfast.registry.example",
                "https://registry.example",
                vec!["# 127.0.0.1 registry.example", "# 127.0.0.1 holdfast.registry.example"],
            ),
            (
                "https://[2001:db8::1]:5443",
                Some("/data/ca.crt"),
                "holdfast.registry.localhost:5443",
                "https://[2001:db8::1]:5443",
                vec!["# 2001:db8::1 holdfast.registry.localhost"],
            ),
        ] {
            let lines = lines(&status(base, ca, login));
            let register = format!("az cloud register -n holdfast --endpoint-resource-manager {cloud} ");
            assert!(lines.iter().any(|line| line.starts_with(&register)), "{lines:?}");
            let told: Vec<&String> = lines.iter().rev().take(hosts.len()).rev().collect();
            assert_eq!(told, hosts);
        }
    }

    #[test]
    fn systems_without_a_bundle_trust_the_one_authority() {
        assert_eq!(trust("/it's", None), [r"export REQUESTS_CA_BUNDLE='/it'\''s'"]);
        assert_eq!(trust("/ca", Some("/etc/ssl/cert.pem")).len(), 2);
    }
}
