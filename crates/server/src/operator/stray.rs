//! Listing and removing objects that no row names.

use std::time::Duration;

use holdfast_registry::{CollectOptions, Stray, Strays};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Desk, News, Order, garbage::Passed};

/// Strays that wait to be told.
const EVENTS_WAITING: usize = 16;

/// Tells every stray.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListStrays {}

/// Removes strays.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CollectStrays {
    pub(crate) dry_run: bool,
    /// The server's own grace period when `None`.
    pub(crate) grace_millis: Option<u64>,
}

/// One stray, told while the others are looked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StrayNews {
    pub(crate) storage_account: String,
    pub(crate) object: String,
    pub(crate) size_bytes: u64,
    /// Since when it got no bytes.
    pub(crate) unwritten_secs: u64,
}

/// What was found or done.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StrayReport {
    pub(crate) dry_run: bool,
    pub(crate) objects: u64,
    pub(crate) strays: u64,
    pub(crate) stray_bytes: u64,
    pub(crate) young: u64,
    pub(crate) removed: u64,
    pub(crate) freed_bytes: u64,
    #[serde(flatten)]
    pub(crate) passed: Passed,
}

impl Order for ListStrays {
    const PATH: &'static str = "/strays/list";
    type Answer = StrayReport;

    async fn fill(self, desk: &Desk, news: &News) -> anyhow::Result<StrayReport> {
        let registry = &desk.house.registry;
        let (events, mut waiting) = mpsc::channel::<Stray>(EVENTS_WAITING);
        let told = async {
            while let Some(stray) = waiting.recv().await {
                let unwritten = registry.now().since(stray.written_at);
                let told = StrayNews {
                    storage_account: stray.account,
                    object: stray.object.to_string(),
                    size_bytes: stray.size_bytes,
                    unwritten_secs: unwritten.as_secs(),
                };
                news.tell(&told).await?;
            }
            anyhow::Ok(())
        };
        let (found, told) = tokio::join!(registry.list_strays(events), told);
        told?;
        Ok(report(found?, false))
    }
}

impl Order for CollectStrays {
    const PATH: &'static str = "/strays/collect";
    type Answer = StrayReport;

    async fn fill(self, desk: &Desk, _news: &News) -> anyhow::Result<StrayReport> {
        let options = CollectOptions {
            grace: self.grace_millis.map_or(desk.gc_grace, Duration::from_millis),
            dry_run: self.dry_run,
        };
        let found = desk.house.registry.collect_strays(options).await?;
        Ok(report(found, self.dry_run))
    }
}

fn report(found: Strays, dry_run: bool) -> StrayReport {
    StrayReport {
        dry_run,
        objects: found.objects,
        strays: found.strays,
        stray_bytes: found.size_bytes,
        young: found.young,
        removed: found.removed,
        freed_bytes: found.freed_bytes,
        passed: Passed::of(&found.failures),
    }
}
