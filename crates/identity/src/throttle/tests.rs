//! Who is braked, for how long, and who is not.

use std::net::Ipv6Addr;

use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const ADMIN: Target<'_> = Target::Account("admin");

/// Fails so often, brake or not: as attempts do that began before it was felt.
fn fail(throttle: &Throttle, times: u32, now: i64) {
    for _ in 0..times {
        match throttle.take(HERE, ADMIN, now) {
            Ok(attempt) => attempt.failed(),
            Err(_) => {
                let mut counts = throttle.lock();
                let entry = counts
                    .sources
                    .get_mut(&HERE)
                    .unwrap()
                    .get_mut(&Mark::of(ADMIN))
                    .unwrap();
                entry.under_way += 1;
                counts.settle(HERE, &Mark::of(ADMIN), Verdict::Failed, now);
            }
        }
    }
}

/// Whether an attempt would be let through.
fn check(throttle: &Throttle, peer: IpAddr, target: Target<'_>, now: i64) -> Result<(), TooMany> {
    throttle.take(peer, target, now).map(Attempt::withdraw)
}

fn wait(throttle: &Throttle, target: Target<'_>, now: i64) -> i64 {
    check(throttle, HERE, target, now).unwrap_err().retry_after_secs
}

#[test]
fn the_first_failures_are_free_then_the_wait_doubles_to_a_bound() {
    let throttle = Throttle::new();
    fail(&throttle, FREE_FAILURES - 1, 1000);
    assert_eq!(check(&throttle, HERE, ADMIN, 1000), Ok(()));
    let mut waits = Vec::new();
    for _ in 0..9 {
        fail(&throttle, 1, 1000);
        waits.push(wait(&throttle, ADMIN, 1000));
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(wait(&throttle, ADMIN, 1059), 1);
    assert_eq!(check(&throttle, HERE, ADMIN, 1060), Ok(()));
    assert_eq!(wait(&throttle, ADMIN, 900), 60, "the clock was set back");
    fail(&throttle, 100, 1000);
    assert_eq!(wait(&throttle, ADMIN, 1000), 60);
}

#[test]
fn a_burst_is_bounded_and_counts_as_if_it_came_one_after_the_other() {
    let throttle = Throttle::new();
    fail(&throttle, FREE_FAILURES - 1, 1000);
    let burst: Vec<_> = (0..1000).flat_map(|_| throttle.take(HERE, ADMIN, 1000)).collect();
    assert_eq!(burst.len(), MAX_AT_ONCE as usize);
    drop(burst);
    assert_eq!(wait(&throttle, ADMIN, 1000), 60, "what was given up has failed");
    let burst: Vec<_> = (0..1000).flat_map(|_| throttle.take(HERE, ADMIN, 1060)).collect();
    assert_eq!(burst.len(), 1, "behind the brake one is looked at a time");
}

#[test]
fn those_who_share_an_account_do_not_brake_each_other() {
    let throttle = Throttle::new();
    let burst: Vec<_> = (0..MAX_AT_ONCE)
        .map(|_| throttle.take(HERE, ADMIN, 1000).unwrap())
        .collect();
    burst.into_iter().for_each(Attempt::succeeded);
    assert_eq!(check(&throttle, HERE, ADMIN, 1000), Ok(()));
    assert_eq!(throttle.lock().len, 0, "nothing is remembered of what was right");
}

#[test]
fn nobody_else_feels_the_brake() {
    let throttle = Throttle::new();
    fail(&throttle, 50, 1000);
    assert!(
        check(&throttle, HERE, Target::Account("ADMIN"), 1000).is_err(),
        "case does not help"
    );
    assert_eq!(check(&throttle, THERE, ADMIN, 1000), Ok(()));
    assert_eq!(check(&throttle, HERE, Target::Account("other"), 1000), Ok(()));
}

#[test]
fn success_and_time_forget() {
    let throttle = Throttle::new();
    fail(&throttle, 50, 1000);
    throttle.take(HERE, ADMIN, 1060).unwrap().succeeded();
    assert_eq!(check(&throttle, HERE, ADMIN, 1060), Ok(()));
    fail(&throttle, 50, 2000);
    fail(&throttle, 1, 2000 + FORGET_SECS);
    assert_eq!(check(&throttle, HERE, ADMIN, 2000 + FORGET_SECS), Ok(()));
}

#[test]
fn what_everybody_behind_one_address_shares_is_eased_bit_by_bit() {
    let throttle = Throttle::new();
    let each_secs = FORGET_SECS / i64::from(FREE_PASSWORDS);
    for index in 0..200 {
        let now = 1000 + index * each_secs;
        throttle.take(HERE, Target::Passwords, now).unwrap().failed();
    }
    let now = 1000 + 200 * each_secs;
    for _ in 0..FREE_PASSWORDS - 1 {
        throttle.take(HERE, Target::Passwords, now).unwrap().failed();
    }
    throttle.take(HERE, Target::Passwords, now).unwrap().failed();
    assert_eq!(wait(&throttle, Target::Passwords, now), 1);
    assert_eq!(check(&throttle, HERE, Target::Devices, now), Ok(()));
}

#[test]
fn addresses_of_one_ipv6_network_are_one_source() {
    let throttle = Throttle::new();
    for host in 0..FREE_FAILURES {
        let host = u16::try_from(host).unwrap();
        let peer = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host);
        throttle.take(peer.into(), ADMIN, 1000).unwrap().failed();
    }
    let source = |network| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, network, 9, 9, 9, 9));
    assert!(check(&throttle, source(1), ADMIN, 1000).is_err());
    assert_eq!(check(&throttle, source(2), ADMIN, 1000), Ok(()));
    fail(&throttle, 50, 1000);
    let mapped = "::ffff:192.0.2.1".parse().unwrap();
    assert!(check(&throttle, mapped, ADMIN, 1000).is_err(), "mapped addresses too");
}

#[test]
fn a_flood_of_names_crowds_out_its_own_and_not_what_is_braked() {
    let throttle = Throttle::new();
    fail(&throttle, 50, 1000);
    throttle.take(THERE, ADMIN, 1000).unwrap().failed();
    for index in 0..MAX_ENTRIES + 5000 {
        let name = format!("{index}-{}", "x".repeat(1000));
        throttle.take(HERE, Target::Account(&name), 1001).unwrap().failed();
    }
    assert_eq!(wait(&throttle, ADMIN, 1001), 59);
    let counts = throttle.lock();
    assert_eq!(counts.sources[&HERE].len(), MAX_ENTRIES_OF_SOURCE);
    assert_eq!(counts.sources[&THERE].len(), 1, "others are not crowded out");
}

#[test]
fn a_flood_of_sources_is_bounded_and_releases_nobody_who_is_braked() {
    let throttle = Throttle::new();
    fail(&throttle, 50, 1000);
    for index in 0..u32::try_from(MAX_ENTRIES).unwrap() + 5000 {
        let peer = IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + index));
        throttle.take(peer, ADMIN, 1001).unwrap().failed();
    }
    assert_eq!(wait(&throttle, ADMIN, 1001), 59);
    let counts = throttle.lock();
    assert!(counts.len <= MAX_ENTRIES);
    assert_eq!(counts.len, counts.sources.values().map(HashMap::len).sum::<usize>());
}
