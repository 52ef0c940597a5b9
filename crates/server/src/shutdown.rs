//! How everything ends, in a written order: the first signal stops accepting and lets requests finish, the second one,
//! or the end of the grace period, cuts them off. It refuses to know what is being stopped.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two steps of the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shutdown {
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

    /// Turns them into the two steps of the end; never ends by itself.
    pub(crate) async fn obey(mut self, shutdown: Shutdown) {
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
            };
            if shutdown.stopping.is_cancelled() {
                tracing::warn!(signal = name, "stopping at once");
                shutdown.cutting.cancel();
            } else {
                tracing::info!(
                    signal = name,
                    "stopping; running requests may finish, another signal ends them"
                );
                shutdown.stopping.cancel();
            }
        }
    }
}
