//! The operator's orders: one type each, filled by whoever holds the data folder. A running server takes them through a
//! socket in the folder (`door`); a command that finds none opens the house itself (`visitor`).

pub(crate) mod addresses;
pub(crate) mod can;
pub(crate) mod check;
pub(crate) mod credentials;
pub(crate) mod door;
pub(crate) mod garbage;
pub(crate) mod keys;
pub(crate) mod principal;
pub(crate) mod registry;
pub(crate) mod status;
pub(crate) mod stray;
pub(crate) mod user;
pub(crate) mod visitor;

use std::{future::Future, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{boot::House, metrics::Metrics};
use addresses::Addresses;

/// Pieces of news that wait for a reader; a slow one slows the order down.
const NEWS_WAITING: usize = 64;

/// Where orders are filled.
pub(crate) struct Desk {
    pub(crate) house: Arc<House>,
    /// Where the server is, or was, reached.
    pub(crate) addresses: Addresses,
    /// The grace period of collections, when an order names none.
    pub(crate) gc_grace: Duration,
    /// Where collections are counted; a command that fills its own order counts nothing.
    pub(crate) metrics: Option<Arc<Metrics>>,
}

/// Something an operator wants done.
pub(crate) trait Order: Serialize + DeserializeOwned + Send + 'static {
    /// Its path at the door.
    const PATH: &'static str;
    /// What comes back.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// Does it. What takes long tells how far it is.
    fn fill(self, desk: &Desk, news: &News) -> impl Future<Output = anyhow::Result<Self::Answer>> + Send;
}

/// Tells the operator how far an order is.
#[derive(Debug, Clone)]
pub(crate) struct News(mpsc::Sender<Value>);

impl News {
    /// The teller and the listener.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Value>) {
        let (sender, receiver) = mpsc::channel(NEWS_WAITING);
        (Self(sender), receiver)
    }

    /// Waits until there is room.
    ///
    /// # Errors
    /// Nobody listens any more; the order may stop.
    pub(crate) async fn tell(&self, news: &impl Serialize) -> anyhow::Result<()> {
        let news = serde_json::to_value(news)?;
        self.0
            .send(news)
            .await
            .map_err(|_| anyhow::anyhow!("nobody listens any more"))
    }
}
