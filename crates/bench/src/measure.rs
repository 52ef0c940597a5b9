//! Taking turns: A B A B, so that a machine that slows down slows down both, and medians, so that one bad run does not
//! decide. Pure but for the calls it is given.

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
