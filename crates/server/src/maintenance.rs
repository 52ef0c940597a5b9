//! What the server does by itself: gives up idle uploads, collects garbage, looks after its certificate. Each is a named
//! task that ends when the shutdown begins, survives its own failures, and tries again at its next turn. What is to be done
//! once for all nodes of a shared database is done by the one that has the lease on it.

use std::{future::Future, sync::Arc, time::Duration};

use holdfast_content::CollectOptions;
use holdfast_identity::{
    Certificates,
    authority::{self, Names},
};
use holdfast_operations::{KEYS_LOOKED_AT_EVERY, NODE_SEEN_EVERY, Operator};
use tokio::{
    sync::Mutex,
    time::{Instant, MissedTickBehavior, interval_at, sleep},
};
use tokio_util::task::TaskTracker;

use crate::{
    clock::{CLOCK_ASKED_EVERY, DatabaseClock},
    folder::Folder,
    keys::Keys,
    metrics::Metrics,
    node::{LEASE_ASKED_EVERY, Node},
    rows::Rows,
    shutdown::Shutdown,
};

/// How often idle uploads are looked for, at most; more often when they are given up sooner.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// How often jobs that ended are looked for, and how long the outcome of one can be asked for.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
const KEEP_ENDED_JOBS: Duration = Duration::from_secs(7 * 86_400);
/// How often the certificate's files are looked at.
const RELOAD_EVERY: Duration = Duration::from_secs(10);
/// How often it is asked whether the local CA's certificate must be renewed; that has weeks.
const RENEW_EVERY: Duration = Duration::from_secs(3600);

/// Where tasks are started.
pub(crate) struct Maintenance {
    pub(crate) operator: Operator,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: Shutdown,
    pub(crate) tasks: TaskTracker,
    /// This node, where there may be others.
    pub(crate) node: Option<Node>,
}

/// The certificate to look after.
pub(crate) struct Certificate {
    pub(crate) current: Arc<Certificates>,
    /// The names for which the local CA issues; `None` when the operator has a certificate of their own.
    pub(crate) own: Option<(Folder, Names)>,
}

impl Maintenance {
    /// Gives up uploads without progress.
    pub(crate) fn purge_uploads(&self, idle: Duration) {
        let (operator, metrics) = (self.operator.clone(), Arc::clone(&self.metrics));
        self.repeat_alone("purge uploads", PURGE_EVERY.min(idle), move || {
            let (operator, metrics) = (operator.clone(), Arc::clone(&metrics));
            async move {
                let purged = operator.content().purge_uploads().await?.uploads;
                metrics.purged(purged);
                if purged > 0 {
                    tracing::info!(uploads = purged, "gave up uploads that made no progress");
                }
                Ok(())
            }
        });
    }

    /// Forgets jobs that ended long ago.
    pub(crate) fn forget_ended_jobs(&self) {
        let operator = self.operator.clone();
        self.repeat_alone("forget ended jobs", FORGET_EVERY, move || {
            let operator = operator.clone();
            async move {
                let before = operator.now().minus(KEEP_ENDED_JOBS);
                operator.resources().forget_ended_jobs(before).await?;
                Ok(())
            }
        });
    }

    /// Collects garbage.
    pub(crate) fn collect_garbage(&self, every: Duration, grace: Duration) {
        let (operator, metrics) = (self.operator.clone(), Arc::clone(&self.metrics));
        self.repeat_alone("collect garbage", every, move || {
            let (operator, metrics) = (operator.clone(), Arc::clone(&metrics));
            async move {
                let options = CollectOptions { grace, dry_run: false };
                let collected = operator.content().collect_garbage(options).await?;
                metrics.collected(&collected);
                if collected.objects + collected.manifests + collected.blob_links > 0 {
                    tracing::info!(
                        manifests = collected.manifests,
                        blob_links = collected.blob_links,
                        objects = collected.objects,
                        row_blobs = collected.row_blobs,
                        freed_bytes = collected.freed_bytes,
                        "collected garbage"
                    );
                }
                Ok(())
            }
        });
    }

    /// Takes up a changed certificate, and renews that of the local CA in time.
    pub(crate) fn watch_certificate(&self, certificate: Certificate) {
        let Certificate { current, own } = certificate;
        self.repeat("look for a new certificate", RELOAD_EVERY, move || {
            let current = Arc::clone(&current);
            blocking(move || {
                if current.reload_if_changed()? {
                    tracing::info!("took up a new certificate");
                }
                Ok(())
            })
        });
        let Some((folder, names)) = own else { return };
        let operator = self.operator.clone();
        self.repeat("renew the certificate", RENEW_EVERY, move || {
            let (folder, names) = (folder.clone(), names.clone());
            let now = operator.now().unix_secs();
            blocking(move || {
                authority::ensure(&folder.tls(), &names, now)?;
                Ok(())
            })
        });
    }

    /// Says that this node is there, and at once when it is about to end.
    pub(crate) fn report_node(&self) {
        let Some(node) = self.node.clone() else { return };
        let Shutdown { draining, stopping, .. } = self.shutdown.clone();
        self.tasks.spawn(async move {
            let mut is_draining = false;
            loop {
                tokio::select! {
                    biased;
                    () = draining.cancelled(), if !is_draining => is_draining = true,
                    () = stopping.cancelled() => return,
                    () = sleep(NODE_SEEN_EVERY) => {}
                }
                if let Err(error) = node.report(is_draining).await {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    tracing::warn!(
                        error,
                        "could not say to the other nodes that this one is there; trying again"
                    );
                }
            }
        });
    }

    /// Takes up keys that other nodes made.
    pub(crate) fn look_at_keys(&self, keys: &Arc<Keys>) {
        let (keys, operator) = (Arc::clone(keys), self.operator.clone());
        self.repeat("look at the keys", KEYS_LOOKED_AT_EVERY, move || {
            let (keys, operator) = (Arc::clone(&keys), operator.clone());
            async move { keys.look(operator.now()).await }
        });
    }

    /// Goes along with the database's clock.
    pub(crate) fn follow_clock(&self, clock: &Arc<DatabaseClock>, rows: &Rows) {
        let (clock, rows) = (Arc::clone(clock), rows.clone());
        self.repeat("ask the database for the time", CLOCK_ASKED_EVERY, move || {
            let (clock, rows) = (Arc::clone(&clock), rows.clone());
            async move { Ok(clock.follow(rows.as_port()).await?) }
        });
    }

    /// Repeats what one node does for all, while this is the one. Who takes it over does it a whole pause later.
    fn repeat_alone<F, W>(&self, name: &'static str, every: Duration, work: F)
    where
        F: Fn() -> W + Send + 'static,
        W: Future<Output = anyhow::Result<()>> + Send,
    {
        let Some(node) = self.node.clone() else {
            return self.repeat(name, every, work);
        };
        // Since when this node waits for its next turn; never while another one has the lease.
        let waits_since = Arc::new(Mutex::new(None));
        self.repeat(name, every.min(LEASE_ASKED_EVERY), move || {
            let (node, waits_since, working) = (node.clone(), Arc::clone(&waits_since), work());
            async move {
                let mut waits_since = waits_since.lock().await;
                if !node.take_lease(name).await? {
                    *waits_since = None;
                    return Ok(());
                }
                let since = *waits_since.get_or_insert_with(Instant::now);
                if since.elapsed() < every {
                    return Ok(());
                }
                *waits_since = Some(Instant::now());
                tokio::select! {
                    outcome = working => outcome,
                    () = node.keep_lease(name) => {
                        *waits_since = None;
                        anyhow::bail!("another node does it by now")
                    }
                }
            }
        });
    }

    fn repeat<F, W>(&self, name: &'static str, every: Duration, work: F)
    where
        F: Fn() -> W + Send + 'static,
        W: Future<Output = anyhow::Result<()>> + Send,
    {
        let stopping = self.shutdown.stopping.clone();
        self.tasks.spawn(async move {
            let mut turns = interval_at(tokio::time::Instant::now() + every, every);
            // After a long turn, or a machine's sleep, one turn is enough.
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    _ = turns.tick() => {}
                }
                let outcome = tokio::select! {
                    // Each step is a transaction of its own: ending between two loses nothing.
                    () = stopping.cancelled() => return,
                    outcome = work() => outcome,
                };
                if let Err(error) = outcome {
                    tracing::error!(
                        task = name,
                        error = format!("{error:#}"),
                        "could not {name}; trying again later"
                    );
                }
            }
        });
    }
}

/// Runs what reads files on a thread that may wait.
async fn blocking(work: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(work).await?
}
