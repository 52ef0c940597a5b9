//! The programs that are measured: where they are, how each is started on a free loopback port with a folder of its
//! own, and how to be let in. How fast they are is the rows' business.

pub(crate) mod distribution;
pub(crate) mod holdfast;
pub(crate) mod nginx;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;

use crate::machine::version_of;
use crate::settings::Settings;

/// A server that is empty or small is ready long before this.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The repository everything small is pushed to.
pub(crate) const REPOSITORY: &str = "bench/app";

/// The programs; those that the chosen rows need are known to be there.
pub(crate) struct Tools {
    pub(crate) holdfast: PathBuf,
    pub(crate) distribution: PathBuf,
    pub(crate) nginx: PathBuf,
    needs_distribution: bool,
    needs_nginx: bool,
}

impl Tools {
    /// # Errors
    /// When one is missing; the message says how to get it.
    pub(crate) fn find(settings: &Settings) -> anyhow::Result<Self> {
        let rows = settings.rows();
        let tools = Self {
            holdfast: settings.holdfast(),
            distribution: settings.distribution(),
            nginx: settings.nginx.clone(),
            needs_distribution: rows.iter().any(|row| row.needs_distribution()),
            needs_nginx: rows.iter().any(|row| row.needs_nginx()),
        };
        let needs = [
            (
                true,
                &tools.holdfast,
                "build it with `cargo build --release -p holdfast-server`, or set HOLDFAST_BIN",
            ),
            (
                tools.needs_distribution,
                &tools.distribution,
                "run tools/install, or name it with --distribution",
            ),
            (
                tools.needs_nginx,
                &tools.nginx,
                "run tools/install (Debian: nginx-light), or name it with --nginx",
            ),
        ];
        let missing = needs
            .iter()
            .filter(|(is_needed, path, _)| *is_needed && !path.is_file());
        let missing: Vec<String> = missing
            .map(|(_, path, how)| format!("there is no {}: {how}", path.display()))
            .collect();
        if !missing.is_empty() {
            bail!("{}", missing.join("\n"));
        }
        Ok(tools)
    }

    /// Of the programs that take part.
    pub(crate) fn versions(&self) -> anyhow::Result<Vec<String>> {
        let mut versions = vec![version_of(&self.holdfast, "--version")?];
        if self.needs_distribution {
            let text = version_of(&self.distribution, "--version")?;
            let version = text.split_whitespace().last().unwrap_or_default();
            versions.push(format!("distribution {}", version.replace("+unknown", "")));
        }
        if self.needs_nginx {
            let text = version_of(&self.nginx, "-v")?;
            versions.push(text.replace("nginx version: ", "").replace('/', " "));
        }
        Ok(versions)
    }
}

/// A loopback address that was free a moment ago, for servers that cannot choose one themselves.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
