//! The clock of a test. It refuses to go by itself.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use holdfast_model::{Clock, Timestamp};

/// The first moment of a [`TestClock`]: some day in 2026.
const START: Timestamp = Timestamp(1_780_000_000_000_000);

/// A clock that stands still until the test moves it.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(START.0))
    }
}

impl TestClock {
    /// Moves the clock on.
    pub fn advance(&self, duration: Duration) {
        let micros = i64::try_from(duration.as_micros()).expect("a test lasts less than an age");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
