//! Starts the CNCF distribution registry with its example configuration (descriptor cache in memory, no access log) and
//! token authentication. Its tokens come from a server of the operator's choice, so here the benchmark signs one:
//! RS256 with 2048 bits, which is the cheapest of its algorithms to check.
//!
//! Durability of this peer: it flushes each blob and each link file, and the folder of small files, but not the folder
//! that a blob is moved into.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tempfile::TempDir;

use super::{START_TIMEOUT, free_address};
use crate::client::Connection;
use crate::http::Endpoint;
use crate::workplace::{Process, Workplace};

const ISSUER: &str = "holdfast-bench";
const SERVICE: &str = "distribution";
const TOKEN_SECS: u64 = 24 * 3600;

/// A running registry of distribution v3.
pub(crate) struct Distribution {
    process: Process,
    address: SocketAddr,
    key: KeyPair,
    // Dropped after the process.
    _folder: TempDir,
}

impl Distribution {
    pub(crate) fn start(program: &Path, workplace: &Arc<Workplace>) -> anyhow::Result<Self> {
        let folder = workplace.folder("distribution-")?;
        let key = KeyPair::generate(KeySize::Rsa2048).context("cannot make an RSA key")?;
        let jwks = folder.path().join("jwks.json");
        std::fs::write(&jwks, public_keys(&key).to_string())?;
        let address = free_address()?;
        let configuration = folder.path().join("config.yml");
        std::fs::write(&configuration, configuration_text(folder.path(), &jwks, address))?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .arg(&configuration)
            .stdout(Stdio::null())
            .env("OTEL_TRACES_EXPORTER", "none");
        let mut process = Process::start(workplace, "distribution", &mut command, folder.path().join("log"))?;
        process.wait_until(START_TIMEOUT, || Connection::open(address).is_ok())?;
        Ok(Self {
            process,
            address,
            key,
            _folder: folder,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The registry with a token for `repository`.
    pub(crate) fn endpoint(&self, repository: &str) -> anyhow::Result<Endpoint> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": ISSUER, "aud": [SERVICE], "sub": "bench", "jti": "bench",
            "iat": now, "nbf": now - 10, "exp": now + TOKEN_SECS,
            "access": [{"type": "repository", "name": repository, "actions": ["pull", "push"]}],
        });
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": ISSUER});
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let sign = self.key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        );
        sign.context("cannot sign a token")?;
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        Ok(Endpoint {
            address: self.address,
            authorization: format!("Bearer {token}"),
        })
    }
}

fn public_keys(key: &KeyPair) -> serde_json::Value {
    let public = key.public_key();
    let modulus = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
    let exponent = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
    json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": ISSUER, "n": modulus, "e": exponent}]})
}

fn configuration_text(folder: &Path, jwks: &Path, address: SocketAddr) -> String {
    let configuration = json!({
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": true}},
        "storage": {
            "cache": {"blobdescriptor": "inmemory"},
            "filesystem": {"rootdirectory": folder.join("data")},
            "tag": {"concurrencylimit": 8},
        },
        "http": {"addr": address.to_string(), "secret": "only for this run"},
        "auth": {"token": {
            "realm": format!("http://{address}/token"), "service": SERVICE, "issuer": ISSUER, "jwks": jwks,
        }},
    });
    // JSON is YAML.
    configuration.to_string()
}
