//! Taking turns: A B A B, so that a machine that slows down slows down both, and medians, so that one bad run does not
//! decide. Pure but for the calls it is given.

use std::time::Duration;

use crate::load::Done;

/// What both sides of a comparison achieved in each run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    pub(crate) ours: Vec<f64>,
    pub(crate) theirs: Vec<f64>,
}

impl Pairs {
    /// Runs both sides in turn, `runs` times.
    pub(crate) fn take(
        runs: u32,
        mut ours: impl FnMut() -> anyhow::Result<f64>,
        mut theirs: impl FnMut() -> anyhow::Result<f64>,
    ) -> anyhow::Result<Self> {
        let mut pairs = Self::default();
        for _ in 0..runs {
            pairs.ours.push(ours()?);
            pairs.theirs.push(theirs()?);
        }
        Ok(pairs)
    }

    /// The median of the runs' ratios: each run is compared with its neighbour in time.
    pub(crate) fn ratio(&self) -> f64 {
        let ratios: Vec<f64> = self
            .ours
            .iter()
            .zip(&self.theirs)
            .map(|(ours, theirs)| ours / theirs)
            .collect();
        median(&ratios)
    }
}

/// What a load cost on both of its ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    count: u64,
    elapsed: Duration,
    server: Duration,
    client: Duration,
}

impl Cost {
    /// Adds a load during which the server used `server` of the processors.
    pub(crate) fn add(&mut self, done: Done, server: Duration) {
        self.count += done.count;
        self.elapsed += done.elapsed;
        self.client += done.processor;
        self.server += server;
    }

    /// Processor time of the server for each thing done, in microseconds.
    pub(crate) fn server_micros(&self) -> f64 {
        self.server.as_secs_f64() * 1e6 / self.count.max(1) as f64
    }

    /// As `server_micros`, of the client.
    pub(crate) fn client_micros(&self) -> f64 {
        self.client.as_secs_f64() * 1e6 / self.count.max(1) as f64
    }

    /// How much of one processor the client used, in percent: at 100 it is the client that is measured.
    pub(crate) fn client_percent(&self) -> f64 {
        self.client.as_secs_f64() * 100.0 / self.elapsed.as_secs_f64()
    }

    /// How much of one processor both used, in percent.
    pub(crate) fn percent(&self) -> f64 {
        (self.server + self.client).as_secs_f64() * 100.0 / self.elapsed.as_secs_f64()
    }
}

/// The middle value; of an even number of values the mean of the two in the middle. NaN when there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_outliers() {
        assert_eq!(median(&[3.0, 1.0, 1000.0]), 3.0);
        assert_eq!(median(&[1.0, 2.0, 3.0, 4.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn ratios_are_taken_run_by_run() {
        let pairs = Pairs {
            ours: vec![10.0, 20.0, 30.0],
            theirs: vec![1.0, 10.0, 10.0],
        };
        assert_eq!(pairs.ratio(), 3.0);
    }
}
