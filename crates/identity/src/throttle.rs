//! The brake on failed sign-ins. Generated passwords cannot be guessed; this keeps a client with a wrong one, or somebody
//! who tries anyway, from filling the log and the database's time. It forgets on restart and is per node, on purpose:
//! nothing here may lock an account out for others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

/// Failures from one place at one account before the brake is felt.
pub const FREE_FAILURES: u32 = 10;
/// The longest wait. It doubles with each failure until then.
pub const MAX_WAIT_SECS: i64 = 60;
/// After so long without a failure, all is forgotten.
pub const FORGET_SECS: i64 = 15 * 60;
/// Pairs of place and account that are remembered; about 100 bytes each. When full, the stalest go.
pub const MAX_ENTRIES: usize = 20_000;
/// The part of an account name that counts; what an attacker may make us remember ends here.
const MAX_ACCOUNT_BYTES: usize = 64;

/// The brake on failed sign-ins.
#[derive(Debug, Default)]
pub struct Throttle {
    entries: Mutex<HashMap<Key, Entry>>,
}

/// Where from and at which account. Of an IPv6 address only the network counts: a host has 2^64 addresses to choose from.
type Key = (IpAddr, Box<[u8]>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    failures: u32,
    last_failed_at: i64,
}

/// The sign-in is not looked at before some seconds have passed; answered with 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed sign-ins, try again in {retry_after_secs} seconds")]
pub struct TooMany {
    /// The value of `Retry-After`: from 1 to [`MAX_WAIT_SECS`].
    pub retry_after_secs: i64,
}

impl Throttle {
    /// A brake that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asked before a password is looked at. `now` is in Unix seconds.
    ///
    /// # Errors
    /// The place has failed too often at this account.
    pub fn check(&self, peer: IpAddr, account: &str, now: i64) -> Result<(), TooMany> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get(&key(peer, account)) else {
            return Ok(());
        };
        let wait_secs = wait_secs(entry.failures);
        // A clock that was set back must not make the wait longer.
        let passed_secs = now.saturating_sub(entry.last_failed_at).max(0);
        if passed_secs >= wait_secs {
            Ok(())
        } else {
            Err(TooMany {
                retry_after_secs: wait_secs - passed_secs,
            })
        }
    }

    /// Told of a wrong password, or of an account that does not exist.
    pub fn failed(&self, peer: IpAddr, account: &str, now: i64) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(peer, account);
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(&key) {
            make_room(&mut entries, now);
        }
        let entry = entries.entry(key).or_insert(Entry {
            failures: 0,
            last_failed_at: now,
        });
        if now.saturating_sub(entry.last_failed_at) >= FORGET_SECS {
            entry.failures = 0;
        }
        *entry = Entry {
            failures: entry.failures.saturating_add(1),
            last_failed_at: now,
        };
    }

    /// Told of a right password: what failed before is forgotten.
    pub fn succeeded(&self, peer: IpAddr, account: &str) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key(peer, account));
    }
}

fn wait_secs(failures: u32) -> i64 {
    match failures.checked_sub(FREE_FAILURES) {
        None => 0,
        Some(beyond) => 1i64
            .checked_shl(beyond.min(32))
            .unwrap_or(MAX_WAIT_SECS)
            .min(MAX_WAIT_SECS),
    }
}

/// Forgets what is old, or else the stalest tenth, so that the sort is paid for by many failures.
fn make_room(entries: &mut HashMap<Key, Entry>, now: i64) {
    entries.retain(|_, entry| now.saturating_sub(entry.last_failed_at) < FORGET_SECS);
    if entries.len() < MAX_ENTRIES {
        return;
    }
    let mut moments: Vec<i64> = entries.values().map(|entry| entry.last_failed_at).collect();
    let tenth = moments.len() / 10;
    let (_, cut, _) = moments.select_nth_unstable(tenth);
    let cut = *cut;
    let mut spare = tenth + 1;
    entries.retain(|_, entry| {
        let goes = spare > 0 && entry.last_failed_at <= cut;
        spare -= usize::from(goes);
        !goes
    });
}

fn key(peer: IpAddr, account: &str) -> Key {
    let place = match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    };
    // Account names do not differ by case, so neither may the brake.
    let account = &account.as_bytes()[..account.len().min(MAX_ACCOUNT_BYTES)];
    (place, account.to_ascii_lowercase().into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn fail(throttle: &Throttle, times: u32, now: i64) {
        for _ in 0..times {
            throttle.failed(HERE, "admin", now);
        }
    }

    #[test]
    fn the_first_failures_are_free_then_the_wait_doubles_to_a_bound() {
        let throttle = Throttle::new();
        fail(&throttle, FREE_FAILURES - 1, 1000);
        assert_eq!(throttle.check(HERE, "admin", 1000), Ok(()));
        let mut waits = Vec::new();
        for _ in 0..9 {
            fail(&throttle, 1, 1000);
            waits.push(throttle.check(HERE, "admin", 1000).unwrap_err().retry_after_secs);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(throttle.check(HERE, "admin", 1059).unwrap_err().retry_after_secs, 1);
        assert_eq!(throttle.check(HERE, "admin", 1060), Ok(()));
        assert_eq!(
            throttle.check(HERE, "admin", 900).unwrap_err().retry_after_secs,
            60,
            "the clock was set back"
        );
        fail(&throttle, 100, 1000);
        assert_eq!(throttle.check(HERE, "admin", 1000).unwrap_err().retry_after_secs, 60);
    }

    #[test]
    fn nobody_else_feels_the_brake() {
        let throttle = Throttle::new();
        fail(&throttle, 50, 1000);
        assert!(throttle.check(HERE, "ADMIN", 1000).is_err(), "case does not help");
        assert_eq!(throttle.check(THERE, "admin", 1000), Ok(()));
        assert_eq!(throttle.check(HERE, "other", 1000), Ok(()));
    }

    #[test]
    fn success_and_time_forget() {
        let throttle = Throttle::new();
        fail(&throttle, 50, 1000);
        throttle.succeeded(HERE, "admin");
        assert_eq!(throttle.check(HERE, "admin", 1000), Ok(()));
        fail(&throttle, 50, 1000);
        fail(&throttle, 1, 1000 + FORGET_SECS);
        assert_eq!(throttle.check(HERE, "admin", 1000 + FORGET_SECS), Ok(()));
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_place() {
        let throttle = Throttle::new();
        for host in 0..50u16 {
            throttle.failed(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host).into(), "admin", 1000);
        }
        let place = |network| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, network, 9, 9, 9, 9));
        assert!(throttle.check(place(1), "admin", 1000).is_err());
        assert_eq!(throttle.check(place(2), "admin", 1000), Ok(()));
        fail(&throttle, 50, 1000);
        assert!(
            throttle
                .check("::ffff:192.0.2.1".parse().unwrap(), "admin", 1000)
                .is_err(),
            "mapped addresses too"
        );
    }

    #[test]
    fn a_flood_of_names_is_bounded_and_keeps_the_newest() {
        let throttle = Throttle::new();
        let moment = |index: usize| 1000 + i64::try_from(index / 100).unwrap();
        for index in 0..MAX_ENTRIES + 5000 {
            throttle.failed(HERE, &format!("{index}-{}", "x".repeat(1000)), moment(index));
        }
        fail(&throttle, 50, moment(MAX_ENTRIES + 5000));
        assert!(throttle.entries.lock().unwrap().len() <= MAX_ENTRIES);
        assert!(throttle.check(HERE, "admin", moment(MAX_ENTRIES + 5000)).is_err());
    }
}
