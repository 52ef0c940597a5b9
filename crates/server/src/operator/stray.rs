//! Listing and removing objects that no row names.

use std::time::Duration;

use holdfast_content::{CollectOptions, Stray, Strays};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{AdminCommand, Context, Progress, garbage::Passed};

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
pub(crate) struct StrayProgress {
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

impl AdminCommand for ListStrays {
    const PATH: &'static str = "/strays/list";
    type Output = StrayReport;

    async fn run(self, context: &Context, progress: &Progress) -> anyhow::Result<StrayReport> {
        let operator = &context.app.operator;
        let (events, mut waiting) = mpsc::channel::<Stray>(EVENTS_WAITING);
        let told = async {
            while let Some(stray) = waiting.recv().await {
                let unwritten = operator.now().since(stray.written_at);
                let told = StrayProgress {
                    storage_account: stray.account,
                    object: stray.object.to_string(),
                    size_bytes: stray.size_bytes,
                    unwritten_secs: unwritten.as_secs(),
                };
                progress.report(&told).await?;
            }
            anyhow::Ok(())
        };
        let (found, told) = tokio::join!(operator.content().list_strays(events), told);
        told?;
        Ok(report(found?, false))
    }
}

impl AdminCommand for CollectStrays {
    const PATH: &'static str = "/strays/collect";
    type Output = StrayReport;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<StrayReport> {
        let options = CollectOptions {
            grace: self.grace_millis.map_or(context.gc_grace, Duration::from_millis),
            dry_run: self.dry_run,
        };
        let found = context.app.operator.content().collect_strays(options).await?;
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
