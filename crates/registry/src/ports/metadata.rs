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
    JobRead, JobTx, ManifestRead, ManifestTx, PersonRead, PersonTx, PrincipalRead, PrincipalTx, RegistryRead,
    RegistryTx, RepositoryRead, RepositoryTx, RoleAssignmentRead, RoleAssignmentTx, ScopeMapRead, ScopeMapTx,
    SignInRead, SignInTx, StorageAccountRead, StorageAccountTx, TagRead, TagTx, TallyRead, TokenRead, TokenTx,
    UploadRead, UploadTx,
};
use crate::Error;

/// Work inside one read snapshot.
pub type ReadWork = Box<dyn FnOnce(&mut dyn Read) -> Result<(), Error> + Send>;
/// Work inside one write transaction; it may run more than once, and only its last run counts.
pub type WriteWork = Box<dyn Fn(&mut dyn Tx) -> Result<Outcome, Error> + Send + Sync>;

/// What becomes of a transaction whose work succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is committed.
    Commit,
    /// It is undone: what it did was only to be seen.
    Undo,
}

/// What must be true before [`Metadata::write`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The change survives a power cut (ARCHITECTURE.md, law 3).
    Durable,
    /// The change survives the end of this process; for progress that a client can repeat.
    Relaxed,
}

/// A metadata store.
#[async_trait]
pub trait Metadata: Send + Sync {
    /// Runs `work` in one snapshot.
    ///
    /// # Errors
    /// Whatever `work` returns, or [`Error::Metadata`].
    async fn read(&self, work: ReadWork) -> Result<(), Error>;

    /// Runs `work` in one transaction, as if alone. `Err` from `work` undoes all it did and is returned; `Ok` is
    /// returned only after the commit, or after it was undone when `work` said so.
    ///
    /// # Errors
    /// Whatever `work` returns, [`Error::Metadata`], or [`Error::Overloaded`] when too many writes
    /// wait.
    async fn write(&self, durability: Durability, work: WriteWork) -> Result<(), Error>;
}

/// [`Metadata`] with results; for every implementation.
#[async_trait]
pub trait MetadataExt {
    /// [`Metadata::read`] returning what `work` returns.
    async fn query<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> Result<T, Error> + Send + 'static;

    /// [`Metadata::write`] returning what `work` returns.
    async fn transact<T, F>(&self, durability: Durability, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, Error> + Send + Sync + 'static;

    /// The same, undone: what `work` would return.
    async fn rehearse<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, Error> + Send + Sync + 'static;
}

#[async_trait]
impl MetadataExt for dyn Metadata + '_ {
    async fn query<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> Result<T, Error> + Send + 'static,
    {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.read(Box::new(move |read| {
            let value = work(read)?;
            // The receiver is held until the work is done; a failed send has nobody to tell.
            drop(sender.send(value));
            Ok(())
        }))
        .await?;
        receiver.recv().map_err(|_| Error::metadata("ran a read", NoResult))
    }

    async fn transact<T, F>(&self, durability: Durability, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, Error> + Send + Sync + 'static,
    {
        write(self, durability, Outcome::Commit, work).await
    }

    async fn rehearse<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, Error> + Send + Sync + 'static,
    {
        write(self, Durability::Relaxed, Outcome::Undo, work).await
    }
}

async fn write<T, F>(
    metadata: &(dyn Metadata + '_),
    durability: Durability,
    outcome: Outcome,
    work: F,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, Error> + Send + Sync + 'static,
{
    let result = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&result);
    let work = move |tx: &mut dyn Tx| {
        let value = work(tx)?;
        // The last run's value stands.
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        Ok(outcome)
    };
    metadata.write(durability, Box::new(work)).await?;
    let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    value.ok_or_else(|| Error::metadata("ran a write", NoResult))
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
{
}
