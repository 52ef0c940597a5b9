//! The rows of the budget, a module each. A row starts the servers it needs, measures, and stops them; rows share
//! nothing, so any of them can be left out.

mod binary;
mod catalog;
mod ceiling;
mod finish;
mod get;
mod images;
mod listing;
mod memory;
mod pull;
mod push;
mod start;
mod tags;

use std::sync::Arc;

use crate::machine::Machine;
use crate::peers::Tools;
use crate::peers::distribution::Distribution;
use crate::peers::holdfast::Holdfast;
use crate::report::{Line, Report};
use crate::settings::{Row, Settings, Sizes};
use crate::workplace::Workplace;

/// What every row works with.
pub(crate) struct Bench {
    sizes: Sizes,
    rows: Vec<Row>,
    tools: Tools,
    workplace: Arc<Workplace>,
    machine: Machine,
    versions: Vec<String>,
}

impl Bench {
    /// # Errors
    /// When a program is missing.
    pub(crate) fn prepare(settings: Settings, workplace: Arc<Workplace>) -> anyhow::Result<Self> {
        let tools = Tools::find(&settings)?;
        let versions = tools.versions()?;
        let machine = Machine::of(workplace.root())?;
        Ok(Self {
            sizes: settings.sizes(),
            rows: settings.rows(),
            tools,
            workplace,
            machine,
            versions,
        })
    }

    /// Measures every chosen row; one that fails does not keep the others from being measured.
    pub(crate) fn run(&self) -> Report {
        let lines = self.rows.iter().flat_map(|row| {
            self.say(&format!("row {row:?}").to_lowercase());
            let lines = match row {
                Row::Ceiling => ceiling::measure(self),
                Row::Manifest => get::manifest(self),
                Row::Blob => get::blob(self),
                Row::Pull => pull::measure(self),
                Row::Push => push::measure(self),
                Row::Images => images::measure(self),
                Row::Tags => tags::measure(self),
                Row::Catalog => catalog::measure(self),
                Row::Finish => finish::measure(self),
                Row::Memory => memory::measure(self),
                Row::Start => start::measure(self),
                Row::Binary => binary::measure(self),
            };
            lines.unwrap_or_else(|error| {
                self.say(&format!("failed: {error:#}"));
                vec![Line::failed(&format!("{row:?}").to_lowercase(), &error)]
            })
        });
        let lines = lines.collect();
        Report {
            machine: self.machine.clone(),
            versions: self.versions.clone(),
            runs: self.sizes.runs,
            lines,
        }
    }

    /// Tells the person who waits what is going on.
    fn say(&self, text: &str) {
        eprintln!("holdfast-bench: {text}");
    }

    /// A Holdfast on empty storage; the folder must be dropped after it.
    fn holdfast(&self) -> anyhow::Result<(Holdfast, tempfile::TempDir)> {
        let folder = self.workplace.folder("holdfast-")?;
        let holdfast = Holdfast::start(&self.tools.holdfast, &self.workplace, &folder.path().join("data"))?;
        Ok((holdfast, folder))
    }

    /// A distribution registry on empty storage.
    fn distribution(&self) -> anyhow::Result<Distribution> {
        Distribution::start(&self.tools.distribution, &self.workplace)
    }
}

/// A number of things a second, as the table shows it.
fn per_second(value: f64) -> String {
    format!("{value:.0} /s")
}

/// A speed, as the table shows it.
fn mib_per_second(value: f64) -> String {
    format!("{value:.0} MiB/s")
}

/// A short time, as the table shows it.
fn millis(seconds: f64) -> String {
    let millis = seconds * 1000.0;
    if millis < 10.0 {
        format!("{millis:.2} ms")
    } else {
        format!("{millis:.0} ms")
    }
}
