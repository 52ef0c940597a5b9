//! Collecting garbage on request, and saying why something is kept.

use std::time::Duration;

use anyhow::Context as _;
use holdfast_content::{CollectOptions, Error, Failures};
use holdfast_oci::Digest;
use serde::{Deserialize, Serialize};

use super::{AdminCommand, Context, Progress};

/// Collects now.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CollectGarbage {
    pub(crate) dry_run: bool,
    /// The server's own grace period when `None`.
    pub(crate) grace_millis: Option<u64>,
}

/// What could not be handled, and is passed over until the next run.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Passed {
    #[serde(default)]
    pub(crate) failed: u64,
    /// The first of them: what, and why.
    #[serde(default)]
    pub(crate) failures: Vec<String>,
}

impl Passed {
    pub(crate) fn of(failures: &Failures) -> Self {
        let told = failures.told.iter();
        Self {
            failed: failures.count,
            failures: told
                .map(|failure| format!("{}: {}", failure.what, failure.error))
                .collect(),
        }
    }
}

/// What a collection did, or would do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) dry_run: bool,
    pub(crate) examined: u64,
    pub(crate) waiting: u64,
    pub(crate) kept: u64,
    pub(crate) manifests: u64,
    pub(crate) blob_links: u64,
    pub(crate) objects: u64,
    pub(crate) row_blobs: u64,
    pub(crate) freed_bytes: u64,
    #[serde(flatten)]
    pub(crate) passed: Passed,
}

impl AdminCommand for CollectGarbage {
    const PATH: &'static str = "/gc";
    type Output = Report;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Report> {
        let options = CollectOptions {
            grace: self.grace_millis.map_or(context.gc_grace, Duration::from_millis),
            dry_run: self.dry_run,
        };
        let operator = &context.app.operator;
        let collected = if options.grace.is_zero() && !self.dry_run {
            operator.content().collect_garbage_at_once().await?
        } else {
            operator.content().collect_garbage(options).await?
        };
        if !self.dry_run
            && let Some(metrics) = &context.metrics
        {
            metrics.collected(&collected);
        }
        Ok(Report {
            dry_run: self.dry_run,
            examined: collected.examined,
            waiting: collected.waiting,
            kept: collected.kept,
            manifests: collected.manifests,
            blob_links: collected.blob_links,
            objects: collected.objects,
            row_blobs: collected.row_blobs,
            freed_bytes: collected.freed_bytes,
            passed: Passed::of(&collected.failures),
        })
    }
}

/// Asks why the content of a digest is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ExplainDigest {
    pub(crate) digest: String,
}

/// One repository that has the digest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DigestUse {
    pub(crate) registry: String,
    pub(crate) repository: String,
    /// `blob` or `manifest`.
    pub(crate) kind: String,
    /// `None`: nothing needs it, and it goes when its time has come.
    pub(crate) kept_because: Option<String>,
    /// Seconds since the collector was told to look at it.
    pub(crate) waiting_secs: Option<u64>,
}

impl AdminCommand for ExplainDigest {
    const PATH: &'static str = "/gc/why";
    type Output = Vec<DigestUse>;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Vec<DigestUse>> {
        let digest: Digest = self
            .digest
            .parse()
            .with_context(|| format!("{:?} is not a digest such as sha256:…", self.digest))?;
        let operator = &context.app.operator;
        let now = operator.now();
        let mut uses = Vec::new();
        for record in operator.resources().list_registries().await? {
            let found = match operator.content().explain(&record.name, &digest).await {
                // Deleted since it was listed.
                Err(Error::RegistryUnknown { .. }) => continue,
                found => found?,
            };
            uses.extend(found.into_iter().map(|found| DigestUse {
                registry: found.registry,
                repository: found.repository,
                kind: found.kind.to_owned(),
                kept_because: found.kept_because,
                waiting_secs: found.queued_at.map(|queued_at| now.since(queued_at).as_secs()),
            }));
        }
        Ok(uses)
    }
}
