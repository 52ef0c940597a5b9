//! What the server does by itself: gives up idle uploads, collects garbage, looks after its certificate. Each is a named
//! task that ends when the shutdown begins, survives its own failures, and tries again at its next turn.

use std::{future::Future, sync::Arc, time::Duration};

use holdfast_identity::{
    Certificates,
    authority::{self, Names},
};
use holdfast_registry::{CollectOptions, Registry};
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_util::task::TaskTracker;

use crate::{folder::Folder, metrics::Metrics, shutdown::Shutdown};

/// How often idle uploads are looked for, at most; more often when they are given up sooner.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// How often the certificate's files are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(60);

/// Where tasks are started.
pub(crate) struct Maintenance {
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: Shutdown,
    pub(crate) tasks: TaskTracker,
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
        let (registry, metrics) = (Arc::clone(&self.registry), Arc::clone(&self.metrics));
        self.repeat("purge uploads", PURGE_EVERY.min(idle), move || {
            let (registry, metrics) = (Arc::clone(&registry), Arc::clone(&metrics));
            async move {
                let purged = registry.purge_uploads().await?;
                metrics.purged(purged);
                if purged > 0 {
                    tracing::info!(uploads = purged, "gave up uploads that made no progress");
                }
                Ok(())
            }
        });
    }

    /// Collects garbage.
    pub(crate) fn collect_garbage(&self, every: Duration, grace: Duration) {
        let (registry, metrics) = (Arc::clone(&self.registry), Arc::clone(&self.metrics));
        self.repeat("collect garbage", every, move || {
            let (registry, metrics) = (Arc::clone(&registry), Arc::clone(&metrics));
            async move {
                let options = CollectOptions { grace, dry_run: false };
                let collected = registry.collect_garbage(options).await?;
                metrics.collected(&collected);
                if collected.objects + collected.manifests + collected.blob_links > 0 {
                    tracing::info!(
                        manifests = collected.manifests,
                        blob_links = collected.blob_links,
                        objects = collected.objects,
                        freed_bytes = collected.freed_bytes,
                        "collected garbage"
                    );
                }
                Ok(())
            }
        });
    }

    /// Renews the certificate of the local CA in time, and takes up a changed one.
    pub(crate) fn watch_certificate(&self, certificate: Certificate) {
        let certificate = Arc::new(certificate);
        let registry = Arc::clone(&self.registry);
        self.repeat("watch the certificate", CERTIFICATE_EVERY, move || {
            let (certificate, now) = (Arc::clone(&certificate), registry.now().unix_secs());
            async move {
                // Reads files, and may make a key.
                tokio::task::spawn_blocking(move || {
                    if let Some((folder, names)) = &certificate.own {
                        authority::ensure(&folder.tls(), names, now)?;
                    }
                    if certificate.current.reload_if_changed()? {
                        tracing::info!("took up a new certificate");
                    }
                    anyhow::Ok(())
                })
                .await?
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
