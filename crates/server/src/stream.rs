//! The requests of an HTTP/2 connection, each a task of its own. HTTP/1 has nothing like it: there a peer that takes
//! nothing stops its whole connection, and `socket` gives up on that; here it may stop one answer and keep the rest, and
//! what that answer holds in memory, alive for ever. It refuses to know what is answered.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::rt::Executor;
use tokio::time::{Instant, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::activity::Activity;

/// How long a peer may take nothing of an answer.
const STALL: Duration = Duration::from_secs(60);

tokio::task_local! {
    static PULSE: Arc<Pulse>;
}

/// Runs requests: tracked, cut off at the end, and given up when their answers are not taken.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    pub(crate) tasks: TaskTracker,
    pub(crate) cutting: CancellationToken,
    pub(crate) activity: Arc<Activity>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, request: F) {
        let pulse = Arc::new(Pulse::new());
        let cutting = self.cutting.clone();
        let running = self.activity.begin();
        let watched = watch(request, Arc::clone(&pulse), cutting);
        self.tasks.spawn(PULSE.scope(pulse, async move {
            watched.await;
            drop(running);
        }));
    }
}

async fn watch(request: impl Future<Output = ()>, pulse: Arc<Pulse>, cutting: CancellationToken) {
    let request = pin!(request);
    tokio::select! {
        // First, so that most requests never set a timer.
        biased;
        () = request => {}
        () = cutting.cancelled() => {}
        () = pulse.stop() => tracing::debug!("a peer took nothing of an answer; gave it up"),
    }
}

/// Says that the answer of the request that this task runs moves on.
pub(crate) fn beat() {
    // Elsewhere than in such a task there is nobody to tell.
    let _ = PULSE.try_with(|pulse| pulse.beat());
}

/// When an answer last moved on.
#[derive(Debug)]
struct Pulse {
    started: Instant,
    /// Milliseconds from then to the last beat, plus one; 0 before the first.
    last: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    fn beat(&self) {
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.last.store(since + 1, Relaxed);
    }

    /// Waits until the answer has begun and then stood still for too long. Handlers may take as long as they need.
    async fn stop(&self) {
        loop {
            let last = self.last.load(Relaxed);
            let moved = match last.checked_sub(1) {
                Some(millis) => self.started + Duration::from_millis(millis),
                None => Instant::now(),
            };
            sleep_until(moved + STALL).await;
            if last > 0 && self.last.load(Relaxed) == last {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slow_handler_is_waited_for() {
        let pulse = Pulse::new();
        assert!(timeout(STALL * 100, pulse.stop()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_moves_is_waited_for_and_one_that_stops_is_not() {
        let pulse = Pulse::new();
        let moves = async {
            for _ in 0..100 {
                pulse.beat();
                sleep(STALL / 2).await;
            }
        };
        let started = Instant::now();
        let ((), ()) = tokio::join!(moves, pulse.stop());
        let took = started.elapsed();
        assert!(took >= STALL * 50 && took < STALL * 52, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_answer_is_not_taken_is_dropped() {
        let streams = Streams {
            tasks: TaskTracker::new(),
            cutting: CancellationToken::new(),
            activity: Arc::new(Activity::new()),
        };
        streams.execute(async {
            beat();
            std::future::pending::<()>().await;
        });
        streams.tasks.close();
        timeout(STALL * 3, streams.tasks.wait()).await.unwrap();
    }
}
