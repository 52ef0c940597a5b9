//! What the store counts of itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the writer has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Transactions.
    pub batches: u64,
    /// Transactions that were flushed to the disk before anybody was answered.
    pub durable_batches: u64,
    /// Flushes of the log; `durable_batches / flushes` is what flushing beside the writer gains.
    pub flushes: u64,
    /// Writes, also failed ones; `writes / batches` is what group commit gains.
    pub writes: u64,
    /// Statements of reads and of writes; those that begin and end transactions are not counted, because writes share
    /// them.
    pub statements: u64,
    /// Writes that wait now.
    pub queue_depth: u64,
    /// Times the log was copied into the database.
    pub checkpoints: u64,
    /// Pages in the log after the last transaction.
    pub log_pages: u64,
}

/// Counters behind [`Stats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    batches: AtomicU64,
    durable_batches: AtomicU64,
    flushes: AtomicU64,
    writes: AtomicU64,
    statements: AtomicU64,
    queue_depth: AtomicU64,
    checkpoints: AtomicU64,
    log_pages: AtomicU64,
}

impl Counters {
    /// A transaction begins.
    pub(super) fn began(&self) {
        self.batches.fetch_add(1, Relaxed);
    }

    /// So many durable transactions are on the disk.
    pub(super) fn durable(&self, batches: usize) {
        self.durable_batches.fetch_add(batches as u64, Relaxed);
    }

    /// The log was flushed.
    pub(super) fn flushed(&self) {
        self.flushes.fetch_add(1, Relaxed);
    }

    /// A write is about to wait. Told before it does, so that nobody ever counts below zero.
    pub(super) fn queued(&self) {
        self.queue_depth.fetch_add(1, Relaxed);
    }

    /// It was not let in.
    pub(super) fn turned_away(&self) {
        self.queue_depth.fetch_sub(1, Relaxed);
    }

    /// So many writes wait no longer.
    pub(super) fn taken(&self, writes: usize) {
        self.writes.fetch_add(writes as u64, Relaxed);
        self.queue_depth.fetch_sub(writes as u64, Relaxed);
    }

    /// How long the log is, and whether it was copied.
    pub(super) fn log(&self, pages: u64, is_copied: bool) {
        self.checkpoints.fetch_add(u64::from(is_copied), Relaxed);
        self.log_pages.store(pages, Relaxed);
    }

    /// Counts the statements of writes.
    pub(super) fn statements(&self) -> &AtomicU64 {
        &self.statements
    }

    /// All of them.
    pub(super) fn stats(&self) -> Stats {
        Stats {
            batches: self.batches.load(Relaxed),
            durable_batches: self.durable_batches.load(Relaxed),
            flushes: self.flushes.load(Relaxed),
            writes: self.writes.load(Relaxed),
            statements: self.statements.load(Relaxed),
            queue_depth: self.queue_depth.load(Relaxed),
            checkpoints: self.checkpoints.load(Relaxed),
            log_pages: self.log_pages.load(Relaxed),
        }
    }
}
