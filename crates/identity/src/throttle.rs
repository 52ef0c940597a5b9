//! The brake on failed sign-ins. Generated passwords cannot be guessed; this keeps a client with a wrong one, or somebody
//! who tries anyway, from filling the log and the database's time. It forgets on restart and is per node, on purpose:
//! nothing here may lock an account out for others.
//!
//! An attempt is counted when it begins and not when it has failed, so that a burst does not slip by.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use holdfast_access::network_of;

/// Failures from one source at one account before the brake is felt.
pub const FREE_FAILURES: u32 = 10;
/// Wrong passwords of people from one source, whatever names they came with: each costs a slow hash.
pub const FREE_PASSWORDS: u32 = 30;
/// Devices that begin to wait at one source.
pub const FREE_DEVICES: u32 = 200;
/// Codes typed at one source that no device waits for.
pub const FREE_USER_CODES: u32 = 50;
/// Attempts from one source at one account that may be under way; many clients of one network may share an account.
pub const MAX_AT_ONCE: u32 = 64;
/// The same for what costs a slow hash, under all names together.
pub const MAX_PASSWORDS_AT_ONCE: u32 = 16;
/// The longest wait. It doubles with each failure until then.
pub const MAX_WAIT_SECS: i64 = 60;
/// After so long without a failure, all is forgotten.
pub const FORGET_SECS: i64 = 15 * 60;
/// Counts that are remembered; about 100 bytes each. When full, those with the fewest failures go.
pub const MAX_ENTRIES: usize = 20_000;
/// How many of them one source may have, so that it crowds out its own and not the others'.
pub const MAX_ENTRIES_OF_SOURCE: usize = 256;
/// The bits of an IPv6 address that one host cannot choose.
const HOST_BITS: u32 = 64;
/// The part of an account name that counts; what an attacker may make us remember ends here.
const MAX_ACCOUNT_BYTES: usize = 64;

/// The brake on failed sign-ins.
#[derive(Debug, Default)]
pub struct Throttle {
    counts: Mutex<Counts>,
}

/// What attempts from one source are counted at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// One account, by its name.
    Account(&'a str),
    /// The passwords of people, whatever their names.
    Passwords,
    /// Devices that begin to wait.
    Devices,
    /// Codes that people type for a device.
    UserCodes,
}

/// An attempt that was let through. It counts as failed unless somebody says otherwise, also when it is given up.
#[derive(Debug)]
#[must_use = "an attempt that is dropped has failed"]
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    source: IpAddr,
    mark: Mark,
    now: i64,
    verdict: Verdict,
}

/// The sign-in is not looked at before some seconds have passed; answered with 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed sign-ins, try again in {retry_after_secs} second{}", if *retry_after_secs == 1 { "" } else { "s" })]
pub struct TooMany {
    /// The value of `Retry-After`: from 1 to [`MAX_WAIT_SECS`].
    pub retry_after_secs: i64,
}

#[derive(Clone, Copy, Debug)]
enum Verdict {
    Failed,
    Succeeded,
    Withdrawn,
}

/// [`Target`], as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Mark {
    Account(Box<[u8]>),
    Passwords,
    Devices,
    UserCodes,
}

/// By source. Of an IPv6 address only the network counts: a host has 2^64 addresses to choose from.
#[derive(Debug, Default)]
struct Counts {
    sources: HashMap<IpAddr, HashMap<Mark, Entry>>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    failures: u32,
    under_way: u32,
    last_failed_at: i64,
    /// Until when failures were let go one by one.
    eased_at: i64,
}

impl Throttle {
    /// A brake that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts an attempt before anything is looked at. `now` is in Unix seconds.
    ///
    /// # Errors
    /// The source has failed too often at this target, or has too many attempts under way.
    pub fn take(&self, peer: IpAddr, target: Target<'_>, now: i64) -> Result<Attempt<'_>, TooMany> {
        let (source, mark) = (network_of(peer, HOST_BITS), Mark::of(target));
        let mut counts = self.lock();
        let known = counts.sources.get_mut(&source).and_then(|marks| marks.get_mut(&mark));
        if let Some(entry) = known {
            entry.ease(&mark, now);
            entry.check(&mark, now)?;
            entry.under_way += 1;
        } else {
            counts.make_room(source, now)?;
            let entry = Entry {
                failures: 0,
                under_way: 1,
                last_failed_at: now,
                eased_at: now,
            };
            counts.sources.entry(source).or_default().insert(mark.clone(), entry);
            counts.len += 1;
        }
        Ok(Attempt {
            throttle: self,
            source,
            mark,
            now,
            verdict: Verdict::Failed,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// A wrong password, or an account that does not exist.
    pub fn failed(self) {}

    /// A right password: what failed before at the same target is forgotten.
    pub fn succeeded(mut self) {
        self.verdict = Verdict::Succeeded;
    }

    /// Nothing was learned, or the target is not the attempt's alone: it is as if it had not been.
    pub fn withdraw(mut self) {
        self.verdict = Verdict::Withdrawn;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.throttle
            .lock()
            .settle(self.source, &self.mark, self.verdict, self.now);
    }
}

impl Mark {
    fn of(target: Target<'_>) -> Self {
        match target {
            Target::Account(name) => {
                // Account names do not differ by case, so neither may the brake.
                let name = &name.as_bytes()[..name.len().min(MAX_ACCOUNT_BYTES)];
                Self::Account(name.to_ascii_lowercase().into_boxed_slice())
            }
            Target::Passwords => Self::Passwords,
            Target::Devices => Self::Devices,
            Target::UserCodes => Self::UserCodes,
        }
    }

    fn free_failures(&self) -> u32 {
        match self {
            Self::Account(_) => FREE_FAILURES,
            Self::Passwords => FREE_PASSWORDS,
            Self::Devices => FREE_DEVICES,
            Self::UserCodes => FREE_USER_CODES,
        }
    }

    fn max_at_once(&self) -> u32 {
        match self {
            Self::Passwords => MAX_PASSWORDS_AT_ONCE,
            Self::Account(_) | Self::Devices | Self::UserCodes => MAX_AT_ONCE,
        }
    }

    /// After how many seconds a failure is let go. An account's stay until it succeeds; what everybody behind one address
    /// shares would never be without failures.
    fn easing_secs(&self) -> Option<i64> {
        match self {
            Self::Account(_) => None,
            shared => Some(FORGET_SECS / i64::from(shared.free_failures())),
        }
    }
}

impl Entry {
    fn is_stale(&self, now: i64) -> bool {
        self.under_way == 0 && now.saturating_sub(self.last_failed_at) >= FORGET_SECS
    }

    /// Lets go what time has made good.
    fn ease(&mut self, mark: &Mark, now: i64) {
        if now.saturating_sub(self.last_failed_at) >= FORGET_SECS {
            self.failures = 0;
        }
        if let Some(each_secs) = mark.easing_secs() {
            let eased = now.saturating_sub(self.eased_at).max(0) / each_secs;
            self.failures = self.failures.saturating_sub(u32::try_from(eased).unwrap_or(u32::MAX));
            self.eased_at += eased * each_secs;
        }
    }

    fn check(&self, mark: &Mark, now: i64) -> Result<(), TooMany> {
        let free = mark.free_failures();
        let wait_secs = wait_secs(self.failures, free);
        // A clock that was set back must not make the wait longer.
        let passed_secs = now.saturating_sub(self.last_failed_at).max(0);
        let max_at_once = if self.failures < free { mark.max_at_once() } else { 1 };
        if passed_secs < wait_secs {
            Err(TooMany {
                retry_after_secs: wait_secs - passed_secs,
            })
        } else if self.under_way >= max_at_once {
            Err(CROWDED)
        } else {
            Ok(())
        }
    }
}

/// Too many under way; they are done soon.
const CROWDED: TooMany = TooMany { retry_after_secs: 1 };

impl Counts {
    /// Room for one more of this source, at the cost of its own if it has many. Few failures go before many, else a flood
    /// of names would release the one that is braked.
    fn make_room(&mut self, source: IpAddr, now: i64) -> Result<(), TooMany> {
        if let Some(marks) = self
            .sources
            .get_mut(&source)
            .filter(|it| it.len() >= MAX_ENTRIES_OF_SOURCE)
        {
            let idle = marks.iter().filter(|(_, entry)| entry.under_way == 0);
            let weakest = idle.min_by_key(|(_, entry)| (!entry.is_stale(now), entry.failures, entry.last_failed_at));
            let weakest = weakest.map(|(mark, _)| mark.clone()).ok_or(CROWDED)?;
            marks.remove(&weakest);
            self.len -= 1;
        }
        if self.len >= MAX_ENTRIES {
            self.retain(|entry| !entry.is_stale(now));
        }
        if self.len >= MAX_ENTRIES {
            self.drop_weakest_tenth();
        }
        if self.len < MAX_ENTRIES { Ok(()) } else { Err(CROWDED) }
    }

    /// A tenth, so that the work is paid for by many failures.
    fn drop_weakest_tenth(&mut self) {
        let strength = |entry: &Entry| (entry.under_way > 0, entry.failures, entry.last_failed_at);
        let mut strengths: Vec<_> = self.sources.values().flat_map(HashMap::values).map(strength).collect();
        let tenth = strengths.len() / 10;
        let (_, cut, _) = strengths.select_nth_unstable(tenth);
        let cut = *cut;
        let mut spare = tenth + 1;
        self.retain(|entry| {
            let goes = spare > 0 && entry.under_way == 0 && strength(entry) <= cut;
            spare -= usize::from(goes);
            !goes
        });
    }

    fn retain(&mut self, mut stays: impl FnMut(&Entry) -> bool) {
        self.sources.retain(|_, marks| {
            marks.retain(|_, entry| stays(entry));
            !marks.is_empty()
        });
        self.len = self.sources.values().map(HashMap::len).sum();
    }

    fn settle(&mut self, source: IpAddr, mark: &Mark, verdict: Verdict, now: i64) {
        let Some(marks) = self.sources.get_mut(&source) else {
            return;
        };
        let Some(entry) = marks.get_mut(mark) else {
            return;
        };
        entry.under_way = entry.under_way.saturating_sub(1);
        match verdict {
            Verdict::Failed => {
                if entry.failures == 0 {
                    entry.eased_at = now;
                }
                entry.failures = entry.failures.saturating_add(1);
                entry.last_failed_at = now;
            }
            Verdict::Succeeded => entry.failures = 0,
            Verdict::Withdrawn => {}
        }
        if entry.under_way == 0 && entry.failures == 0 {
            marks.remove(mark);
            self.len -= 1;
            if marks.is_empty() {
                self.sources.remove(&source);
            }
        }
    }
}

fn wait_secs(failures: u32, free: u32) -> i64 {
    match failures.checked_sub(free) {
        None => 0,
        Some(beyond) => 1i64
            .checked_shl(beyond.min(32))
            .unwrap_or(MAX_WAIT_SECS)
            .min(MAX_WAIT_SECS),
    }
}

#[cfg(test)]
mod tests;
