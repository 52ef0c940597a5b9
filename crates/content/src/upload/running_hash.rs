//! The hash of a session's bytes while they come in: a thread of its own takes what came while the next is received. It
//! refuses to hold much: a batch is hashed, and the next one gathers.

use std::mem;

use bytes::Bytes;
use holdfast_model::StoreError;
use holdfast_oci::{Algorithm, Hasher};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::limits::{HASH_BATCH_BYTES, HASH_BATCH_CHUNKS};

/// A running hash.
pub(super) struct RunningHash {
    algorithm: Algorithm,
    state: State,
    /// What came since, at most a batch.
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
}

enum State {
    Here(Box<Hasher>),
    /// A thread takes a batch into it.
    Away(JoinHandle<Box<Hasher>>),
    /// The thread did not bring it back.
    Lost,
}

impl RunningHash {
    pub(super) fn new(hasher: Hasher) -> Self {
        Self {
            algorithm: hasher.algorithm(),
            state: State::Here(Box::new(hasher)),
            gathered: Vec::new(),
            gathered_bytes: 0,
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Takes the next bytes. It waits when the batch before is not hashed yet.
    pub(super) async fn update(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.gathered_bytes += chunk.len();
        self.gathered.push(chunk);
        if self.gathered_bytes >= HASH_BATCH_BYTES {
            self.idle().await?;
            self.send_away();
        } else if self.gathered.len() >= HASH_BATCH_CHUNKS {
            // Few bytes, each chunk of which holds the buffer it was received into.
            self.settle().await?;
        }
        Ok(())
    }

    fn send_away(&mut self) {
        if let State::Here(mut hasher) = mem::replace(&mut self.state, State::Lost) {
            let batch = mem::take(&mut self.gathered);
            self.gathered_bytes = 0;
            self.state = State::Away(spawn_blocking(move || {
                batch.iter().for_each(|chunk| hasher.update(chunk));
                hasher
            }));
        }
    }

    /// The hash of all that was taken.
    pub(super) async fn settle(&mut self) -> Result<&Hasher, StoreError> {
        let gathered = mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        let hasher = self.idle().await?;
        gathered.iter().for_each(|chunk| hasher.update(chunk));
        Ok(hasher)
    }

    /// The hash without what was gathered since, when no thread has it.
    async fn idle(&mut self) -> Result<&mut Hasher, StoreError> {
        if let State::Away(thread) = &mut self.state {
            self.state = match thread.await {
                Ok(hasher) => State::Here(hasher),
                Err(_) => State::Lost,
            };
        }
        match &mut self.state {
            State::Here(hasher) => Ok(hasher),
            State::Away(_) | State::Lost => Err(StoreError::Failed {
                attempted: "hashed an upload".to_owned(),
                source: "the thread that did it ended early".into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_oci::Digest;

    use super::*;

    async fn digest_in_chunks(bytes: &Bytes, length: usize) -> Digest {
        let mut hash = RunningHash::new(Hasher::new(Algorithm::Sha256));
        for chunk in bytes.chunks(length) {
            hash.update(bytes.slice_ref(chunk)).await.unwrap();
            assert!(hash.gathered_bytes < HASH_BATCH_BYTES && hash.gathered.len() < HASH_BATCH_CHUNKS);
        }
        hash.settle().await.unwrap().clone().finish()
    }

    #[tokio::test]
    async fn the_hash_is_that_of_all_bytes_however_they_come() {
        let bytes: Bytes = (0..3 * HASH_BATCH_BYTES + 1_001).map(|at| (at % 251) as u8).collect();
        let expected = Digest::of(Algorithm::Sha256, &bytes);
        for length in [
            100,
            4_000,
            HASH_BATCH_BYTES - 1,
            HASH_BATCH_BYTES,
            HASH_BATCH_BYTES + 1,
            bytes.len(),
        ] {
            assert_eq!(digest_in_chunks(&bytes, length).await, expected, "{length}");
        }
    }

    #[tokio::test]
    async fn a_hash_that_settled_goes_on() {
        let bytes = Bytes::from(vec![7; HASH_BATCH_BYTES * 2]);
        let mut hash = RunningHash::new(Hasher::new(Algorithm::Sha512));
        for part in [0..10, 10..HASH_BATCH_BYTES + 20, HASH_BATCH_BYTES + 20..bytes.len()] {
            hash.update(bytes.slice(part.clone())).await.unwrap();
            let saved = hash.settle().await.unwrap().save();
            let hasher = Hasher::restore(&saved).unwrap();
            assert_eq!(hasher.finish(), Digest::of(Algorithm::Sha512, &bytes[..part.end]));
        }
    }
}
