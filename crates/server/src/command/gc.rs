//! `holdfast gc`.

use std::process::ExitCode;

use clap::Args;

use super::CommonArgs;
use crate::{
    operator::{
        garbage::{CollectGarbage, DigestUse, ExplainDigest, Passed, Report},
        stray::{CollectStrays, StrayReport},
    },
    output::{Output, bytes, say, say_json},
    settings::duration,
};

#[derive(Debug, Args)]
pub(super) struct Gc {
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// How long something must have been unneeded, as in 0s or 24h; the server's gc-grace otherwise. Shorter than a push
    /// takes, it breaks pushes that run
    #[arg(long, value_name = "TIME", value_parser = duration)]
    grace: Option<std::time::Duration>,
    /// Remove objects that nothing in the database names, instead of garbage; those that got bytes within the grace
    /// period stay
    #[arg(long)]
    strays: bool,
    /// Collect nothing; say why the content of this digest is kept
    #[arg(long, value_name = "DIGEST", conflicts_with_all = ["dry_run", "grace", "strays"])]
    why: Option<String>,
    #[command(flatten)]
    common: CommonArgs,
}

impl Gc {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(digest) = self.why {
            let uses = self.common.run(ExplainDigest { digest: digest.clone() })?;
            match self.common.output {
                Output::Json => say_json(&uses)?,
                Output::Text => explain(&digest, &uses),
            }
            return Ok(ExitCode::SUCCESS);
        }
        let grace_millis = self
            .grace
            .map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        if self.strays {
            let dry_run = self.dry_run;
            let report = self.common.run(CollectStrays { dry_run, grace_millis })?;
            match self.common.output {
                Output::Json => say_json(&report)?,
                Output::Text => tell_strays(&report),
            }
            return Ok(outcome(&report.passed));
        }
        let report = self.common.run(CollectGarbage {
            dry_run: self.dry_run,
            grace_millis,
        })?;
        match self.common.output {
            Output::Json => say_json(&report)?,
            Output::Text => tell(&report),
        }
        Ok(outcome(&report.passed))
    }
}

/// What was passed over is no success.
pub(super) fn outcome(passed: &Passed) -> ExitCode {
    if passed.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Says what was passed over, if anything was.
pub(super) fn tell_passed(passed: &Passed) {
    if passed.failed > 0 {
        say(&format!("{} could not be handled:", passed.failed));
    }
    for failure in &passed.failures {
        say(&format!("  {failure}"));
    }
    let untold = passed.failed.saturating_sub(passed.failures.len() as u64);
    if untold > 0 {
        say(&format!("  and {untold} more"));
    }
}

fn tell_strays(report: &StrayReport) {
    let verb = if report.dry_run { "would free" } else { "freed" };
    say(&format!("{verb} {}", bytes(report.freed_bytes)));
    say(&format!("  objects deleted          {}", report.removed));
    say(&format!("looked at                  {}", report.objects));
    say(&format!("  named by nothing         {}", report.strays));
    say(&format!("  waiting for their time   {}", report.young));
    tell_passed(&report.passed);
}

fn tell(report: &Report) {
    let freed = bytes(report.freed_bytes);
    let verb = if report.dry_run { "would free" } else { "freed" };
    say(&format!("{verb} {freed}"));
    say(&format!("  objects deleted          {}", report.objects));
    say(&format!("  small blobs removed      {}", report.row_blobs));
    say(&format!("  manifests removed        {}", report.manifests));
    say(&format!("  blobs taken out          {}", report.blob_links));
    say(&format!("looked at                  {}", report.examined));
    say(&format!("  still needed             {}", report.kept));
    say(&format!("  waiting for their time   {}", report.waiting));
    tell_passed(&report.passed);
}

fn explain(digest: &str, uses: &[DigestUse]) {
    if uses.is_empty() {
        say(&format!("{digest} is not here"));
    }
    for used in uses {
        let where_it_is = format!("{} in {}/{}", used.kind, used.registry, used.repository);
        let waits = used
            .waiting_secs
            .map(|secs| format!(", waiting for {secs} s"))
            .unwrap_or_default();
        match &used.kept_because {
            Some(reason) => say(&format!("{where_it_is}: kept, {reason}{waits}")),
            None => say(&format!("{where_it_is}: nothing needs it{waits}")),
        }
    }
}
