//! Flushing the log beside the writer (docs/decisions/0013-flushed-beside-writing.md). The writer commits without a flush
//! and hands what is to be answered to a thread that flushes: one flush for everything that waits. Nobody is answered who
//! was promised a durable change, or saw one, before that is on the disk; a request that goes on ahead of the disk is
//! answered in its end. It refuses to try a failed flush again: what the
//! system could not write it may have forgotten, and the next flush would say that all is well.

use std::fs::File;
use std::io;
use std::iter;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use holdfast_model::{MetadataError, Seen, note_seen};
use tokio::sync::{oneshot, watch};

use super::error::{NotFlushed, is_failed_flush};
use super::stats::Counters;

/// Batches that the writer may be ahead of the disk. Each is at most `BATCH_LIMIT` writes, and a flush takes all that wait.
const AHEAD_LIMIT: usize = 64;

/// Whom the end of a write is told, and what it has seen or made.
pub(super) type Answer = oneshot::Sender<(Result<(), MetadataError>, Seen)>;

/// Puts everything that was written to the log before on the disk.
pub(super) type FlushLog = Box<dyn FnMut() -> io::Result<()> + Send>;

/// Flushes the log of the database at `path`, and has done so once: a process that was killed may have left what no flush
/// has seen. The file stays open, so that an error of its writing cannot pass by unseen: the system tells each who has a
/// file open, once. SQLite keeps the file for as long as it has connections.
pub(super) fn log_of(path: &Path) -> io::Result<FlushLog> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    let log = File::open(name)?;
    log.sync_data()?;
    Ok(Box::new(move || log.sync_data()))
}

/// How far the log is flushed, in durable commits.
#[derive(Debug)]
pub(super) struct Flushed {
    /// The newest durable commit that somebody may see. It is told before it is made.
    newest: AtomicU64,
    /// The newest of those that is not a push.
    newest_decision: AtomicU64,
    /// The newest one that is on the disk, with all before it.
    flushed: AtomicU64,
    failure: OnceLock<NotFlushed>,
    /// Sends when one of the others has changed.
    news: watch::Sender<()>,
}

impl Default for Flushed {
    fn default() -> Self {
        Self {
            newest: AtomicU64::new(0),
            newest_decision: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            failure: OnceLock::new(),
            news: watch::Sender::new(()),
        }
    }
}

impl Flushed {
    /// The newest durable commits that may have been seen by who has looked before asking.
    pub(super) fn newest(&self) -> Seen {
        Seen {
            commit: self.newest.load(SeqCst),
            decision: self.newest_decision.load(SeqCst),
        }
    }

    /// Notes that a durable commit is about to be made, and whether it is more than pushes.
    pub(super) fn announce(&self, is_decision: bool) {
        let commit = self.newest.fetch_add(1, SeqCst) + 1;
        if is_decision {
            self.newest_decision.store(commit, SeqCst);
        }
    }

    /// Why nothing can be flushed any more.
    pub(super) fn failure(&self) -> Option<&NotFlushed> {
        self.failure.get()
    }

    /// Notes that a flush has failed, whoever asked for it. Only the first counts.
    pub(super) fn fail(&self, source: io::Error) {
        let failure = NotFlushed::from(source);
        tracing::error!(error = %failure.source, "{failure}");
        drop(self.failure.set(failure));
        self.news.send_replace(());
    }

    /// Notes an error of SQLite, if it says that a flush has failed.
    pub(super) fn note(&self, error: &rusqlite::Error) {
        if is_failed_flush(error) {
            self.fail(io::Error::other(error.to_string()));
        }
    }

    /// Waits until a durable commit is on the disk.
    pub(super) async fn reached(&self, commit: u64) -> Result<(), NotFlushed> {
        if self.has(commit) {
            return Ok(());
        }
        let mut news = self.news.subscribe();
        let told = news.wait_for(|()| self.has(commit) || self.failure().is_some());
        // The sender is here, so it is never gone.
        drop(told.await);
        match self.failure() {
            Some(failure) if !self.has(commit) => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// Lets durable commits be seen: waits until they are on the disk, or leaves that to the end of the request.
    pub(super) async fn seen(&self, seen: Seen) -> Result<(), NotFlushed> {
        if self.has(seen.commit) || note_seen(seen) {
            return Ok(());
        }
        self.reached(seen.commit).await
    }

    /// Whether all that can be seen is on the disk.
    pub(super) fn has_all(&self) -> bool {
        self.has(self.newest().commit)
    }

    fn has(&self, commit: u64) -> bool {
        self.flushed.load(SeqCst) >= commit
    }

    fn reach(&self, commit: u64) {
        self.flushed.store(commit, SeqCst);
        self.news.send_replace(());
    }
}

/// The writes of a transaction that has ended, and what they are told.
pub(super) struct Ended {
    /// The durable commit that it is, and what it may have seen.
    pub(super) seen: Seen,
    pub(super) outcomes: Vec<(Answer, Result<(), MetadataError>)>,
}

impl Ended {
    /// Tells it.
    pub(super) fn answer(self) {
        for (answer, outcome) in self.outcomes {
            // A caller that has gone away does not need the answer.
            drop(answer.send((outcome, self.seen)));
        }
    }

    /// Tells another thing.
    fn refuse(self, failure: &NotFlushed) {
        for (answer, _) in self.outcomes {
            drop(answer.send((Err(failure.to_error("flushed a write")), Seen::default())));
        }
    }
}

/// A transaction whose writes are told when it is on the disk.
pub(super) struct Durable {
    pub(super) ended: Ended,
    pub(super) is_committed: bool,
    /// Whether it may have written to the log.
    pub(super) has_written: bool,
}

/// The thread that flushes. Dropping it waits until all is flushed and answered.
pub(super) struct Flusher {
    /// `None` once it is to end.
    queue: Option<SyncSender<Durable>>,
    thread: Option<JoinHandle<()>>,
    flushed: Arc<Flushed>,
}

impl Flusher {
    /// Starts the thread.
    pub(super) fn start(flush: FlushLog, flushed: Arc<Flushed>, counters: Arc<Counters>) -> io::Result<Self> {
        let (queue, waiting) = sync_channel(AHEAD_LIMIT);
        let worker = FlusherThread {
            flush,
            flushed: Arc::clone(&flushed),
            counters,
        };
        let thread = thread::Builder::new()
            .name("metadata-flush".to_owned())
            .spawn(move || worker.serve(&waiting))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            flushed,
        })
    }

    /// Answers when it is on the disk, with all that it may have seen. Waits only while so many wait as may.
    pub(super) fn answer(&self, durable: Durable) {
        if self.flushed.has(durable.ended.seen.commit) {
            return durable.ended.answer();
        }
        let Some(queue) = &self.queue else { return };
        if let Err(SendError(durable)) = queue.send(durable)
            && let Some(failure) = self.flushed.failure()
        {
            durable.ended.refuse(failure);
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        if thread::panicking() {
            // It may have announced a commit that it did not come to.
            self.flushed
                .fail(io::Error::other("the thread that writes has panicked"));
        }
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // The join only fails for a panic, which the panic hook has reported.
            drop(thread.join());
        }
    }
}

struct FlusherThread {
    flush: FlushLog,
    flushed: Arc<Flushed>,
    counters: Arc<Counters>,
}

impl FlusherThread {
    fn serve(mut self, queue: &Receiver<Durable>) {
        while let Ok(first) = queue.recv() {
            let waiting = queue.try_iter().take(AHEAD_LIMIT);
            let batch: Vec<_> = iter::once(first).chain(waiting).collect();
            let told = self.flush(&batch);
            for durable in batch {
                match &told {
                    Ok(()) => durable.ended.answer(),
                    Err(failure) => durable.ended.refuse(failure),
                }
            }
        }
    }

    /// One flush for all of them.
    fn flush(&mut self, batch: &[Durable]) -> Result<(), NotFlushed> {
        if self.flushed.failure().is_none() && batch.iter().any(|durable| durable.has_written) {
            self.counters.flushed();
            if let Err(source) = (self.flush)() {
                self.flushed.fail(source);
            }
        }
        // Also when somebody else has found that the disk fails.
        if let Some(failure) = self.flushed.failure() {
            return Err(failure.clone());
        }
        self.counters
            .durable(batch.iter().filter(|durable| durable.is_committed).count());
        // They wait in the order of their commits.
        if let Some(last) = batch.last() {
            self.flushed.reach(last.ended.seen.commit);
        }
        Ok(())
    }
}

impl Drop for FlusherThread {
    fn drop(&mut self) {
        if thread::panicking() {
            self.flushed
                .fail(io::Error::other("the thread that flushes has panicked"));
        }
    }
}

#[cfg(test)]
mod tests;
