//! The clock of a node: the machine's own where the rows lie in its data folder; otherwise the database's, which is one
//! for all nodes, so that leases and what expires mean the same to each, however wrong the clocks of their machines are. It
//! refuses to set any clock.

use std::{
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use holdfast_model::{Clock, Metadata, MetadataExt as _, StorageError, Timestamp};

/// How often the database is asked for the time.
pub(crate) const CLOCK_ASKED_EVERY: Duration = Duration::from_secs(10);

/// Goes by the database's clock: asked now and then, and counted on from there by what nobody sets.
#[derive(Debug)]
pub(crate) struct DatabaseClock(RwLock<Known>);

/// What the database's clock showed, and when that was.
#[derive(Debug, Clone, Copy)]
struct Known {
    moment: Timestamp,
    at: Instant,
}

/// An answer of the database.
#[derive(Debug, Clone, Copy)]
struct Answer {
    known: Known,
    /// How wrong it can be: somewhere on the way there or back it was right.
    within: Duration,
}

impl DatabaseClock {
    /// Asks for the time.
    pub(crate) async fn ask(metadata: &dyn Metadata) -> Result<Self, StorageError> {
        Ok(Self(RwLock::new(answer(metadata).await?.known)))
    }

    /// Asks again.
    pub(crate) async fn follow(&self, metadata: &dyn Metadata) -> Result<(), StorageError> {
        let answer = answer(metadata).await?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *known = known.corrected(answer);
        Ok(())
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let known = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.moment.plus(known.at.elapsed())
    }
}

impl Known {
    /// What is known after another answer: the same as long as that says nothing else.
    fn corrected(self, answer: Answer) -> Self {
        let shown = self.moment.plus(answer.known.at.duration_since(self.at));
        let said = answer.known.moment;
        let is_the_same = shown.since(said).max(said.since(shown)) <= answer.within;
        if is_the_same { self } else { answer.known }
    }
}

async fn answer(metadata: &dyn Metadata) -> Result<Answer, StorageError> {
    let before = Instant::now();
    let moment = metadata.query(|read| Ok::<_, StorageError>(read.moment()?)).await?;
    let within = before.elapsed() / 2;
    let at = before + within;
    let known = Known { moment, at };
    Ok(Answer { known, within })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_changes_the_clock_only_when_it_contradicts_it() {
        let start = Instant::now();
        let known = |secs, after_secs| Known {
            moment: Timestamp::of_unix_secs(secs),
            at: start + Duration::from_secs(after_secs),
        };
        let corrected = |answer, within_secs| {
            let within = Duration::from_secs(within_secs);
            let known = known(1_000, 0).corrected(Answer { known: answer, within });
            (known.moment.unix_secs(), known.at - start)
        };
        assert_eq!(
            corrected(known(1_012, 10), 2).0,
            1_000,
            "it may have been on its way so long"
        );
        assert_eq!(corrected(known(1_008, 10), 2).0, 1_000);
        assert_eq!(corrected(known(1_013, 10), 2), (1_013, Duration::from_secs(10)));
        assert_eq!(corrected(known(900, 10), 2).0, 900, "the database's clock was set back");
    }
}
