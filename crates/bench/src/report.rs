//! The table: what was measured, against what, and whether the budget is met. It decides nothing but that comparison.

use std::fmt::Write as _;

use serde::Serialize;

use crate::machine::Machine;

/// What the design demands of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Budget {
    /// The ratio to the peer is at least this.
    RatioAtLeast(f64),
    /// The ratio to the peer is at most this.
    RatioAtMost(f64),
    /// The value itself is at most this.
    AtMost(f64, &'static str),
}

impl Budget {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::RatioAtLeast(limit) => value >= limit,
            Self::RatioAtMost(limit) | Self::AtMost(limit, _) => value <= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Self::RatioAtLeast(limit) => format!("≥ {limit} ×"),
            Self::RatioAtMost(limit) => format!("≤ {limit} ×"),
            Self::AtMost(limit, unit) => format!("≤ {limit} {unit}"),
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) holdfast: String,
    pub(crate) peer: String,
    /// None where there is no peer, and where the row failed.
    pub(crate) ratio: Option<f64>,
    pub(crate) budget: String,
    pub(crate) met: bool,
    /// Why there is no number.
    pub(crate) error: Option<String>,
    /// What a reader of the number should know.
    pub(crate) note: Option<String>,
    pub(crate) holdfast_runs: Vec<f64>,
    pub(crate) peer_runs: Vec<f64>,
}

impl Line {
    /// A line whose budget is a ratio.
    pub(crate) fn compared(
        what: String,
        (holdfast, peer): (String, String),
        pairs: crate::measure::Pairs,
        budget: Budget,
    ) -> Self {
        let ratio = pairs.ratio();
        Self {
            what,
            holdfast,
            peer,
            ratio: Some(ratio),
            budget: budget.text(),
            met: budget.is_met(ratio),
            error: None,
            note: None,
            holdfast_runs: pairs.ours,
            peer_runs: pairs.theirs,
        }
    }

    /// A line whose budget is a plain limit for the median of `runs`.
    pub(crate) fn plain(what: String, holdfast: String, runs: Vec<f64>, budget: Budget) -> Self {
        Self {
            what,
            holdfast,
            peer: "—".to_owned(),
            ratio: None,
            budget: budget.text(),
            met: budget.is_met(crate::measure::median(&runs)),
            error: None,
            note: None,
            holdfast_runs: runs,
            peer_runs: Vec::new(),
        }
    }

    pub(crate) fn failed(what: &str, error: &anyhow::Error) -> Self {
        Self {
            what: what.to_owned(),
            holdfast: "failed".to_owned(),
            peer: "—".to_owned(),
            ratio: None,
            budget: "—".to_owned(),
            met: false,
            error: Some(format!("{error:#}")),
            note: None,
            holdfast_runs: Vec::new(),
            peer_runs: Vec::new(),
        }
    }

    pub(crate) fn with_note(mut self, note: String) -> Self {
        self.note = Some(note);
        self
    }
}

/// Everything a run found out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) versions: Vec<String>,
    pub(crate) runs: u32,
    pub(crate) lines: Vec<Line>,
}

impl Report {
    /// True when every row could be measured.
    pub(crate) fn is_complete(&self) -> bool {
        self.lines.iter().all(|line| line.error.is_none())
    }

    pub(crate) fn markdown(&self) -> String {
        let Machine {
            processor,
            cores,
            memory_gib,
            file_system,
        } = &self.machine;
        let runs = match self.runs {
            1 => "one run".to_owned(),
            runs => format!("median of {runs} runs"),
        };
        let mut text = format!(
            "{cores} cores ({processor}), {memory_gib:.0} GiB of memory, {file_system}; {}; {runs}\n\n",
            { self.versions.join(", ") }
        );
        if file_system == "tmpfs" {
            text.push_str("The work folder is in memory: rows about durable writes mean nothing.\n\n");
        }
        text.push_str("| what | Holdfast | peer | ratio | budget | met |\n|---|---|---|---|---|---|\n");
        for line in &self.lines {
            let ratio = line.ratio.map_or("—".to_owned(), |ratio| format!("{ratio:.2}"));
            let met = if line.met { "yes" } else { "no" };
            let Line {
                what,
                holdfast,
                peer,
                budget,
                ..
            } = line;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {what} | {holdfast} | {peer} | {ratio} | {budget} | {met} |");
        }
        let remarks = self
            .lines
            .iter()
            .flat_map(|line| [(&line.what, &line.note), (&line.what, &line.error)]);
        let mut remarks = remarks
            .filter_map(|(what, remark)| Some((what, remark.as_ref()?)))
            .peekable();
        if remarks.peek().is_some() {
            text.push('\n');
        }
        for (what, remark) in remarks {
            let _ = writeln!(text, "- {what}: {remark}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Pairs;

    #[test]
    fn a_budget_that_is_not_met_says_so() {
        let pairs = Pairs {
            ours: vec![40.0],
            theirs: vec![10.0],
        };
        let cells = ("40 /s".to_owned(), "10 /s".to_owned());
        let line = Line::compared("pull".to_owned(), cells, pairs, Budget::RatioAtLeast(5.0));
        assert!(!line.met);
        let machine = Machine {
            processor: "p".into(),
            cores: 2,
            memory_gib: 8.0,
            file_system: "ext4".into(),
        };
        let report = Report {
            machine,
            versions: vec!["v".into()],
            runs: 5,
            lines: vec![line],
        };
        assert!(
            report
                .markdown()
                .contains("| pull | 40 /s | 10 /s | 4.00 | ≥ 5 × | no |")
        );
        assert!(report.is_complete());
    }
}
