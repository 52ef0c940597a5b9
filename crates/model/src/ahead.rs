//! Going on ahead of the disk: a request may see rows that a power cut can still take, as long as nobody outside hears of
//! them before they are safe. What it writes after that is safe only together with them (ARCHITECTURE.md, law 4).

use std::cell::Cell;

use crate::{Metadata, MetadataError};

tokio::task_local! {
    /// What the request of this task has seen.
    static SEEN: Cell<Seen>;
}

/// The newest commits that somebody may have seen, by their store's count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Of all that survive a power cut.
    pub commit: u64,
    /// Of those that are not [pushes](crate::Durability::Pushed).
    pub decision: u64,
}

impl Seen {
    /// What somebody has seen who has seen both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            commit: self.commit.max(other.commit),
            decision: self.decision.max(other.decision),
        }
    }
}

/// Runs a request whose reads, and writes that need no flush, do not wait until what they saw is safe from a power cut. Its
/// answer does, and whatever destroys bytes must [`settle`] before. Tasks that it starts wait for themselves.
///
/// # Errors
/// When what it saw does not become safe; then its answer never was.
pub async fn ahead_of_disk<T>(metadata: &dyn Metadata, request: impl Future<Output = T>) -> Result<T, MetadataError> {
    let settled = async {
        let answer = request.await;
        settle(metadata).await?;
        Ok(answer)
    };
    SEEN.scope(Cell::default(), settled).await
}

/// Waits until all that this task's request has seen is safe. Who is in no request has seen nothing else.
///
/// # Errors
/// When it does not become so.
pub async fn settle(metadata: &dyn Metadata) -> Result<(), MetadataError> {
    match SEEN.try_with(Cell::get) {
        Ok(seen) if seen.commit > 0 => metadata.settle(seen.commit).await,
        _ => Ok(()),
    }
}

/// Says that the answer of this task's request tells only that a session goes on, which a power cut may take, too: no push
/// that it saw had a part in that, and it need not wait for one.
pub fn tell_only_of_a_session() {
    // Outside of a request nothing waits later.
    let _outside = SEEN.try_with(|seen| {
        let decision = seen.get().decision;
        seen.set(Seen {
            commit: decision,
            decision,
        });
    });
}

/// For a store: notes what this task's request is about to see. `false` when it is in none, and must wait first.
#[must_use]
pub fn note_seen(more: Seen) -> bool {
    SEEN.try_with(|seen| seen.set(seen.get().and(more))).is_ok()
}
