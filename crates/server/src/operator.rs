//! The operator's commands: one type each, run by whoever holds the data folder. A running server takes them through its
//! admin socket in the folder (`admin_socket`); a command that finds none opens the folder itself (`client`).

pub(crate) mod addresses;
pub(crate) mod admin_socket;
pub(crate) mod can;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod credentials;
pub(crate) mod garbage;
pub(crate) mod keys;
pub(crate) mod principal;
pub(crate) mod registry;
pub(crate) mod status;
pub(crate) mod stray;
pub(crate) mod user;

use std::{future::Future, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{boot::App, metrics::Metrics};
use addresses::Addresses;

/// Reports of progress that wait for a reader; a slow one slows the command down.
const MAX_WAITING_REPORTS: usize = 64;

/// What a command runs with.
pub(crate) struct Context {
    pub(crate) app: Arc<App>,
    /// Where the server is, or was, reached.
    pub(crate) addresses: Addresses,
    /// The grace period of collections, when a command names none.
    pub(crate) gc_grace: Duration,
    /// Where collections are counted; a command that no server runs counts nothing.
    pub(crate) metrics: Option<Arc<Metrics>>,
}

/// One of the operator's commands.
pub(crate) trait AdminCommand: Serialize + DeserializeOwned + Send + 'static {
    /// Its path at the admin socket.
    const PATH: &'static str;
    /// What comes back.
    type Output: Serialize + DeserializeOwned + Send + 'static;

    /// Runs it. What takes long reports its progress.
    fn run(self, context: &Context, progress: &Progress) -> impl Future<Output = anyhow::Result<Self::Output>> + Send;
}

/// Reports to the operator how far a command is.
#[derive(Debug, Clone)]
pub(crate) struct Progress(mpsc::Sender<Value>);

impl Progress {
    /// Both ends: for who reports, and for who reads.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Value>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING_REPORTS);
        (Self(sender), receiver)
    }

    /// Waits until there is room.
    ///
    /// # Errors
    /// Nobody reads any more; the command may stop.
    pub(crate) async fn report(&self, progress: &impl Serialize) -> anyhow::Result<()> {
        let progress = serde_json::to_value(progress)?;
        self.0
            .send(progress)
            .await
            .map_err(|_| anyhow::anyhow!("nobody reads the progress any more"))
    }
}
