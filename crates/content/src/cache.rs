//! Immutable content in memory, by digest. It refuses to keep anybody else's memory: a slice of a request's buffer would
//! keep the whole of it.

use bytes::Bytes;
use holdfast_oci::Digest;
use moka::sync::Cache;

/// What an entry takes besides its bytes: the key, the handle, its places in the queues of the cache and the rounding of
/// the allocator. Without it a crowd of tiny entries would weigh next to nothing.
const ENTRY_BYTES: usize = 512;

/// Content by digest, at most so many bytes of memory.
#[derive(Clone)]
pub(crate) struct ContentCache {
    entries: Cache<Digest, Bytes>,
}

impl ContentCache {
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let weight = |_: &Digest, bytes: &Bytes| u32::try_from(bytes.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        Self {
            entries: Cache::builder().max_capacity(capacity_bytes).weigher(weight).build(),
        }
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.entries.get(digest)
    }

    /// Keeps a copy, exactly as long as the content.
    pub(crate) fn insert(&self, digest: Digest, content: &[u8]) {
        self.entries.insert(digest, Bytes::copy_from_slice(content));
    }
}

#[cfg(test)]
mod tests {
    use holdfast_oci::Algorithm;

    use super::*;

    fn digest(number: u64) -> Digest {
        Digest::of(Algorithm::Sha256, &number.to_be_bytes())
    }

    #[test]
    fn what_is_kept_is_a_copy() {
        let cache = ContentCache::new(1 << 20);
        let buffer = Bytes::from(vec![7; 64 << 10]);
        cache.insert(digest(1), &buffer.slice(..2));
        assert!(buffer.is_unique(), "the entry keeps the buffer");
        assert_eq!(cache.get(&digest(1)).unwrap(), [7, 7].as_slice());
    }

    #[test]
    fn a_crowd_of_tiny_entries_has_its_weight() {
        let cache = ContentCache::new(64 << 10);
        for number in 0..10_000 {
            cache.insert(digest(number), b"");
        }
        cache.entries.run_pending_tasks();
        assert!(cache.entries.entry_count() <= 128, "{}", cache.entries.entry_count());
        assert!(cache.entries.weighted_size() >= cache.entries.entry_count() * 512);
    }
}
