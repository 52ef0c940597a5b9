//! The ids of a test. They refuse to be random.

use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_model::Ids;
use holdfast_oci::{Algorithm, Digest};
use uuid::Uuid;

/// Ids that look random and are the same in every run.
#[derive(Debug, Default)]
pub struct TestIds(AtomicU64);

impl Ids for TestIds {
    fn uuid(&self) -> Uuid {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let digest = Digest::of(Algorithm::Sha256, &number.to_le_bytes());
        let bytes = digest.bytes().first_chunk().expect("a digest is longer than an id");
        uuid::Builder::from_random_bytes(*bytes).into_uuid()
    }
}
