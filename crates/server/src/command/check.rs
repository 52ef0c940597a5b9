//! `holdfast check`.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::Value;

use super::{
    Place,
    gc::{outcome, tell_passed},
};
use crate::{
    operator::{
        check::{CheckAll, CheckNews, Summary},
        stray::{ListStrays, StrayNews, StrayReport},
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
    place: Place,
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

/// What was heard while the check ran.
struct Hearing {
    bar: ProgressBar,
    is_told_at_once: bool,
    faults: Vec<String>,
    remarks: Vec<String>,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let is_text = self.place.output == Output::Text;
        if self.strays {
            return list_strays(&self.place);
        }
        let mut hearing = Hearing::new(is_text);
        let outcome = self.place.ask_and_hear(CheckAll {}, &mut |news| hearing.hear(news));
        hearing.bar.finish_and_clear();
        let summary = outcome?;
        if is_text {
            tell(&summary);
        } else {
            say_json(&Report {
                summary: &summary,
                fault_list: &hearing.faults,
                remark_list: &hearing.remarks,
            })?;
        }
        Ok(if summary.faults == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl Hearing {
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

    fn hear(&mut self, news: Value) {
        // A newer server may have news that this command does not know.
        let Ok(news) = serde_json::from_value(news) else { return };
        match news {
            CheckNews::Progress {
                manifests,
                bytes,
                total_bytes,
            } if total_bytes > 0 => {
                self.bar.set_length(total_bytes);
                self.bar.set_position(bytes);
                self.bar.set_message(format!("{manifests} manifests checked"));
            }
            CheckNews::Progress { .. } => {}
            CheckNews::Fault(fault) if self.is_told_at_once => self.bar.suspend(|| say(&format!("fault: {fault}"))),
            CheckNews::Remark(remark) if self.is_told_at_once => self.bar.suspend(|| say(&format!("remark: {remark}"))),
            CheckNews::Fault(fault) => self.faults.push(fault),
            CheckNews::Remark(remark) => self.remarks.push(remark),
        }
    }
}

/// What scripts read of strays.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StrayList<'a> {
    #[serde(flatten)]
    report: &'a StrayReport,
    stray_list: &'a [StrayNews],
}

fn list_strays(place: &Place) -> anyhow::Result<ExitCode> {
    let is_text = place.output == Output::Text;
    let mut strays = Vec::new();
    let report = place.ask_and_hear(ListStrays {}, &mut |news| {
        // A newer server may have news that this command does not know.
        let Ok::<StrayNews, _>(stray) = serde_json::from_value(news) else {
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
