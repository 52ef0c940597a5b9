//! Where contents that clients sent are read. Four mebibytes of JSON may take a processor for a third of a second, and an
//! async thread has other requests to serve: large contents are read on blocking threads, a few at a time. It refuses to
//! know what they are.

use std::{panic, sync::Arc};

use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    Error,
    limits::{MAX_INLINE_PARSE_BYTES, MAX_PARSES},
};

/// Turns at reading large contents.
pub(crate) struct Parsing {
    turns: Arc<Semaphore>,
}

impl Default for Parsing {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(MAX_PARSES)),
        }
    }
}

impl Parsing {
    /// Reads a content of so many bytes; a large one when it is its turn. Whoever goes away while waiting costs nothing;
    /// reading that has begun keeps its turn until it ends.
    ///
    /// # Errors
    /// [`Error::Stopping`] when the runtime ends first.
    pub(crate) async fn run<T, F>(&self, size_bytes: usize, parse: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if size_bytes <= MAX_INLINE_PARSE_BYTES {
            return Ok(parse());
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.expect("nobody closes the semaphore");
        let parsing = spawn_blocking(move || {
            let _turn = turn;
            parse()
        });
        parsing.await.map_err(|error| match error.try_into_panic() {
            Ok(reason) => panic::resume_unwind(reason),
            Err(_cancelled) => Error::Stopping,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::mpsc,
        task::{Context, Waker},
        thread,
    };

    use super::*;

    const LARGE: usize = MAX_INLINE_PARSE_BYTES + 1;

    fn is_pending<F: Future>(asked: &mut Pin<Box<F>>) -> bool {
        asked
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    }

    #[tokio::test]
    async fn only_large_contents_leave_the_thread() {
        let (parsing, here) = (Parsing::default(), thread::current().id());
        let reader = || thread::current().id();
        assert_eq!(parsing.run(MAX_INLINE_PARSE_BYTES, reader).await.unwrap(), here);
        assert_ne!(parsing.run(LARGE, reader).await.unwrap(), here);
    }

    #[tokio::test]
    async fn large_contents_wait_for_their_turn_and_small_ones_do_not() {
        let parsing = Parsing::default();
        let mut open = Vec::new();
        let mut ends = Vec::new();
        for _ in 0..MAX_PARSES {
            let (end, wait) = mpsc::channel::<()>();
            ends.push(end);
            let mut reading = Box::pin(parsing.run(LARGE, move || wait.recv()));
            assert!(is_pending(&mut reading));
            open.push(reading);
        }
        let mut late = Box::pin(parsing.run(LARGE, || "late"));
        assert!(is_pending(&mut late));
        assert_eq!(parsing.turns.available_permits(), 0);
        assert_eq!(parsing.run(1, || "small").await.unwrap(), "small");
        // Whoever asked went away: what has begun keeps its turn until it ends.
        drop(open);
        assert_eq!(parsing.turns.available_permits(), 0);
        drop(ends);
        assert_eq!(late.await.unwrap(), "late");
    }

    #[tokio::test]
    #[should_panic(expected = "as it would on the async thread")]
    async fn a_panic_goes_on_to_whoever_asked() {
        let parsing = Parsing::default();
        let _never: Result<(), _> = parsing.run(LARGE, || panic!("as it would on the async thread")).await;
    }
}
