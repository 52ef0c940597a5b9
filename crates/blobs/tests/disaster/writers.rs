//! Writers that tell which objects they were told are stored, and the check that these are whole.

use std::sync::Arc;

use bytes::Bytes;
use holdfast_model::{Blobs, ObjectKey, StoreError};
use holdfast_testkit::blobs::{fresh_key, list, pattern, read};
use uuid::Uuid;

/// Chunks are this long.
const CHUNK_BYTES: usize = 64 * 1024;

/// An object that a store has acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Acked {
    pub(crate) key: ObjectKey,
    pub(crate) size: usize,
}

/// Writes objects of many sizes from several tasks until the store fails, telling of each that it took. A lying writer
/// tells before the bytes are durable, to prove that the check can fail.
pub(crate) async fn write_until_failure(
    store: Arc<dyn Blobs>,
    is_lying: bool,
    tell: impl Fn(Acked) + Clone + Send + 'static,
) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..6_usize {
        let (store, tell) = (Arc::clone(&store), tell.clone());
        tasks.spawn(async move {
            for round in 0_usize.. {
                let size = (round * 7_919 + number * 104_729) % if number < 4 { 20_000 } else { 6_000_000 };
                let key = fresh_key();
                let stored = match (is_lying, number < 4) {
                    (true, _) => pretend(&*store, &key, size).await,
                    (false, true) => store.put(&key, content(&key, size)).await,
                    (false, false) => append(&*store, &key, size).await,
                };
                if stored.is_err() {
                    break;
                }
                tell(Acked { key, size });
            }
        });
    }
    tasks.join_all().await;
}

/// What of these is not in the store as it was acknowledged.
pub(crate) async fn lost(store: &dyn Blobs, acked: &[Acked]) -> Vec<ObjectKey> {
    let sizes: std::collections::HashMap<_, _> = list(store).await.into_iter().map(|o| (o.key, o.size_bytes)).collect();
    let mut lost = Vec::new();
    for Acked { key, size } in acked {
        let is_whole =
            sizes.get(key) == Some(&(*size as u64)) && read(store, key, 0..*size as u64).await == content(key, *size);
        if !is_whole {
            lost.push(key.clone());
        }
    }
    lost
}

/// A random number below the limit.
pub(crate) fn random_below(limit: u64) -> u64 {
    Uuid::new_v4().as_u64_pair().1 % limit
}

async fn append(store: &dyn Blobs, key: &ObjectKey, size: usize) -> Result<(), StoreError> {
    let bytes = content(key, size);
    let mut writer = store.begin(key).await?;
    for at in (0..size).step_by(CHUNK_BYTES) {
        writer.write(bytes.slice(at..size.min(at + CHUNK_BYTES))).await?;
    }
    writer.complete().await
}

/// Hands the bytes to the operating system and no further, all but the last chunk; never finishes.
async fn pretend(store: &dyn Blobs, key: &ObjectKey, size: usize) -> Result<(), StoreError> {
    let bytes = content(key, size);
    let mut writer = store.begin(key).await?;
    writer.write(bytes.slice(..size / 2)).await?;
    writer.save().await?;
    writer.write(bytes.slice(size / 2..)).await
}

/// Every object has its own bytes, so that one object's bytes in another are noticed.
fn content(key: &ObjectKey, size: usize) -> Bytes {
    let mask = key.uuid().into_bytes();
    let bytes = pattern(size);
    bytes
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask)
        .collect()
}
