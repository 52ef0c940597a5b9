//! Servers that speak as the object stores of the clouds do, each on a free port of this machine and with its data in a
//! folder of its own; they end with the test. `tools/install` brings them. It refuses to know the adapters, but for opening
//! them.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
    thread::sleep,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use holdfast_blobs::object::{
    BucketStore, Credentials, StoreUrl, Surroundings, UPLOAD_MEMORY_BYTES, UploadMemory, open_bucket,
};
use holdfast_client::{StoreLimits, StoreWay};
use holdfast_model::Blobs as _;
use object_store::{
    azure::{AzureAccessKey, AzureAuthorizer, AzureCredential},
    client::HttpRequestBody,
};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Builder;
use uuid::Uuid;

/// Azurite takes half a minute to listen on a busy machine.
const START: Duration = Duration::from_secs(90);

/// A server, and the folder of its data.
pub struct ObjectServer {
    child: Child,
    address: SocketAddr,
    data: TempDir,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    S3,
    Azure,
    Google,
}

impl Kind {
    fn launch(self, address: SocketAddr, data: &Path, is_read_only: bool) -> Child {
        let mut command = match self {
            Self::S3 => {
                let mut command = Command::new(tool("bin/versitygw"));
                command.args(["--port", &address.to_string(), "--quiet"]);
                if is_read_only {
                    command.arg("--readonly");
                }
                command
                    .arg("posix")
                    .arg(data)
                    .env("ROOT_ACCESS_KEY", S3_KEY.0)
                    .env("ROOT_SECRET_KEY", S3_KEY.1);
                command
            }
            Self::Azure => {
                let mut command = Command::new(tool("azurite/node_modules/.bin/azurite-blob"));
                command
                    .args(["--blobHost", "127.0.0.1", "--blobPort", &address.port().to_string()])
                    .args(["--skipApiVersionCheck", "--disableTelemetry", "--silent", "--location"])
                    .arg(data)
                    .env("AZURITE_ACCOUNTS", format!("{}:{}", AZURE_KEY.0, AZURE_KEY.1));
                command
            }
            Self::Google => {
                let mut command = Command::new(tool("bin/fake-gcs-server"));
                command
                    .args(["-scheme", "http", "-host", "127.0.0.1"])
                    .args([
                        "-port",
                        &address.port().to_string(),
                        "-public-host",
                        &address.to_string(),
                    ])
                    .args(["-backend", "filesystem", "-filesystem-root"])
                    .arg(data);
                command
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the server can be started")
    }
}

/// What proves who asks, of the S3 server.
const S3_KEY: (&str, &str) = ("holdfast", "a-secret-of-the-tests");
/// The account of the Azure server, and its key.
const AZURE_KEY: (&str, &str) = ("holdfasttests", "YSBrZXkgb2YgdGhlIHRlc3RzIGFsb25l");

impl ObjectServer {
    /// versitygw: S3 over a folder.
    ///
    /// # Panics
    /// It is not there, or does not start.
    #[must_use]
    pub fn s3() -> Self {
        Self::start(Kind::S3)
    }

    /// Azurite: Azure Blob Storage over a folder.
    ///
    /// # Panics
    /// It is not there, or does not start.
    #[must_use]
    pub fn azure() -> Self {
        Self::start(Kind::Azure)
    }

    /// fake-gcs-server: Google Cloud Storage over a folder. It looks at no credential and at no signature.
    ///
    /// # Panics
    /// It is not there, or does not start.
    #[must_use]
    pub fn google() -> Self {
        Self::start(Kind::Google)
    }

    fn start(kind: Kind) -> Self {
        let data = TempDir::new().expect("a folder can be made");
        let address = free_address();
        let mut server = Self {
            child: kind.launch(address, data.path(), false),
            address,
            data,
            kind,
        };
        server.wait();
        server
    }

    /// Ends it, as a store that is down.
    pub fn stop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, where it was and with what it had.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_again(&mut self) {
        self.stop();
        self.child = self.kind.launch(self.address, self.data.path(), false);
        self.wait();
    }

    /// The same for an S3 server that from now on takes no writes.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_again_read_only(&mut self) {
        self.stop();
        self.child = self.kind.launch(self.address, self.data.path(), true);
        self.wait();
    }

    fn wait(&mut self) {
        let begun = Instant::now();
        while !self.answers() {
            assert!(begun.elapsed() < START, "{:?} does not answer", self.kind);
            let ended = self.child.try_wait().expect("it can be asked for");
            assert!(ended.is_none(), "{:?} has ended: {ended:?}", self.kind);
            sleep(Duration::from_millis(50));
        }
    }

    /// Whether it speaks HTTP yet.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address) else {
            return false;
        };
        let asked = stream.write_all(b"GET /none HTTP/1.0\r\n\r\n");
        let mut answer = [0; 4];
        asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer == *b"HTTP"
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes an empty bucket and says its name.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn make_bucket(&self) -> String {
        let name = format!("bucket-{}", Uuid::new_v4().simple());
        match self.kind {
            // A folder below its root is a bucket of the server's owner.
            Kind::S3 | Kind::Google => fs::create_dir(self.data.path().join(&name)).expect("a bucket can be made"),
            Kind::Azure => self.make_container(&name),
        }
        name
    }

    fn make_container(&self, name: &str) {
        let (account, key) = AZURE_KEY;
        let url = format!("http://{}/{account}/{name}?restype=container", self.address);
        let mut request = http::Request::new(HttpRequestBody::empty());
        *request.method_mut() = http::Method::PUT;
        *request.uri_mut() = url.parse().expect("it is a URL");
        let key = AzureAccessKey::try_new(key).expect("it is a key");
        let signed = AzureAuthorizer::new(&AzureCredential::AccessKey(key), account).try_authorize(&mut request);
        signed.expect("it can be signed");
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().expect("it is text")));
        let (status, _) = ask("PUT", &url, headers);
        assert_eq!(status, 201, "a container can be made");
    }

    /// The URL of a bucket, as a setting names it; through another address where one stands in front.
    #[must_use]
    pub fn url(&self, bucket: &str, through: Option<SocketAddr>) -> String {
        let address = through.unwrap_or(self.address);
        match self.kind {
            Kind::S3 => format!("s3://{bucket}/some/prefix?endpoint=http://{address}"),
            Kind::Azure => {
                let account = AZURE_KEY.0;
                format!("azure://{account}/{bucket}/some/prefix?endpoint=http://{address}/{account}")
            }
            Kind::Google => format!("gs://{bucket}/some/prefix?endpoint=http://{address}"),
        }
    }

    /// The variables of the environment by which the program says who it is.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, &'static str)> {
        match self.kind {
            Kind::S3 => vec![("AWS_ACCESS_KEY_ID", S3_KEY.0), ("AWS_SECRET_ACCESS_KEY", S3_KEY.1)],
            Kind::Azure => vec![("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY.1)],
            Kind::Google => vec![("GOOGLE_SERVICE_ACCOUNT_KEY", google_key())],
        }
    }

    /// Objects of a storage account in the location of a URL, complete or not, with their lengths. For tests that have no
    /// runtime of their own.
    ///
    /// # Panics
    /// They cannot be listed.
    #[must_use]
    pub fn objects(&self, url: &str, account: &str) -> Vec<(String, u64)> {
        let store = self.open(url, &upload_memory()).below(account);
        let listed = on_a_runtime(store.list().try_collect::<Vec<_>>());
        let listed = listed.expect("the store can be listed").into_iter();
        listed
            .map(|object| (object.key.to_string(), object.size_bytes))
            .collect()
    }

    /// Writes something small below the prefix of a URL, as somebody else would. For tests that have no runtime of their
    /// own.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn put(&self, url: &str, name: &str, bytes: &'static [u8]) {
        let store = self.open(url, &upload_memory());
        let put = on_a_runtime(store.put_small(name, Bytes::from_static(bytes)));
        assert!(put.expect("it can be written"), "{name} is there already");
    }

    /// Opens a store, with the memory of uploads that is given.
    ///
    /// # Panics
    /// It cannot be opened.
    #[must_use]
    pub fn open(&self, url: &str, memory: &UploadMemory) -> BucketStore {
        let Ok(StoreUrl::Bucket(url)) = StoreUrl::parse(url) else {
            panic!("{url} names no bucket");
        };
        let credentials = Credentials::look_up(url.cloud(), |name| {
            let variables = self.variables();
            let found = variables.into_iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_owned())
        });
        let limits = StoreLimits {
            connect: Duration::from_secs(5),
            stall: Duration::from_secs(20),
        };
        let way_out = StoreWay::of_operator(None, limits).expect("the roots can be read");
        let around = Surroundings {
            way_out: &way_out,
            memory,
        };
        open_bucket(&url, &credentials, around).expect("the store opens")
    }

    /// A store in a bucket that nobody else has.
    #[must_use]
    pub fn fresh_store(&self) -> Arc<BucketStore> {
        let url = self.url(&self.make_bucket(), None);
        Arc::new(self.open(&url, &upload_memory()))
    }
}

impl Drop for ObjectServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn on_a_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(work)
}

/// The memory of uploads that the program has.
#[must_use]
pub fn upload_memory() -> UploadMemory {
    UploadMemory::new(UPLOAD_MEMORY_BYTES, env::temp_dir())
}

/// Asks a server of this machine as anybody can, without a body: the status and the body of the answer.
///
/// # Panics
/// It does not answer.
pub fn ask<'a>(method: &str, url: &str, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> (u16, Vec<u8>) {
    let (address, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .expect("it is a URL of this machine");
    let mut request =
        format!("{method} /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let head = answer
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .expect("it has a head")
        + 4;
    let status = String::from_utf8_lossy(&answer[9..12])
        .parse()
        .expect("it has a status");
    (status, answer.split_off(head))
}

/// The key of a service account that is made for the tests of a process.
fn google_key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key can be made");
        let file = json!({
            "type": "service_account", "client_email": "tests@holdfast.iam.gserviceaccount.com",
            "private_key_id": "of-the-tests", "private_key": key.serialize_pem(),
        });
        file.to_string()
    })
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it has an address")
}

/// A program that `tools/install` brings.
fn tool(path: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
    let tool = tools.join(path);
    assert!(tool.exists(), "{} is missing; tools/install brings it", tool.display());
    tool
}
