//! Starts nginx as a server of plain files with `sendfile`: what the hardware and the kernel can do at best.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::{START_TIMEOUT, free_address};
use crate::client::Connection;
use crate::http::Endpoint;
use crate::workplace::{Process, Workplace};

/// A running nginx.
pub(crate) struct Nginx {
    process: Process,
    pub(crate) endpoint: Endpoint,
    // Dropped after the process.
    folder: TempDir,
}

impl Nginx {
    pub(crate) fn start(program: &Path, workplace: &Arc<Workplace>) -> anyhow::Result<Self> {
        let folder = workplace.folder("nginx-")?;
        std::fs::create_dir(folder.path().join("files"))?;
        let address = free_address()?;
        let is_root = std::fs::metadata(folder.path())?.uid() == 0;
        let configuration = folder.path().join("nginx.conf");
        std::fs::write(&configuration, configuration_text(folder.path(), address, is_root))?;
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&configuration)
            .stdout(Stdio::null());
        command.arg("-e").arg(folder.path().join("error.log"));
        let mut process = Process::start(workplace, "nginx", &mut command, folder.path().join("log"))?;
        process.wait_until(START_TIMEOUT, || Connection::open(address).is_ok())?;
        let endpoint = Endpoint::open_to_all(address);
        Ok(Self {
            process,
            endpoint,
            folder,
        })
    }

    /// The master process; the workers are its children.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where a file has to lie to be served under its name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("files").join(name)
    }
}

fn configuration_text(folder: &Path, address: SocketAddr, is_root: bool) -> String {
    let folder = folder.display();
    // The folder is open to its owner only, and nginx would otherwise work as nobody.
    let user = if is_root { "user root;" } else { "" };
    format!(
        "daemon off; {user} worker_processes auto; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; server_tokens off;
  default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen {address}; root {folder}/files; }}
}}
"
    )
}
