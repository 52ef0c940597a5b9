//! `holdfast check`.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::Value;

use super::{
    CommonArgs,
    gc::{outcome, tell_passed},
};
use crate::{
    operator::{
        check::{CheckAll, CheckReport, Summary},
        stray::{ListStrays, StrayProgress, StrayReport},
    },
    output::{Output, bytes, say, say_json},
};

const BAR: &str = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left; {msg}";

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Verify nothing; list the objects that nothing in the database names
    #[arg(long)]
    strays: bool,
    #[command(flatten)]
    common: CommonArgs,
}

/// What scripts read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    fault_list: &'a [String],
    remark_list: &'a [String],
}

/// What was reported while the check ran.
struct Collected {
    bar: ProgressBar,
    is_told_at_once: bool,
    faults: Vec<String>,
    remarks: Vec<String>,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let is_text = self.common.output == Output::Text;
        if self.strays {
            return list_strays(&self.common);
        }
        let mut collected = Collected::new(is_text);
        let outcome = self
            .common
            .run_with_progress(CheckAll {}, &mut |progress| collected.add(progress));
        collected.bar.finish_and_clear();
        let summary = outcome?;
        if is_text {
            tell(&summary);
        } else {
            say_json(&Report {
                summary: &summary,
                fault_list: &collected.faults,
                remark_list: &collected.remarks,
            })?;
        }
        Ok(if summary.faults == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl Collected {
    fn new(is_text: bool) -> Self {
        // The bar is on standard error and shows itself on terminals only.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self {
            bar,
            is_told_at_once: is_text,
            faults: Vec::new(),
            remarks: Vec::new(),
        }
    }

    fn add(&mut self, progress: Value) {
        // A newer server may report what this command does not know.
        let Ok(progress) = serde_json::from_value(progress) else {
            return;
        };
        match progress {
            CheckReport::Progress {
                manifests,
                bytes,
                total_bytes,
            } if total_bytes > 0 => {
                self.bar.set_length(total_bytes);
                self.bar.set_position(bytes);
                self.bar.set_message(format!("{manifests} manifests checked"));
            }
            CheckReport::Progress { .. } => {}
            CheckReport::Fault(fault) if self.is_told_at_once => self.bar.suspend(|| say(&format!("fault: {fault}"))),
            CheckReport::Remark(remark) if self.is_told_at_once => {
                self.bar.suspend(|| say(&format!("remark: {remark}")))
            }
            CheckReport::Fault(fault) => self.faults.push(fault),
            CheckReport::Remark(remark) => self.remarks.push(remark),
        }
    }
}

/// What scripts read of strays.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StrayList<'a> {
    #[serde(flatten)]
    report: &'a StrayReport,
    stray_list: &'a [StrayProgress],
}

fn list_strays(common: &CommonArgs) -> anyhow::Result<ExitCode> {
    let is_text = common.output == Output::Text;
    let mut strays = Vec::new();
    let report = common.run_with_progress(ListStrays {}, &mut |progress| {
        // A newer server may report what this command does not know.
        let Ok::<StrayProgress, _>(stray) = serde_json::from_value(progress) else {
            return;
        };
        if is_text {
            let unwritten = HumanDuration(Duration::from_secs(stray.unwritten_secs));
            say(&format!(
                "stray: object {} in storage account {}, {}, written {unwritten} ago",
                stray.object,
                stray.storage_account,
                bytes(stray.size_bytes)
            ));
        } else {
            strays.push(stray);
        }
    })?;
    if is_text {
        say(&format!(
            "{} of {} objects are named by nothing; they take {}",
            report.strays,
            report.objects,
            bytes(report.stray_bytes)
        ));
        tell_passed(&report.passed);
    } else {
        say_json(&StrayList {
            report: &report,
            stray_list: &strays,
        })?;
    }
    Ok(outcome(&report.passed))
}

fn tell(summary: &Summary) {
    say(&format!(
        "checked {}: {} manifests and {} tags in {} repositories, {} blobs, {} objects",
        bytes(summary.bytes),
        summary.manifests,
        summary.tags,
        summary.repositories,
        summary.blobs,
        summary.objects
    ));
    match (summary.faults, summary.remarks) {
        (0, 0) => say("everything is as it should be"),
        (0, remarks) => say(&format!("no faults, {remarks} remarks")),
        (faults, remarks) => say(&format!("{faults} faults, {remarks} remarks")),
    }
}
