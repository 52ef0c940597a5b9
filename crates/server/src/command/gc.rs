//! `holdfast gc`.

use std::process::ExitCode;

use clap::Args;

use super::Place;
use crate::{
    operator::{
        garbage::{CollectGarbage, ExplainDigest, Passed, Place as Kept, Report},
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
    place: Place,
}

impl Gc {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(digest) = self.why {
            let places = self.place.ask(ExplainDigest { digest: digest.clone() })?;
            match self.place.output {
                Output::Json => say_json(&places)?,
                Output::Text => explain(&digest, &places),
            }
            return Ok(ExitCode::SUCCESS);
        }
        let grace_millis = self
            .grace
            .map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        if self.strays {
            let dry_run = self.dry_run;
            let report = self.place.ask(CollectStrays { dry_run, grace_millis })?;
            match self.place.output {
                Output::Json => say_json(&report)?,
                Output::Text => tell_strays(&report),
            }
            return Ok(outcome(&report.passed));
        }
        let report = self.place.ask(CollectGarbage {
            dry_run: self.dry_run,
            grace_millis,
        })?;
        match self.place.output {
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

fn explain(digest: &str, places: &[Kept]) {
    if places.is_empty() {
        say(&format!("{digest} is not here"));
    }
    for place in places {
        let where_it_is = format!("{} in {}/{}", place.kind, place.registry, place.repository);
        let waits = place
            .waiting_secs
            .map(|secs| format!(", waiting for {secs} s"))
            .unwrap_or_default();
        match &place.kept_because {
            Some(reason) => say(&format!("{where_it_is}: kept, {reason}{waits}")),
            None => say(&format!("{where_it_is}: nothing needs it{waits}")),
        }
    }
}
