//! `holdfast gc`.

use std::process::ExitCode;

use clap::Args;

use super::Place;
use crate::{
    operator::garbage::{CollectGarbage, ExplainDigest, Place as Kept, Report},
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
    /// Collect nothing; say why the content of this digest is kept
    #[arg(long, value_name = "DIGEST", conflicts_with_all = ["dry_run", "grace"])]
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
        let report = self.place.ask(CollectGarbage {
            dry_run: self.dry_run,
            grace_millis,
        })?;
        match self.place.output {
            Output::Json => say_json(&report)?,
            Output::Text => tell(&report),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn tell(report: &Report) {
    let freed = bytes(report.freed_bytes);
    let verb = if report.dry_run { "would free" } else { "freed" };
    say(&format!("{verb} {freed}"));
    say(&format!("  objects deleted          {}", report.objects));
    say(&format!("  manifests removed        {}", report.manifests));
    say(&format!("  blobs taken out          {}", report.blob_links));
    say(&format!("looked at                  {}", report.examined));
    say(&format!("  still needed             {}", report.kept));
    say(&format!("  waiting for their time   {}", report.waiting));
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
