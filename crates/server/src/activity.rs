//! When a connection last did something that it is there for. What keeps a connection alive without a request (HTTP/2's
//! PING) is nothing of the kind. It refuses to know what the requests are.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// How long a connection may be without a request.
const REST: Duration = Duration::from_secs(120);

/// Of one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    running: AtomicUsize,
    last: Mutex<Instant>,
    /// It speaks HTTP/1, where the wait for the next head is the limit.
    is_http1: AtomicBool,
}

/// A request that is being answered, until this is dropped.
pub(crate) struct Running(Arc<Activity>);

impl Activity {
    pub(crate) fn new() -> Self {
        Self {
            running: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
            is_http1: AtomicBool::new(false),
        }
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::AcqRel);
        Running(Arc::clone(self))
    }

    pub(crate) fn speaks_http1(&self) {
        self.is_http1.store(true, Ordering::Release);
    }

    /// Waits until there was no request for too long.
    pub(crate) async fn rest(&self) {
        self.idle(REST).await;
        if self.is_http1.load(Ordering::Acquire) {
            std::future::pending().await
        }
    }

    /// Waits until there was no request for so long.
    pub(crate) async fn idle(&self, time: Duration) {
        loop {
            let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let is_running = self.running.load(Ordering::Acquire) > 0;
            let until = if is_running { Instant::now() } else { last } + time;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_requests_rests_and_one_with_a_long_one_does_not() {
        let activity = Arc::new(Activity::new());
        let running = activity.begin();
        assert!(timeout(REST * 100, activity.rest()).await.is_err());
        drop(running);
        assert!(timeout(REST / 2, activity.rest()).await.is_err());
        assert!(timeout(REST * 2, activity.rest()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn http1_has_a_limit_of_its_own() {
        let activity = Arc::new(Activity::new());
        activity.speaks_http1();
        assert!(timeout(REST * 100, activity.rest()).await.is_err());
    }
}
