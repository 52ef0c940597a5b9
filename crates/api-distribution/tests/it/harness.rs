//! A whole data plane in the test's own process: database and blobs in a temporary folder, two registries, and the face
//! behind hyper on a free port. It refuses to fake any part of it; the blobs can be told to fail.

mod image;
mod remains;

pub(crate) use image::{Image, descriptor, sha256, sha512};

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use holdfast_access::RequestOrigin;
use holdfast_api_distribution::{Address, Distribution, DistributionParts, Names};
use holdfast_blobs::{FilesystemPlaces, fault::FaultyStore};
use holdfast_content::{Limits, limits::ROW_BLOB_BYTES};
use holdfast_face::{Budget, Sending, Served, Writing};
use holdfast_identity::{
    Credential, DirectoryIssuer, Issuer, OwnNames, Sealer, ServerKeys, Throttle,
    token::{AccessClaims, RefreshClaims},
};
use holdfast_metadata::SqliteStore;
use holdfast_model::{
    BlobId, Blobs, CandidateId, Clock as _, Durability, ManifestId, Metadata, MetadataError, MetadataExt as _,
    NewRegistry, RandomIds, RegistryRecord, Sku, SystemClock, Timestamp,
};
use holdfast_oci::{Algorithm, Digest};
use holdfast_operations::{FirstStart, Operator, Overview, Parts};
use holdfast_resources::SealedPassword;
use holdfast_testkit::{blobs::list, store::TestStore};
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::wire::{Answer, Ask, Wire};

/// The default registry, which is also the name of its admin account.
pub(crate) const ADMIN: &str = "holdfast";
pub(crate) const PASSWORD: &str = "the-first-password-of-holdfast";
pub(crate) const PASSWORD2: &str = "the-second-password-of-holdfast";
/// The other registry, on the same storage account.
pub(crate) const OTHER: &str = "othershop";
pub(crate) const OTHER_PASSWORD: &str = "the-password-of-othershop";
/// The canonical login server of the default registry.
pub(crate) const LOGIN_SERVER: &str = "holdfast.registry.localhost";
pub(crate) const OTHER_LOGIN_SERVER: &str = "othershop.registry.localhost";
/// How long a body may be silent here.
pub(crate) const STALL: Duration = Duration::from_millis(1_000);

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

pub(crate) type Log = Arc<Mutex<Vec<Served>>>;

/// The data plane.
pub(crate) struct Harness {
    pub(crate) address: SocketAddr,
    pub(crate) operator: Operator,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) directory: Arc<DirectoryIssuer>,
    pub(crate) blobs: FaultyStore,
    /// What every answer so far was said to be about.
    pub(crate) served: Log,
    metadata: Arc<SqliteStore>,
    _folder: TempDir,
}

impl Harness {
    pub(crate) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let folder = folder();
        let keys = keys();
        let sealer = Arc::new(Sealer::new(&keys));
        let issuer = Arc::new(Issuer::new(&keys));
        let metadata = Arc::new(SqliteStore::open(folder.path().join("holdfast.db")).unwrap());
        make_registries(&*metadata, &sealer).await;
        let overview = Overview::read(&*metadata).await.unwrap();
        let store = TestStore::new(&folder.path().join("blobs")).open();
        let blobs = FaultyStore::new(store);
        let port: Arc<dyn Blobs> = Arc::new(blobs.clone());
        let operator = Operator::new(Parts {
            metadata: Arc::<SqliteStore>::clone(&metadata),
            stores: HashMap::from([(overview.storage_accounts[0].id, port)]),
            places: Arc::new(FilesystemPlaces::new(BTreeMap::new())),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            limits,
        });
        let directory = Arc::new(DirectoryIssuer::new(
            &keys,
            uuid::Uuid::from_u128(9),
            OwnNames::default(),
        ));
        let distribution = Distribution::new(DistributionParts {
            front_door: Arc::clone(operator.front_door()),
            repositories: Arc::clone(operator.repositories()),
            issuer: Arc::clone(&issuer),
            directory: Arc::clone(&directory),
            sealer: Arc::clone(&sealer),
            throttle: Arc::new(Throttle::new()),
            names: Arc::new(Hosts),
            body_stall: STALL,
            sending: Sending::default(),
            writing: Writing::default(),
            budget: Budget::default(),
        });
        let served = Log::default();
        let address = listen(Arc::new(distribution), Arc::clone(&served)).await;
        Self {
            address,
            operator,
            issuer,
            sealer,
            directory,
            blobs,
            served,
            metadata,
            _folder: folder,
        }
    }

    pub(crate) fn ask(&self, method: &str, target: &str) -> Ask {
        Ask::new(self.address, method, target)
    }

    /// As the admin of the default registry, with Basic.
    pub(crate) fn admin(&self, method: &str, target: &str) -> Ask {
        self.ask(method, target).basic(ADMIN, PASSWORD)
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.admin("GET", target).send().await
    }

    pub(crate) async fn wire(&self) -> Wire {
        Wire::open(self.address).await
    }

    /// The host under which the other registry answers.
    pub(crate) fn other_host(&self) -> String {
        format!("{OTHER_LOGIN_SERVER}:{}", self.address.port())
    }

    /// Somewhere else in the address space at every call, so that the brake on failed sign-ins is not felt.
    pub(crate) fn stranger() -> String {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Ipv4Addr::from_bits(0x0a00_0000 + NEXT.fetch_add(1, Ordering::Relaxed)).to_string()
    }

    pub(crate) fn now(&self) -> i64 {
        self.operator.now().unix_secs()
    }

    pub(crate) async fn record(&self, name: &str) -> RegistryRecord {
        self.operator.resources().find_registry(name).await.unwrap().unwrap()
    }

    /// What an access token of the admin would say.
    pub(crate) async fn claims(&self, scope: &str) -> AccessClaims {
        AccessClaims {
            audience: LOGIN_SERVER.to_owned(),
            subject: ADMIN.to_owned(),
            registry_rid: self.record(ADMIN).await.rid.simple().to_string(),
            credential: self.credential(1).await,
            access: holdfast_access::Scope::parse_list(scope).unwrap(),
            source_ends_at: None,
        }
    }

    /// The credential behind the tokens of an admin password as it is now.
    pub(crate) async fn credential(&self, slot: u8) -> Credential {
        let id = self.record(ADMIN).await.id;
        let passwords = self.operator.resources().list_admin_passwords(id).await.unwrap();
        let generation = passwords.iter().find(|found| found.slot == slot).unwrap().generation;
        Credential::Admin { slot, generation }
    }

    /// A token of the admin with exactly this scope.
    pub(crate) async fn token(&self, scope: &str) -> String {
        let claims = self.claims(scope).await;
        self.issuer.issue_access(claims, self.now()).unwrap()
    }

    pub(crate) async fn refresh_token(&self) -> String {
        let claims = RefreshClaims {
            audience: LOGIN_SERVER.to_owned(),
            subject: ADMIN.to_owned(),
            registry_rid: self.record(ADMIN).await.rid.simple().to_string(),
            credential: self.credential(1).await,
            tenant: None,
            permissions: holdfast_access::Permissions::all_on_repository(),
            source_ends_at: None,
        };
        self.issuer.issue_refresh(claims, self.now()).unwrap()
    }

    /// Renews a password of the default registry's admin.
    pub(crate) async fn renew(&self, slot: u8, password: &str) {
        let id = self.record(ADMIN).await.id;
        let SealedPassword { sealed, verifier } = seal(&self.sealer, password);
        self.operator
            .resources()
            .renew_admin_password(id, slot, sealed, verifier)
            .await
            .unwrap();
    }

    /// Changes the default registry.
    pub(crate) async fn update(&self, change: impl Fn(&mut RegistryRecord) + Send + Sync + 'static) {
        self.operator.resources().update_registry(ADMIN, change).await.unwrap();
    }

    /// Runs something on the rows themselves.
    pub(crate) fn metadata(&self) -> &dyn Metadata {
        &*self.metadata
    }

    /// Sends a request; says how many statements the rows were asked for it.
    pub(crate) async fn count_statements(&self, ask: Ask) -> (Answer, u64) {
        let before = self.metadata.stats().statements;
        let answer = ask.send().await;
        (answer, self.metadata.stats().statements - before)
    }

    /// Pushes a blob in one request and returns its digest.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let target = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.admin("POST", &target).body(bytes).send().await.expect(201);
        digest
    }

    /// Starts an upload and returns where it goes on.
    pub(crate) async fn start(&self, repository: &str) -> String {
        let target = format!("/v2/{repository}/blobs/uploads/");
        let started = self.admin("POST", &target).body("").send().await.expect(202);
        started.header("location").unwrap().to_owned()
    }

    pub(crate) fn put_manifest(&self, repository: &str, reference: &str, media_type: &str, bytes: &[u8]) -> Ask {
        self.admin("PUT", &format!("/v2/{repository}/manifests/{reference}"))
            .header("Content-Type", media_type)
            .body(bytes)
    }

    /// Pushes an image whole.
    pub(crate) async fn push_image(&self, repository: &str, tag: &str, image: &Image) {
        self.push_blob(repository, &image.config).await;
        self.push_blob(repository, &image.layer).await;
        self.put_manifest(repository, tag, OCI_MANIFEST, &image.manifest)
            .send()
            .await
            .expect(201);
    }

    /// Pushes a new image under some tags and returns its digest.
    pub(crate) async fn push_tags(&self, repository: &str, seed: &str, tags: &[&str]) -> String {
        let image = Image::new(seed);
        self.push_image(repository, tags[0], &image).await;
        for tag in &tags[1..] {
            self.put_manifest(repository, tag, OCI_MANIFEST, &image.manifest)
                .send()
                .await
                .expect(201);
        }
        image.digest
    }
}

/// Bytes that no row may hold, with a text at their end: they lie in an object.
pub(crate) fn large(text: &str) -> Vec<u8> {
    let mut bytes = vec![b'.'; ROW_BLOB_BYTES];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// In memory where the system has a place for that: flushing to a disk is tested elsewhere, and takes its time.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// One folder of keys for all tests: making an RSA key takes a while.
fn keys() -> ServerKeys {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        ServerKeys::open_or_create(&folder.path().join("keys")).unwrap();
        folder
    });
    ServerKeys::open_or_create(&folder.path().join("keys")).unwrap()
}

/// Keys of somebody else.
pub(crate) fn foreign_keys(folder: &Path) -> ServerKeys {
    ServerKeys::open_or_create(&folder.join("keys")).unwrap()
}

fn seal(sealer: &Sealer, password: &str) -> SealedPassword {
    SealedPassword {
        sealed: sealer.seal(&SecretString::from(password), "test").unwrap(),
        verifier: sealer.verifier(password),
    }
}

async fn make_registries(metadata: &dyn Metadata, sealer: &Sealer) {
    let now = SystemClock.now();
    FirstStart {
        registry: ADMIN.to_owned(),
        resource_group: "default".to_owned(),
        location: "local".to_owned(),
        storage_account: "default".to_owned(),
        passwords: [seal(sealer, PASSWORD), seal(sealer, PASSWORD2)],
    }
    .run(metadata, &RandomIds, now)
    .await
    .unwrap();
    let SealedPassword { sealed, verifier } = seal(sealer, OTHER_PASSWORD);
    metadata
        .transact(Durability::Relaxed, move |tx| {
            let first = tx.list_registries()?.remove(0);
            let id = tx.insert_registry(&NewRegistry {
                name: OTHER.to_owned(),
                rid: uuid::Uuid::new_v4(),
                subscription_id: first.subscription_id,
                resource_group: first.resource_group,
                location: first.location,
                sku: Sku::Premium,
                storage_account: first.storage_account,
                admin_enabled: true,
                tags: first.tags,
                created_at: now,
                created_by: None,
            })?;
            tx.put_admin_password(id, 1, &sealed, &verifier, now)
        })
        .await
        .unwrap();
}

async fn listen(distribution: Arc<Distribution>, served: Log) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (distribution, served) = (Arc::clone(&distribution), Arc::clone(&served));
            tokio::spawn(async move {
                let answer = service_fn(move |request| answer(Arc::clone(&distribution), Arc::clone(&served), request));
                let mut builder = auto::Builder::new(TokioExecutor::new());
                builder.http1().timer(TokioTimer::new()).max_buf_size(128 << 10);
                // Broken connections are what some tests are about.
                drop(builder.serve_connection(TokioIo::new(stream), answer).await);
            });
        }
    });
    address
}

/// Names as the server has them: login servers, and `localhost` in two spellings for the default registry.
struct Hosts;

impl Names for Hosts {
    fn registry_of(&self, authority: &str, _local: IpAddr) -> Option<String> {
        let host = authority.split(':').next()?;
        let is_ours = matches!(host, "localhost" | "127.0.0.1") || host.ends_with(".registry.localhost");
        is_ours.then(|| registry_at(authority).0)
    }
}

/// The registry that a host means, and its login server.
fn registry_at(authority: &str) -> (String, String) {
    let host = authority.split(':').next().unwrap();
    match host.split_once('.') {
        Some((name, domain)) if domain.ends_with("registry.localhost") => (name.to_owned(), host.to_owned()),
        _ => (ADMIN.to_owned(), LOGIN_SERVER.to_owned()),
    }
}

/// What the server does around the face: finds the registry by the host, and the peer.
async fn answer(
    distribution: Arc<Distribution>,
    log: Log,
    request: Request<Incoming>,
) -> Result<http::Response<holdfast_face::Body>, std::convert::Infallible> {
    let header = |name: &str| {
        let value = request.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let authority = header("host").unwrap_or_else(|| "localhost".to_owned());
    let (registry, login_server) = registry_at(&authority);
    let address = Address {
        registry,
        shown_login_server: format!("{login_server}:5443"),
        login_server,
        authority,
        scheme: "http",
        local: Ipv4Addr::LOCALHOST.into(),
    };
    let peer = header("x-peer").map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.parse().unwrap());
    let origin = Arc::new(RequestOrigin {
        id: uuid::Uuid::new_v4().to_string(),
        address: peer,
        user_agent: None,
        host: address.authority.clone(),
    });
    let response = distribution.serve(request, &address, origin).await;
    let served = response.extensions().get::<Served>();
    let served = served.expect("every answer says what was served").clone();
    log.lock().unwrap().push(served);
    Ok(response)
}
