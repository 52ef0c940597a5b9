//! How everything ends, in a written order: the first signal stops accepting and lets requests finish, the second one,
//! or the end of the grace period, cuts them off. It refuses to know what is being stopped.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two steps of the end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shutdown {
    /// No new work; what runs may finish.
    pub(crate) stopping: CancellationToken,
    /// What still runs is cut off.
    pub(crate) cutting: CancellationToken,
}

/// Waits for SIGTERM or SIGINT, then for another; the future never ends.
pub(crate) async fn listen(shutdown: Shutdown) -> std::io::Result<std::convert::Infallible> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
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
