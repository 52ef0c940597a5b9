//! Going on ahead of the disk: a request may see rows that a power cut can still take, as long as nobody outside hears of
//! them before they are safe. What it writes after that is safe only together with them (ARCHITECTURE.md, law 4).

use std::cell::Cell;

use crate::{Metadata, MetadataError};

tokio::task_local! {
    /// The newest state that the request of this task has seen, by its store's count.
    static SEEN: Cell<u64>;
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
    SEEN.scope(Cell::new(0), settled).await
}

/// Waits until all that this task's request has seen is safe. Who is in no request has seen nothing else.
///
/// # Errors
/// When it does not become so.
pub async fn settle(metadata: &dyn Metadata) -> Result<(), MetadataError> {
    match SEEN.try_with(Cell::get) {
        Ok(seen) if seen > 0 => metadata.settle(seen).await,
        _ => Ok(()),
    }
}

/// For a store: notes what this task's request is about to see. `false` when it is in none, and must wait first.
#[must_use]
pub fn note_seen(state: u64) -> bool {
    SEEN.try_with(|seen| seen.set(seen.get().max(state))).is_ok()
}
