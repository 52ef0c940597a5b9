//! Ids of requests, as ACR gives them: they look random, differ from all others, and are no secret, so one question to
//! the operating system at start is enough.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use uuid::{Builder, Uuid};

/// Makes ids.
#[derive(Debug)]
pub(crate) struct RequestIds {
    start: u128,
    count: AtomicU64,
}

impl RequestIds {
    /// Ids that no other start gives.
    pub(crate) fn new() -> Self {
        Self {
            start: Uuid::new_v4().as_u128(),
            count: AtomicU64::new(0),
        }
    }

    /// The next one.
    pub(crate) fn next(&self) -> Uuid {
        /// An odd number, so that every count gives another product; its bits are those of the golden ratio.
        const STRIDE: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        let count = u128::from(self.count.fetch_add(1, Relaxed));
        let mixed = self.start.wrapping_add(count.wrapping_mul(STRIDE));
        Builder::from_random_bytes(mixed.to_be_bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ() {
        let ids = RequestIds::new();
        let seen: HashSet<Uuid> = (0..100_000).map(|_| ids.next()).collect();
        assert_eq!(seen.len(), 100_000);
        assert_eq!(ids.next().get_version_num(), 4);
    }
}
