//! Checking everything stored, with reports of how far it is.

use holdfast_content::{CheckEvent, CheckOptions, CheckProgress};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{AdminCommand, Context, Progress};

/// Blobs read at once beside a running server: one, so that its clients hardly notice.
const AT_ONCE_ONLINE: usize = 1;
/// Events that wait to be told.
const EVENTS_WAITING: usize = 16;

/// Checks everything.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckAll {}

/// What is told while it runs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CheckReport {
    /// How far it is.
    #[serde(rename_all = "camelCase")]
    Progress {
        manifests: u64,
        bytes: u64,
        total_bytes: u64,
    },
    /// Something is wrong that clients can notice.
    Fault(String),
    /// Something takes room, or was brought about by a client.
    Remark(String),
}

/// What was looked at.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) repositories: u64,
    pub(crate) manifests: u64,
    pub(crate) tags: u64,
    pub(crate) blobs: u64,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) faults: u64,
    pub(crate) remarks: u64,
}

impl AdminCommand for CheckAll {
    const PATH: &'static str = "/check";
    type Output = Summary;

    async fn run(self, context: &Context, progress: &Progress) -> anyhow::Result<Summary> {
        let is_online = context.metrics.is_some();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let options = CheckOptions {
            at_once: if is_online { AT_ONCE_ONLINE } else { cores },
        };
        let (events, mut waiting) = mpsc::channel(EVENTS_WAITING);
        let told = async {
            while let Some(event) = waiting.recv().await {
                progress.report(&report_of(&event)).await?;
            }
            anyhow::Ok(())
        };
        let checked = context.app.operator.content().check(options, events);
        let (checked, told) = tokio::join!(checked, told);
        told?;
        let checked = checked?;
        Ok(Summary {
            repositories: checked.repositories,
            manifests: checked.manifests,
            tags: checked.tags,
            blobs: checked.blobs,
            objects: checked.objects,
            bytes: checked.bytes,
            faults: checked.faults,
            remarks: checked.remarks,
        })
    }
}

fn report_of(event: &CheckEvent) -> CheckReport {
    match event {
        CheckEvent::Progress(CheckProgress {
            manifests,
            bytes,
            total_bytes,
            ..
        }) => CheckReport::Progress {
            manifests: *manifests,
            bytes: *bytes,
            total_bytes: *total_bytes,
        },
        CheckEvent::Finding(finding) if finding.is_fault() => CheckReport::Fault(finding.to_string()),
        CheckEvent::Finding(finding) => CheckReport::Remark(finding.to_string()),
    }
}
