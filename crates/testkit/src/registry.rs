//! A whole registry in the test's own process: the real rules over a real database (`rows.rs` says which) and a
//! store of bytes (`store.rs` says which), with a clock that only the test moves, ids that repeat from run to run, a
//! blob store that fails when told to, and a process that dies when told to. The work of every transaction runs twice. It refuses to know HTTP; faces have their own tests.

mod clock;
mod content;
mod gate;
mod ids;
mod kill;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use holdfast_access::{Actor, Caller, Grant, RegistryGrant, RegistryId, RepositoryAction, Rights, action};
use holdfast_blobs::{FilesystemPlaces, fault::FaultyStore};
use holdfast_content::{Body, CollectOptions, Collected, Error, Limits};
use holdfast_directory::{Directory, SignIn};
use holdfast_model::{
    Blobs, Clock, Content, ListOrder, ManifestContent, Metadata, MetadataExt, Page, RegistryRecord, TagRecord,
    Timestamp,
};
use holdfast_oci::{Algorithm, Digest, Reference, RepositoryName, Tag};
use holdfast_operations::{FirstStart, Operator, Parts};
use holdfast_resources::SealedPassword;
use tempfile::TempDir;

use crate::{
    RunTwice,
    rows::{OpenRows, TestRows, new_folder},
    store::TestStore,
};

pub use self::{
    clock::TestClock,
    content::{Document, pattern},
    gate::{Gate, Stopped},
    ids::TestIds,
    kill::{Kill, Moment},
};

/// The registry's name.
pub const NAME: &str = "test";
/// More rows than any test has.
const ALL: usize = 1_000_000;

/// Puts something between the rules and the metadata store.
pub type Decorator = Box<dyn Fn(Arc<dyn Metadata>) -> Arc<dyn Metadata> + Send + Sync>;

/// A registry over a folder of its own, which goes with it. Dereferences to all operations on content.
pub struct TestRegistry {
    open: Open,
    clock: Arc<TestClock>,
    ids: Arc<TestIds>,
    limits: Limits,
    decorator: Option<Decorator>,
    kill: Kill,
    record: RegistryRecord,
    bytes: TestStore,
    rows: TestRows,
    folder: TempDir,
}

struct Open {
    operator: Operator,
    metadata: OpenRows,
    blobs: FaultyStore,
}

impl Deref for TestRegistry {
    type Target = holdfast_content::Operator;

    fn deref(&self) -> &holdfast_content::Operator {
        self.open.operator.content()
    }
}

impl TestRegistry {
    /// A new registry with the limits of a new installation.
    pub async fn start() -> Self {
        Self::start_with(Limits::default(), None).await
    }

    /// A new registry with these limits, and something before its metadata store.
    pub async fn start_with(limits: Limits, decorator: Option<Decorator>) -> Self {
        let folder = new_folder();
        let clock = Arc::new(TestClock::default());
        let ids = Arc::new(TestIds::default());
        let rows = TestRows::new(folder.path());
        let metadata = rows.open();
        let first = FirstStart {
            registry: NAME.to_owned(),
            resource_group: "group".to_owned(),
            location: "local".to_owned(),
            storage_account: "store".to_owned(),
            passwords: [1, 2].map(|slot| SealedPassword {
                sealed: vec![slot],
                verifier: [slot; 32],
            }),
        };
        first
            .run(metadata.as_port(), &*ids, clock.now())
            .await
            .expect("the first rows can be made");
        let port = metadata.as_port();
        let record = port
            .query(|read| read.find_registry_by_name(NAME))
            .await
            .expect("the registry can be read")
            .expect("the first start made the registry");
        let bytes = TestStore::new(&folder.path().join("blobs"));
        let kill = Kill::default();
        let open = open(
            (folder.path(), &bytes),
            metadata,
            &clock,
            &ids,
            limits,
            (decorator.as_ref(), &kill),
            &record,
        );
        Self {
            open,
            clock,
            ids,
            limits,
            decorator,
            kill,
            record,
            bytes,
            rows,
            folder,
        }
    }

    /// Closes the registry and opens it again on the same folder; the clock goes on where it stood.
    pub async fn reopen(&mut self) {
        self.open.metadata.close().await;
        self.open_again();
    }

    /// The same after a power cut that took what was not flushed of the rows since
    /// [`expect_power_cut`](Self::expect_power_cut). What there is of bytes stays.
    pub async fn reopen_after_power_cut(&mut self) {
        self.open.metadata.close().await;
        if let TestRows::File(_) = &self.rows {
            self.kill.cut_power();
        }
        self.open_again();
    }

    /// What of the rows is flushed from now on is kept for a power cut.
    pub fn expect_power_cut(&self) {
        // What PostgreSQL flushes is its own.
        if let TestRows::File(file) = &self.rows {
            self.kill.keep_what_is_flushed(file);
        }
    }

    fn open_again(&mut self) {
        let metadata = self.rows.open();
        self.open = open(
            (self.folder.path(), &self.bytes),
            metadata,
            &self.clock,
            &self.ids,
            self.limits,
            (self.decorator.as_ref(), &self.kill),
            &self.record,
        );
    }

    /// When the process dies, in which the registry is open: it lives on unless told otherwise.
    #[must_use]
    pub fn kill(&self) -> &Kill {
        &self.kill
    }

    /// All operations.
    #[must_use]
    pub fn operator(&self) -> &Operator {
        &self.open.operator
    }

    /// All operations on resources.
    #[must_use]
    pub fn resources(&self) -> &holdfast_resources::Operator {
        self.open.operator.resources()
    }

    /// The operations on who there is.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        self.open.operator.directory()
    }

    /// The operations by which a caller becomes known.
    #[must_use]
    pub fn sign_in(&self) -> &Arc<SignIn> {
        self.open.operator.sign_in()
    }

    /// The present moment by the test's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock, to be shared with tasks.
    #[must_use]
    pub fn clock(&self) -> Arc<TestClock> {
        Arc::clone(&self.clock)
    }

    /// Moves the clock on.
    pub fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// Moves the clock on by the grace period and a moment more.
    pub fn pass_grace(&self) {
        self.advance(self.limits.grace + Duration::from_secs(1));
    }

    /// The store of bytes, and its planned faults. A reopened registry starts without faults.
    #[must_use]
    pub fn blobs(&self) -> &FaultyStore {
        &self.open.blobs
    }

    /// The metadata store without its decorator.
    #[must_use]
    pub fn rows(&self) -> &dyn Metadata {
        self.open.metadata.as_port()
    }

    /// The file of the rows, for tests that write what no build writes.
    #[must_use]
    pub fn database_path(&self) -> PathBuf {
        self.folder.path().join("metadata.sqlite")
    }

    /// The registry's row as it was at first start.
    #[must_use]
    pub fn record(&self) -> &RegistryRecord {
        &self.record
    }

    /// The registry's row id.
    #[must_use]
    pub fn id(&self) -> RegistryId {
        self.record.id
    }

    /// The store of bytes below the registry and its planned faults.
    #[must_use]
    pub fn bytes(&self) -> &TestStore {
        &self.bytes
    }

    /// The folder of a storage account that a test made.
    #[must_use]
    pub fn account_path(&self, location: &str, account: &str) -> PathBuf {
        self.folder.path().join("accounts").join(location).join(account)
    }

    /// A grant for the operator, who may do everything.
    #[must_use]
    pub fn grant<A: RepositoryAction>(&self, repository: &str) -> Grant<A> {
        self.grant_to(Actor::Operator, repository)
    }

    /// A grant for somebody who may do everything.
    #[must_use]
    pub fn grant_to<A: RepositoryAction>(&self, actor: Actor, repository: &str) -> Grant<A> {
        let caller = Caller::with_basic(actor, Rights::everything());
        holdfast_access::decide(&caller, self.id(), &name(repository)).expect("everything is allowed")
    }

    /// A grant to list the catalog.
    #[must_use]
    pub fn catalog_grant(&self) -> RegistryGrant<action::CatalogRead> {
        holdfast_access::decide_registry(&Caller::operator(), self.id()).expect("the operator may do everything")
    }

    /// Changes the registry's switches.
    pub async fn switch(&self, change: impl Fn(&mut RegistryRecord) + Send + Sync + 'static) {
        self.resources()
            .update_registry(NAME, change)
            .await
            .expect("the registry can be changed");
    }

    /// Uploads a blob in one request.
    ///
    /// # Errors
    /// What the operation says.
    pub async fn try_push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Result<Digest, Error> {
        let bytes = bytes.into();
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        self.upload_whole(&self.grant(repository), &digest, Body::whole(bytes))
            .await?;
        Ok(digest)
    }

    /// Uploads a blob in one request.
    pub async fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        self.try_push_blob(repository, bytes).await.expect("the blob is taken")
    }

    /// Pushes a document under a tag, or by digest without one; its blobs first.
    ///
    /// # Errors
    /// What the operations say.
    pub async fn try_push(&self, repository: &str, tag: Option<&str>, document: &Document) -> Result<Digest, Error> {
        for blob in document.blobs() {
            self.try_push_blob(repository, blob.clone()).await?;
        }
        let reference = tag.map_or_else(|| document.digest().into(), |text| Reference::Tag(self::tag(text)));
        let pushed = self
            .put_manifest(&self.grant(repository), document.put(reference))
            .await?;
        Ok(pushed.digest)
    }

    /// Pushes a document under a tag, or by digest without one; its blobs first.
    pub async fn push(&self, repository: &str, tag: Option<&str>, document: &Document) -> Digest {
        self.try_push(repository, tag, document)
            .await
            .expect("the manifest is taken")
    }

    /// Pulls a manifest by tag or digest, as text.
    ///
    /// # Errors
    /// What the operation says.
    pub async fn pull(&self, repository: &str, reference: &str) -> Result<ManifestContent, Error> {
        let reference = reference.parse().expect("the text is a reference");
        self.load_manifest(&self.grant(repository), &reference).await
    }

    /// Reads a blob the way a pull does.
    ///
    /// # Errors
    /// What the operations say.
    pub async fn read_blob(&self, repository: &str, digest: &Digest) -> Result<Bytes, Error> {
        let grant = self.grant(repository);
        let blob = self.load_blob(&grant, digest).await?;
        Ok(read_all(self.open_blob(&grant, &blob, 0..blob.size_bytes).await?).await)
    }

    /// Every tag that listings show, with what it points to.
    ///
    /// # Errors
    /// What the operation says.
    pub async fn tags(&self, repository: &str) -> Result<Vec<TagRecord>, Error> {
        self.list_tags(&self.grant::<action::TagsList>(repository), None, everything())
            .await
    }

    /// The catalog.
    pub async fn catalog(&self) -> Vec<RepositoryName> {
        self.list_repositories(&self.catalog_grant(), None, ALL)
            .await
            .expect("the catalog can be listed")
    }

    /// Collects with the grace period of the limits.
    pub async fn collect(&self) -> Collected {
        self.collect_with(false).await
    }

    /// What [`TestRegistry::collect`] would do.
    pub async fn collect_dry(&self) -> Collected {
        self.collect_with(true).await
    }

    async fn collect_with(&self, dry_run: bool) -> Collected {
        let grace = self.limits.grace;
        self.collect_garbage(CollectOptions { grace, dry_run })
            .await
            .expect("the collection runs")
    }

    /// Objects in the store, needed or not.
    pub async fn count_objects(&self) -> usize {
        crate::blobs::list(&self.open.blobs).await.len()
    }

    /// Blobs that have a row.
    pub async fn count_blobs(&self) -> u64 {
        self.rows()
            .query(|read| read.count_blobs())
            .await
            .expect("blobs can be counted")
            .0
    }
}

/// A page with everything.
#[must_use]
pub fn everything<Name>() -> Page<Name> {
    Page {
        after: None,
        limit: ALL,
        order: ListOrder::Name,
    }
}

/// A repository's name.
#[must_use]
pub fn name(text: &str) -> RepositoryName {
    text.parse().expect("the text is a repository's name")
}

/// A tag.
#[must_use]
pub fn tag(text: &str) -> Tag {
    text.parse().expect("the text is a tag")
}

/// An object's bytes.
pub async fn read_all(content: Content) -> Bytes {
    content.read_whole().await.expect("the content holds its range")
}

/// Where further storage accounts are made, in two locations; the first account's store is a folder beside them.
fn places(folder: &Path) -> FilesystemPlaces {
    let roots = ["local", "far"].map(|location| (location.to_owned(), folder.join("accounts").join(location)));
    FilesystemPlaces::new(BTreeMap::from(roots))
}

fn open(
    (folder, bytes): (&Path, &TestStore),
    metadata: OpenRows,
    clock: &Arc<TestClock>,
    ids: &Arc<TestIds>,
    limits: Limits,
    (decorator, kill): (Option<&Decorator>, &Kill),
    record: &RegistryRecord,
) -> Open {
    let blobs = FaultyStore::new(kill.before_bytes(bytes.open()));
    let port = kill.before_rows(Arc::new(RunTwice::new(metadata.port())));
    let shared: Arc<dyn Blobs> = Arc::new(blobs.clone());
    let operator = Operator::new(Parts {
        metadata: decorator.map_or_else(|| Arc::clone(&port), |decorate| decorate(Arc::clone(&port))),
        stores: HashMap::from([(record.storage_account, shared)]),
        places: Arc::new(places(folder)),
        clock: clock.clone(),
        ids: ids.clone(),
        limits,
    });
    Open {
        operator,
        metadata,
        blobs,
    }
}
