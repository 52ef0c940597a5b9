//! How everything ends, in a written order: after the first signal the server says that it is not ready, so that a balancer
//! sends it nobody new; then it stops accepting and lets requests finish; at the end of the grace period it cuts them off.
//! Each further signal goes on to the next step. It refuses to know what is being stopped.

use std::{io, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The three steps of the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shutdown {
    /// It is not ready any more, and serves as before.
    pub(crate) draining: CancellationToken,
    /// No new work; what runs may finish.
    pub(crate) stopping: CancellationToken,
    /// What still runs is cut off.
    pub(crate) cutting: CancellationToken,
}

/// The signals that end the server, caught from here on.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them, so that none can end the process in the middle of its work.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Turns them into the steps of the end, the first of which lasts so long; never ends by itself.
    pub(crate) async fn obey(mut self, shutdown: Shutdown, drain: Duration) {
        let signal = self.next().await;
        shutdown.draining.cancel();
        if !drain.is_zero() {
            tracing::info!(
                signal,
                "not ready any more; another signal stops without waiting for balancers"
            );
            tokio::select! {
                () = tokio::time::sleep(drain) => {}
                _ = self.next() => {}
            }
        }
        tracing::info!(
            signal,
            "stopping; running requests may finish, another signal ends them"
        );
        shutdown.stopping.cancel();
        loop {
            let signal = self.next().await;
            tracing::warn!(signal, "stopping at once");
            shutdown.cutting.cancel();
        }
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
