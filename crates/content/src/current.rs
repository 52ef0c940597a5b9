//! Answers of the metadata store that are kept as long as they are provably current (ARCHITECTURE.md, law 6): until the
//! next commit, of whatever it is. A store that others write to as well keeps none. It refuses to know what the answers
//! say; none may depend on the time.

use std::{
    array,
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Parts with a lock each, so that threads seldom meet.
const SHARDS: usize = 16;

/// Answers by what was asked, at most so many.
pub struct Current<K, V> {
    hasher: RandomState,
    shards: [Mutex<HashMap<K, Kept<V>>>; SHARDS],
    entries_per_shard: usize,
}

struct Kept<V> {
    /// Commits that the answer holds at least.
    commits: u64,
    answer: V,
}

impl<K: Hash + Eq, V: Clone> Current<K, V> {
    /// Room for so many.
    #[must_use]
    pub fn new(entries: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            shards: array::from_fn(|_| Mutex::default()),
            entries_per_shard: entries / SHARDS,
        }
    }

    /// The answer, if nothing was committed since it was read; `commits` is how many there are now, if that is known.
    pub fn get(&self, key: &K, commits: Option<u64>) -> Option<V> {
        let commits = commits?;
        let shard = self.shard(key);
        let kept = shard.get(key)?;
        (kept.commits == commits).then(|| kept.answer.clone())
    }

    /// Keeps an answer that was read when so many commits had been made.
    pub fn insert(&self, key: K, commits: Option<u64>, answer: V) {
        let Some(commits) = commits else { return };
        let mut shard = self.shard(&key);
        if shard.len() >= self.entries_per_shard && !shard.contains_key(&key) {
            // Most are old by now.
            shard.clear();
        }
        shard.insert(key, Kept { commits, answer });
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, HashMap<K, Kept<V>>> {
        let index = self.hasher.hash_one(key) % SHARDS as u64;
        // What is inside is whole at every moment.
        self.shards[usize::try_from(index).unwrap_or(0)]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_given_until_the_next_commit_and_to_the_same_question() {
        let current = Current::new(64);
        current.insert("a", Some(1), 7);
        assert_eq!(current.get(&"a", Some(1)), Some(7));
        assert_eq!(current.get(&"b", Some(1)), None);
        assert_eq!(current.get(&"a", Some(2)), None);
        current.insert("a", Some(2), 8);
        assert_eq!(current.get(&"a", Some(2)), Some(8));
        assert_eq!(current.get(&"a", Some(1)), None, "a look that began before");
    }

    #[test]
    fn a_store_that_cannot_tell_its_commits_has_nothing_kept() {
        let current = Current::new(64);
        current.insert("a", None, 7);
        assert_eq!(current.get(&"a", None), None);
        current.insert("a", Some(0), 7);
        assert_eq!(current.get(&"a", None), None);
    }

    #[test]
    fn so_many_are_kept_and_no_more() {
        let current = Current::new(64);
        for number in 0..10_000 {
            current.insert(number, Some(1), number);
            assert_eq!(current.get(&number, Some(1)), Some(number));
        }
        let kept: usize = current.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= 64, "{kept}");
    }
}
