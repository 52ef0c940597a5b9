//! A reverse proxy in front of a registry: nginx, which passes bodies on as they come, as image pushes want it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::distribution::free_address;
use crate::project;
use crate::server::Server;

const START: Duration = Duration::from_secs(30);

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    // Before its folder: fields drop in this order.
    _daemon: Daemon,
    address: SocketAddr,
    _folder: TempDir,
}

impl Proxy {
    /// Starts one for plain HTTP.
    ///
    /// # Panics
    /// When it does not become ready.
    #[must_use]
    pub fn start(server: &Server) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("hf-proxy-")
            .tempdir()
            .expect("a temporary folder can be made");
        let address = free_address();
        let settings = folder.path().join("nginx.conf");
        fs::write(&settings, configuration(folder.path(), address, &server.http()))
            .expect("a fresh folder is writable");
        let mut command = Command::new(project::program("nginx"));
        command.arg("-p").arg(folder.path()).arg("-c").arg(&settings);
        command.arg("-e").arg(folder.path().join("error.log"));
        let mut daemon = Daemon::start("nginx", command, &folder.path().join("log"));
        daemon.wait_until(START, |_| TcpStream::connect(address).ok());
        Self {
            _daemon: daemon,
            address,
            _folder: folder,
        }
    }

    /// `HOST:PORT` for plain HTTP.
    #[must_use]
    pub fn http(&self) -> String {
        self.address.to_string()
    }
}

fn configuration(folder: &Path, address: SocketAddr, server: &str) -> String {
    let folder = folder.display();
    // The folder is open to its owner only, and a root's nginx would otherwise work as nobody.
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    format!(
        "daemon off; {user} worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {address};
    location / {{
      proxy_pass http://{server}; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_request_buffering off; proxy_buffering off;
    }}
  }}
}}
"
    )
}
