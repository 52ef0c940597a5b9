//! Why the bytes of a request ended early, as faces receive them and rules take them. It refuses to know where they came
//! from.

/// The body of a request did not come whole.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The client went away.
    #[error("the connection ended before the body did")]
    Disconnected {
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No byte came for too long.
    #[error("no data came for {seconds} seconds")]
    Stalled {
        /// The limit that was passed.
        seconds: u64,
    },
}
