//! One fixture for all tests of a binary that run at the same time. It lives while a test holds it and ends with the
//! last one, because Rust runs no destructor of a `static` and a forgotten engine would outlive the test run.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A fixture started by the first test that asks for it.
#[derive(Debug)]
pub struct Shared<T> {
    start: fn() -> T,
    live: Mutex<Weak<T>>,
}

impl<T> Shared<T> {
    /// A fixture that `start` makes when it is first needed.
    #[must_use]
    pub const fn new(start: fn() -> T) -> Self {
        Self {
            start,
            live: Mutex::new(Weak::new()),
        }
    }

    /// The running fixture, or a new one when none runs.
    pub fn get(&self) -> Arc<T> {
        // A test that panicked while it started the fixture has left nothing behind; the next one may try.
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fixture) = live.upgrade() {
            return fixture;
        }
        let fixture = Arc::new((self.start)());
        *live = Arc::downgrade(&fixture);
        fixture
    }
}
