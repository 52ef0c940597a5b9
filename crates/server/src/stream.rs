//! The requests of an HTTP/2 connection, each a task of its own. HTTP/1 has nothing like it: there a peer that takes
//! nothing stops its whole connection, and `socket` gives up on that; here it may stop one answer and keep the rest, and
//! what that answer holds in memory, alive for ever. It refuses to know what is answered.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use hyper::rt::Executor;
use tokio::time::{Instant, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::activity::Activity;

/// How long a peer may take nothing of an answer.
const STALL: Duration = Duration::from_secs(60);
/// What it takes at least on the whole: whoever takes a byte now and then would keep the answer for ever.
const LEAST_BYTES_PER_SECOND: u64 = 1 << 10;
/// Bytes of an answer that are handed out at once, at most: what a peer at the least rate takes well within the time.
const SLICE_BYTES: usize = 32 << 10;
/// The end of an answer, handed out alone when all else is on its way, and copied: the request's task ends with it, and
/// what is not taken of it nobody watches any more.
const TAIL_BYTES: usize = 1 << 10;

tokio::task_local! {
    static WATCHDOG: Arc<StallWatchdog>;
}

/// Runs requests: tracked, cut off at the end, and given up when their answers are not taken.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    pub(crate) tasks: TaskTracker,
    pub(crate) cutting: CancellationToken,
    pub(crate) activity: Arc<Activity>,
    pub(crate) refusing: Refusing,
}

/// Whether the request that is handed on next was refused: one connection brings many at once, and each would wait as a
/// task of its own for the next turn to say so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusing(Arc<AtomicBool>);

impl Refusing {
    /// It was.
    pub(crate) fn next(&self) {
        self.0.store(true, Relaxed);
    }

    fn take(&self) -> bool {
        self.0.swap(false, Relaxed)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, request: F) {
        // In a box: it would be in the task once for every future that it is handed through.
        let mut request = Box::pin(request);
        // What does not end at once goes the way of all.
        if self.refusing.take() && request.as_mut().now_or_never().is_some() {
            return;
        }
        let watchdog = Arc::new(StallWatchdog::new());
        let cutting = self.cutting.clone();
        let running = self.activity.begin();
        let watched = watch(request, Arc::clone(&watchdog), cutting);
        self.tasks.spawn(WATCHDOG.scope(watchdog, async move {
            watched.await;
            drop(running);
        }));
    }
}

async fn watch(request: impl Future<Output = ()> + Unpin, watchdog: Arc<StallWatchdog>, cutting: CancellationToken) {
    tokio::select! {
        // First, so that most requests never set a timer.
        biased;
        () = request => {}
        () = cutting.cancelled() => {}
        () = watchdog.stop() => tracing::debug!("a peer took too little of an answer; gave it up"),
    }
}

/// Says that the request that this task runs is answered: from now on the answer has to be taken.
pub(crate) fn begin() {
    // Elsewhere than in such a task nobody watches.
    let _ = WATCHDOG.try_with(|watchdog| watchdog.hand_out(0));
}

/// The next of these bytes of the answer of the request that this task runs; `is_end` says that nothing comes after
/// them.
pub(crate) fn hand_out(bytes: &mut Bytes, is_end: bool) -> Bytes {
    WATCHDOG
        .try_with(|watchdog| {
            let slice = slice(bytes, is_end);
            watchdog.hand_out(slice.len() as u64);
            slice
        })
        // Elsewhere than in such a task nobody watches.
        .unwrap_or_else(|_| std::mem::take(bytes))
}

fn slice(bytes: &mut Bytes, is_end: bool) -> Bytes {
    let tail = if is_end { TAIL_BYTES } else { 0 };
    match bytes.len().checked_sub(tail) {
        Some(length @ 1..) => bytes.split_to(length.min(SLICE_BYTES)),
        _ => Bytes::copy_from_slice(&std::mem::take(bytes)),
    }
}

/// Until when an answer has to move on. Every byte that is taken buys time, up to [`STALL`] from then.
#[derive(Debug)]
struct StallWatchdog {
    started: Instant,
    /// Milliseconds from then to the moment; 0 before there was an answer.
    due: AtomicU64,
}

impl StallWatchdog {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            due: AtomicU64::new(0),
        }
    }

    fn hand_out(&self, bytes: u64) {
        let now = millis(self.started.elapsed());
        let full = now + millis(STALL);
        let bought = bytes * 1000 / LEAST_BYTES_PER_SECOND;
        let due = match self.due.load(Relaxed) {
            0 => full,
            due => (due.max(now) + bought).min(full),
        };
        self.due.store(due, Relaxed);
    }

    /// Waits until the answer has begun and was then taken too slowly. Handlers may take as long as they need.
    async fn stop(&self) {
        loop {
            let due = self.due.load(Relaxed);
            if due == 0 {
                sleep_until(Instant::now() + STALL).await;
                continue;
            }
            let due = self.started + Duration::from_millis(due);
            if due <= Instant::now() {
                return;
            }
            sleep_until(due).await;
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slow_handler_is_waited_for() {
        let watchdog = StallWatchdog::new();
        assert!(timeout(STALL * 100, watchdog.stop()).await.is_err());
    }

    /// How long an answer lasts of which so much is taken each time.
    async fn lasts(bytes: u64, every: Duration) -> Duration {
        let watchdog = StallWatchdog::new();
        let moves = async {
            for _ in 0..100 {
                watchdog.hand_out(bytes);
                sleep(every).await;
            }
            std::future::pending::<()>().await;
        };
        let started = Instant::now();
        tokio::select! {
            () = moves => {}
            () = watchdog.stop() => {}
        }
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_moves_is_waited_for_and_one_that_stops_is_not() {
        let took = lasts(LEAST_BYTES_PER_SECOND * 30, STALL / 2).await;
        assert!(took >= STALL * 50 && took < STALL * 52, "{took:?}");
        let fast = lasts(SLICE_BYTES as u64, Duration::from_millis(1)).await;
        assert!(
            fast >= STALL && fast < STALL * 2,
            "no more than so long in advance: {fast:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_a_little_faster_than_the_least_rate_is_waited_for_and_a_little_slower_one_is_not() {
        let second = Duration::from_secs(1);
        let faster = lasts(LEAST_BYTES_PER_SECOND * 11, second * 10).await;
        assert!(faster >= second * 1000, "{faster:?}");
        let slower = lasts(LEAST_BYTES_PER_SECOND * 9, second * 10).await;
        assert!(slower < second * 900, "{slower:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_which_a_byte_is_taken_now_and_then_is_not() {
        let took = lasts(1, STALL / 4).await;
        assert!(took < STALL * 2, "{took:?}");
    }

    #[test]
    fn an_answer_goes_out_in_slices_and_its_end_alone() {
        for (length, is_end, slices) in [
            (SLICE_BYTES * 2 + 5, false, vec![SLICE_BYTES, SLICE_BYTES, 5]),
            (SLICE_BYTES + TAIL_BYTES + 5, true, vec![SLICE_BYTES, 5, TAIL_BYTES]),
            (TAIL_BYTES + 1, true, vec![1, TAIL_BYTES]),
            (TAIL_BYTES, true, vec![TAIL_BYTES]),
            (1, true, vec![1]),
        ] {
            let mut bytes = Bytes::from(vec![7; length]);
            let mut out = Vec::new();
            while !bytes.is_empty() {
                out.push(slice(&mut bytes, is_end).len());
            }
            assert_eq!(out, slices, "{length}");
        }
    }

    #[test]
    fn the_end_of_an_answer_keeps_nothing_else() {
        let mut bytes = Bytes::from(vec![7; SLICE_BYTES]);
        let whole = bytes.clone();
        while bytes.len() > TAIL_BYTES {
            slice(&mut bytes, true);
        }
        let tail = slice(&mut bytes, true);
        assert!(whole.is_unique() && tail.len() == TAIL_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_answer_is_not_taken_is_dropped() {
        let streams = Streams {
            tasks: TaskTracker::new(),
            cutting: CancellationToken::new(),
            activity: Arc::new(Activity::new()),
            refusing: Refusing::default(),
        };
        streams.execute(async {
            hand_out(&mut Bytes::from_static(b"x"), true);
            std::future::pending::<()>().await;
        });
        streams.tasks.close();
        timeout(STALL * 3, streams.tasks.wait()).await.unwrap();
    }
}
