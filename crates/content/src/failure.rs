//! What background work could not handle: a row that cannot be read or removed, an object that its store does not let
//! go, a store that is broken. Each costs itself alone: it is counted, named in the log, and passed over until the next
//! run. What would fail for every row (a full disk, a full queue) ends a run instead.

use std::fmt::Display;

use crate::Error;
use crate::limits::MAX_FAILURES_TOLD;
use holdfast_model::StorageError;

/// Something that a run passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name, as in "blob sha256:… of repository 3".
    pub what: String,
    /// What was wrong, with its causes.
    pub error: String,
}

/// All that a run passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many there were.
    pub count: u64,
    /// The first of them.
    pub told: Vec<Failure>,
}

impl Failures {
    /// Whether everything could be handled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Counts one in. The log names as many as are told; a store that is gone would fill it otherwise.
    pub fn add(&mut self, what: impl Display, error: &dyn std::error::Error) {
        self.count += 1;
        if self.told.len() >= MAX_FAILURES_TOLD {
            return;
        }
        let (what, error) = (what.to_string(), chain(error));
        tracing::warn!(error, "could not handle {what}; it is passed over until the next run");
        self.told.push(Failure { what, error });
    }

    /// Counts those of another part of the run in.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.count += others.count;
        let room = MAX_FAILURES_TOLD.saturating_sub(self.told.len());
        self.told.extend(others.told.iter().take(room).cloned());
    }
}

/// Rows to be handled: together in one transaction, and one by one where that failed.
pub struct Batches<Row>(Vec<Vec<Row>>);

impl<Row: Clone> Batches<Row> {
    /// These, together at first.
    #[must_use]
    pub fn of(rows: Vec<Row>) -> Self {
        Self(vec![rows])
    }

    /// What to try next.
    pub fn next_batch(&mut self) -> Option<Vec<Row>> {
        self.0.pop().filter(|rows| !rows.is_empty())
    }

    /// Takes up what failed. Gives the row back that failed by itself.
    ///
    /// # Errors
    /// What would fail for every row.
    pub fn failed<E: Cause>(&mut self, mut rows: Vec<Row>, error: E) -> Result<Option<(Row, E)>, E> {
        if error.is_general() {
            return Err(error);
        }
        if rows.len() == 1 {
            return Ok(rows.pop().map(|row| (row, error)));
        }
        self.0.extend(rows.into_iter().rev().map(|row| vec![row]));
        Ok(None)
    }
}

/// Why rows were not handled.
pub trait Cause {
    /// Whether it is about a store as a whole, so that the next row fails as this one did.
    fn is_general(&self) -> bool;
}

impl Cause for StorageError {
    fn is_general(&self) -> bool {
        self.is_general()
    }
}

impl Cause for Error {
    fn is_general(&self) -> bool {
        matches!(self, Self::Storage(failure) if failure.is_general())
    }
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::{MetadataError, StorageError};

    fn broken() -> StorageError {
        MetadataError::failed("tried", std::io::Error::other("broken")).into()
    }

    #[test]
    fn a_batch_that_fails_is_tried_row_by_row_in_its_order() {
        let mut batches = Batches::of(vec![1, 2, 3]);
        let mut failed = Vec::new();
        let mut handled = Vec::new();
        while let Some(rows) = batches.next_batch() {
            if rows.contains(&2) {
                failed.extend(batches.failed(rows, broken()).unwrap().map(|(row, _)| row));
            } else {
                handled.extend(rows);
            }
        }
        assert_eq!((handled, failed), (vec![1, 3], vec![2]));
    }

    #[test]
    fn what_fails_for_every_row_ends_the_run() {
        for rows in [vec![1], vec![1, 2]] {
            let overloaded = MetadataError::overloaded("tried", std::io::Error::other("busy"));
            let failed = Batches::of(rows.clone()).failed(rows, StorageError::from(overloaded));
            let is_overloaded = matches!(failed, Err(StorageError::Overloaded { .. }));
            assert!(is_overloaded, "{failed:?}");
        }
        assert_eq!(Batches::<u8>::of(Vec::new()).next_batch(), None);
    }

    #[test]
    fn failures_are_all_counted_and_the_first_are_told() {
        let mut failures = Failures::default();
        for number in 0..=MAX_FAILURES_TOLD {
            failures.add(format_args!("row {number}"), &broken());
        }
        let told = failures.told.len();
        failures.extend(&failures.clone());
        assert_eq!(
            (failures.count, told),
            (2 * (MAX_FAILURES_TOLD as u64 + 1), MAX_FAILURES_TOLD)
        );
        assert_eq!(failures.told.len(), MAX_FAILURES_TOLD);
        assert!(failures.told[0].error.ends_with(": broken"), "{:?}", failures.told[0]);
    }
}
