//! The port to the metadata store. Work is a plain closure over a transaction, so nothing can wait
//! for the network or for bytes while a transaction is open, and the rules are written once for
//! every database. Adapters only translate rows.
//!
//! Transactions are serializable. A store may have to run the work of one again from its beginning, because another
//! transaction was in its way: work changes nothing but the rows, and returns what it found.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{
    ApplicationRead, ApplicationTx, BlobRead, BlobTx, DirectoryRead, DirectoryTx, FrontRead, GarbageRead, GarbageTx,
    JobRead, JobTx, ManifestRead, ManifestTx, MetadataError, NodeRead, NodeTx, PersonRead, PersonTx, PrincipalRead,
    PrincipalTx, RegistryRead, RegistryTx, RepositoryRead, RepositoryTx, RoleAssignmentRead, RoleAssignmentTx,
    ScopeMapRead, ScopeMapTx, ServerKeyRead, ServerKeyTx, SignInRead, SignInTx, StorageAccountRead, StorageAccountTx,
    TagRead, TagTx, TallyRead, TokenRead, TokenTx, UploadRead, UploadTx,
};
/// Work inside one read snapshot.
pub type ReadWork = Box<dyn FnOnce(&mut dyn Read) -> Result<(), MetadataError> + Send>;
/// Work inside one write transaction; it may run more than once, and only its last run counts.
pub type WriteWork = Box<dyn Fn(&mut dyn Tx) -> Result<Outcome, MetadataError> + Send + Sync>;

/// What becomes of a transaction whose work succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is committed.
    Commit,
    /// It is undone: what it did was only to be seen, or was refused.
    Undo,
}

/// What must be true before [`Metadata::write`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The change survives a power cut (ARCHITECTURE.md, law 3).
    Durable,
    /// The same, of a push: it lets nobody in and unlocks nothing. Who only hears that an upload goes on, which would be so
    /// without it, need not wait until it is safe.
    Pushed,
    /// The change survives the end of this process; for progress that a client can repeat.
    Relaxed,
}

/// A metadata store.
#[async_trait]
pub trait Metadata: Send + Sync {
    /// Runs `work` in one snapshot.
    ///
    /// # Errors
    /// Whatever `work` returns, or the store's own.
    async fn read(&self, work: ReadWork) -> Result<(), MetadataError>;

    /// Runs `work` in one transaction, as if alone. `Err` from `work` undoes all it did and is returned; `Ok` is
    /// returned only after the commit, or after it was undone when `work` said so.
    ///
    /// # Errors
    /// Whatever `work` returns, or the store's own; [`MetadataError::Overloaded`] when too many writes wait.
    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), MetadataError>;

    /// Waits until a state that a request has seen is safe from a power cut; see [`ahead_of_disk`](crate::ahead_of_disk). A
    /// store that shows nothing before it is safe has nothing to wait for.
    ///
    /// # Errors
    /// When it does not become so.
    async fn settle(&self, _commit: u64) -> Result<(), MetadataError> {
        Ok(())
    }

    /// How many commits there were, for a store that nobody else writes to: what a read found that began after this was
    /// asked is current as long as it stays the same. A commit is counted before anybody is answered. `None` when the store
    /// cannot tell without being asked over a network, and while there are some that are not safe from a power cut.
    fn commits(&self) -> Option<u64> {
        None
    }
}

/// [`Metadata`] with results, and with work that fails by an error of its own; for every implementation.
#[async_trait]
pub trait MetadataExt {
    /// [`Metadata::read`] returning what `work` returns.
    async fn query<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<MetadataError> + Send + 'static,
        F: FnOnce(&mut dyn Read) -> Result<T, E> + Send + 'static;

    /// [`Metadata::write`] returning what `work` returns.
    async fn transact<T, E, F>(&self, durability: Durability, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<MetadataError> + Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, E> + Send + Sync + 'static;

    /// The same, undone: what `work` would return.
    async fn rehearse<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<MetadataError> + Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, E> + Send + Sync + 'static;
}

#[async_trait]
impl MetadataExt for dyn Metadata + '_ {
    async fn query<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<MetadataError> + Send + 'static,
        F: FnOnce(&mut dyn Read) -> Result<T, E> + Send + 'static,
    {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let ended = self.read(Box::new(move |read| {
            // The receiver is held until the work is done; a failed send has nobody to tell.
            drop(sender.send(work(read)));
            Ok(())
        }));
        result_of(ended.await, receiver.try_recv().ok(), "ran a read")
    }

    async fn transact<T, E, F>(&self, durability: Durability, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<MetadataError> + Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, E> + Send + Sync + 'static,
    {
        write(self, durability, Outcome::Commit, work).await
    }

    async fn rehearse<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<MetadataError> + Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, E> + Send + Sync + 'static,
    {
        write(self, Durability::Relaxed, Outcome::Undo, work).await
    }
}

async fn write<T, E, F>(
    metadata: &(dyn Metadata + '_),
    durability: Durability,
    outcome: Outcome,
    work: F,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<MetadataError> + Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, E> + Send + Sync + 'static,
{
    let result = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&result);
    let work = move |tx: &mut dyn Tx| {
        let said = work(tx);
        let outcome = if said.is_ok() { outcome } else { Outcome::Undo };
        // What the last run said stands.
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
        Ok(outcome)
    };
    let ended = metadata.write(durability, Box::new(work)).await;
    let said = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    result_of(ended, said, "ran a write")
}

/// What work said of a transaction that ended so. When it failed, what it had seen never was: then not even a refusal
/// stands.
fn result_of<T, E: From<MetadataError>>(
    ended: Result<(), MetadataError>,
    said: Option<Result<T, E>>,
    attempted: &'static str,
) -> Result<T, E> {
    ended?;
    said.unwrap_or_else(|| Err(MetadataError::failed(attempted, NoResult).into()))
}

#[derive(Debug, thiserror::Error)]
#[error("the store said done without running the work")]
struct NoResult;

/// Everything that can be read.
pub trait Read:
    DirectoryRead
    + ApplicationRead
    + StorageAccountRead
    + PrincipalRead
    + PersonRead
    + SignInRead
    + RoleAssignmentRead
    + FrontRead
    + RegistryRead
    + ScopeMapRead
    + TokenRead
    + RepositoryRead
    + ManifestRead
    + TagRead
    + TallyRead
    + BlobRead
    + UploadRead
    + GarbageRead
    + JobRead
    + NodeRead
    + ServerKeyRead
    + NodeRead
    + ServerKeyRead
{
}
impl<T> Read for T where
    T: DirectoryRead
        + ApplicationRead
        + StorageAccountRead
        + PrincipalRead
        + PersonRead
        + SignInRead
        + RoleAssignmentRead
        + FrontRead
        + RegistryRead
        + ScopeMapRead
        + TokenRead
        + RepositoryRead
        + ManifestRead
        + TagRead
        + TallyRead
        + BlobRead
        + UploadRead
        + GarbageRead
        + JobRead
        + NodeRead
        + ServerKeyRead
        + NodeRead
        + ServerKeyRead
{
}

/// Everything that can be changed.
pub trait Tx:
    Read
    + DirectoryTx
    + ApplicationTx
    + PrincipalTx
    + PersonTx
    + SignInTx
    + RoleAssignmentTx
    + RegistryTx
    + ScopeMapTx
    + TokenTx
    + StorageAccountTx
    + RepositoryTx
    + ManifestTx
    + TagTx
    + BlobTx
    + UploadTx
    + GarbageTx
    + JobTx
    + NodeTx
    + ServerKeyTx
{
}
impl<T> Tx for T where
    T: Read
        + DirectoryTx
        + ApplicationTx
        + StorageAccountTx
        + PrincipalTx
        + PersonTx
        + SignInTx
        + RoleAssignmentTx
        + RegistryTx
        + ScopeMapTx
        + TokenTx
        + RepositoryTx
        + ManifestTx
        + TagTx
        + BlobTx
        + UploadTx
        + GarbageTx
        + JobTx
        + NodeTx
        + ServerKeyTx
{
}
