//! Named limits of the operations on content, and of what all rules do in steps. It refuses to hold limits of a wire format:
//! those stand beside their parsers.

use std::time::Duration;

/// Limits that an operator may change.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest blob taken (ACR: 200 GiB).
    pub max_blob_bytes: u64,
    /// Upload sessions one caller may have open in one registry.
    pub max_uploads_per_caller: u64,
    /// A session without progress for this long is purged.
    pub upload_idle: Duration,
    /// How long a candidate waits before it is looked at again. It must be longer than a push may
    /// take from its first blob to its manifest.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_blob_bytes: 200 << 30,
            max_uploads_per_caller: 1_000,
            upload_idle: Duration::from_secs(24 * 3600),
            grace: Duration::from_secs(24 * 3600),
        }
    }
}

/// A caller who has all the uploads they may have gets another one for the one that has waited longest for bytes, once it
/// waited this long: those of clients that died take no place for a day.
pub(crate) const UPLOAD_GIVES_WAY_AFTER: Duration = Duration::from_secs(600);
/// How long a question how far an upload is waits for the request that is writing to it.
pub(crate) const PROGRESS_WAITS: Duration = Duration::from_millis(500);
/// Blobs up to this size are rows, as manifests are: no store of bytes is asked for them. A session that received no more
/// keeps the bytes in its own row.
pub const ROW_BLOB_BYTES: usize = 16 << 10;
/// Blobs up to this size are received whole, stored in one step and kept in the cache.
pub(crate) const SMALL_BLOB_BYTES: u64 = 64 << 10;

/// How long a signed URL of a blob is good: as long as a client may wait before it follows a redirect. What is read by it
/// goes on to its end.
pub const BLOB_URL_LASTS: Duration = Duration::from_secs(600);
/// Memory that small blobs kept for reading take.
pub(crate) const BLOB_CACHE_BYTES: u64 = 16 << 20;
/// Memory that manifests kept for reading take.
pub(crate) const MANIFEST_CACHE_BYTES: u64 = 32 << 20;
/// Tags taken in one push (dist-spec main, end-7b: at least 10 should be).
pub const MAX_TAGS_PER_PUSH: usize = 100;
/// Missing digests that a refusal of a manifest tells, each in an entry of some 300 bytes. Images name some hundred at
/// most; whoever pushed these is told the others.
pub(crate) const MAX_MISSING_TOLD: usize = 1_000;
/// Missing digests that the text of the refusal names.
pub(crate) const MAX_MISSING_NAMED: usize = 20;
/// Largest image config read to learn architecture and os.
pub(crate) const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Longest architecture or os that is taken from a config; Go's have some ten bytes. What is longer is not shown.
pub(crate) const MAX_PLATFORM_BYTES: usize = 64;
/// Text that a page of a listing brings at least before it ends for its bytes, with the row that reaches it. Clients read
/// 4 MiB of an answer (ORAS).
pub(crate) const PAGE_BYTES: usize = 2 << 20;
/// Tags that a listing shows of one manifest.
pub(crate) const MAX_TAGS_SHOWN: usize = 10_000;
/// Contents up to this size are read where they came in; what is larger takes a processor for longer than a request may
/// hold up others.
pub(crate) const MAX_INLINE_PARSE_BYTES: usize = 64 << 10;
/// Larger contents that are read at once, each on a thread of its own.
pub(crate) const MAX_PARSES: usize = 2;
/// Bytes of an upload that a thread hashes at once, while as many gather for the next turn.
pub(crate) const HASH_BATCH_BYTES: usize = 256 << 10;
/// Chunks that gather at most: a slow client's are hashed where they come in.
pub(crate) const HASH_BATCH_CHUNKS: usize = 64;
/// Objects that are hashed again at once.
pub(crate) const MAX_REHASHES: usize = 2;
/// Pulls of manifests, and of blobs, whose rows are kept until the next commit.
pub(crate) const PULLS_KEPT: usize = 4096;
/// Repositories looked at for a mount without `from`.
pub(crate) const MAX_MOUNT_SOURCES: usize = 32;
/// Candidates reviewed in one transaction, so that a push never waits long behind a collection.
pub(crate) const CANDIDATES_PER_TRANSACTION: usize = 100;
/// Looks at the queue in one collection without a grace period: an index of indexes of images needs four.
pub(crate) const MAX_COLLECTION_LEVELS: usize = 8;
/// What a run of background work could not handle, of which it tells the names; the others are counted.
pub(crate) const MAX_FAILURES_TOLD: usize = 100;
/// Objects of a store that are listed before they are looked up among the rows: what a listing has in memory.
pub(crate) const OBJECTS_PER_LOOK: usize = 10_000;
/// Manifests deleted in one transaction when a repository goes.
pub const MANIFESTS_PER_TRANSACTION: usize = 200;
/// Referrers or uploads handled in one step of a longer job.
pub const ROWS_PER_STEP: usize = 500;
