//! `holdfast-bench`: measures the budget of the design side by side in one run on this machine: Holdfast, the CNCF
//! distribution registry and nginx, started and stopped by the program itself on free loopback ports.
//!
//! It refuses to be a load tester for other machines: it measures only what it started, and reports ratios, because
//! absolute numbers belong to the machine they were taken on.

mod baseline;
mod client;
mod content;
mod generator;
mod http;
mod load;
mod machine;
mod measure;
mod payload;
mod peers;
mod report;
mod rows;
mod settings;
mod workplace;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use settings::Settings;
use workplace::Workplace;

fn main() -> ExitCode {
    let settings = Settings::parse();
    match run(settings) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("holdfast-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures on a thread of its own, so that this one can put everything away when the run is interrupted. True when
/// every row could be measured, whether or not its budget is met.
fn run(settings: Settings) -> anyhow::Result<bool> {
    let workplace = Arc::new(Workplace::open(&settings.work_dir())?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (done, finished) = tokio::sync::oneshot::channel();
        let place = Arc::clone(&workplace);
        std::thread::Builder::new().name("rows".to_owned()).spawn(move || {
            // The receiver is gone only when the run was interrupted, and then nobody waits for the answer.
            let _ = done.send(measure_all(settings, place));
        })?;
        tokio::select! {
            outcome = finished => outcome.context("the measuring thread panicked")?,
            _ = interrupt.recv() => abandon(&workplace),
            _ = terminate.recv() => abandon(&workplace),
            _ = hangup.recv() => abandon(&workplace),
        }
    })
}

fn measure_all(settings: Settings, workplace: Arc<Workplace>) -> anyhow::Result<bool> {
    let json = settings.json.clone();
    let bench = rows::Bench::prepare(settings, workplace)?;
    let report = bench.run();
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    std::io::stdout().write_all(report.markdown().as_bytes())?;
    Ok(report.is_complete())
}

fn abandon(workplace: &Workplace) -> anyhow::Result<bool> {
    workplace.clear();
    // The measuring thread is stuck in I/O with servers that are gone; nothing of it is worth waiting for.
    std::process::exit(130)
}
