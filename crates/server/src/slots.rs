//! Slots for connections: how many there are in all, and how many one neighbourhood of addresses may take, so that no
//! one peer shuts the others out. It refuses to know what is said on a connection.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use holdfast_face::Neighbourhood;
use ipnet::IpNet;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Connections that are served beyond the slots, each for one short request: what watches the server must reach it
/// also when it is full.
const RESERVE: usize = 16;

/// Why a peer has no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All are taken.
    Full,
    /// Its neighbourhood has taken what it may.
    Crowded,
}

/// All slots.
#[derive(Debug)]
pub(crate) struct Slots {
    total: usize,
    free: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    taken: Mutex<HashMap<Neighbourhood, usize>>,
    /// Proxies that speak for many clients.
    trusted: Vec<IpNet>,
}

/// One connection's slot; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    neighbourhoods: Vec<Neighbourhood>,
    _free: OwnedSemaphorePermit,
}

/// A connection beyond the slots.
#[derive(Debug)]
pub(crate) struct Reserved {
    _reserve: OwnedSemaphorePermit,
}

impl Slots {
    pub(crate) fn new(total: usize, trusted: Vec<IpNet>) -> Self {
        Self {
            total,
            free: Arc::new(Semaphore::new(total)),
            reserve: Arc::new(Semaphore::new(RESERVE)),
            taken: Mutex::default(),
            trusted,
        }
    }

    /// A slot for a peer.
    pub(crate) fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Slot, Refusal> {
        let Ok(free) = Arc::clone(&self.free).try_acquire_owned() else {
            return Err(Refusal::Full);
        };
        let neighbourhoods = self.neighbourhoods(peer);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = |one: &Neighbourhood| taken.get(one).copied().unwrap_or(0) < one.most(self.total);
        if !neighbourhoods.iter().all(has_room) {
            return Err(Refusal::Crowded);
        }
        for one in &neighbourhoods {
            *taken.entry(*one).or_default() += 1;
        }
        Ok(Slot {
            slots: Arc::clone(self),
            neighbourhoods,
            _free: free,
        })
    }

    /// One of the few connections beyond the slots, if one is left.
    pub(crate) fn try_reserve(&self) -> Option<Reserved> {
        let reserve = Arc::clone(&self.reserve).try_acquire_owned().ok()?;
        Some(Reserved { _reserve: reserve })
    }

    /// Waits for one of them.
    pub(crate) async fn reserve(&self) -> Result<Reserved, AcquireError> {
        let reserve = Arc::clone(&self.reserve).acquire_owned().await?;
        Ok(Reserved { _reserve: reserve })
    }

    fn neighbourhoods(&self, peer: IpAddr) -> Vec<Neighbourhood> {
        let address = peer.to_canonical();
        if self.trusted.iter().any(|network| network.contains(&address)) {
            return Vec::new();
        }
        Neighbourhood::all_of(peer)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for one in &self.neighbourhoods {
            if let Some(count) = taken.get_mut(one) {
                *count -= 1;
                if *count == 0 {
                    taken.remove(one);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(slots: &Arc<Slots>, peer: &str, count: usize) -> Vec<Slot> {
        let peer = peer.parse().unwrap();
        (0..count).filter_map(|_| slots.take(peer).ok()).collect()
    }

    #[test]
    fn one_address_leaves_room_for_others_and_gives_its_slots_back() {
        let slots = Arc::new(Slots::new(8, Vec::new()));
        let mine = take(&slots, "192.0.2.1", 8);
        assert_eq!(mine.len(), 4);
        assert!(take(&slots, "::ffff:192.0.2.1", 1).is_empty(), "the same one");
        assert_eq!(take(&slots, "192.0.2.2", 8).len(), 4);
        drop(mine);
        assert_eq!(take(&slots, "192.0.2.1", 8).len(), 4);
    }

    #[test]
    fn a_customer_of_ipv6_is_one_peer_whatever_addresses_it_uses() {
        let slots = Arc::new(Slots::new(8, Vec::new()));
        let near: Vec<_> = (0..8)
            .flat_map(|host| take(&slots, &format!("2001:db8:1:1::{host}"), 1))
            .collect();
        assert_eq!(near.len(), 4);
        let far: Vec<_> = (2..9)
            .flat_map(|net| take(&slots, &format!("2001:db8:1:{net}::1"), 1))
            .collect();
        assert_eq!(far.len(), 2);
        assert_eq!(take(&slots, "2001:db8:2::1", 8).len(), 2);
    }

    #[test]
    fn a_trusted_proxy_may_have_all() {
        let slots = Arc::new(Slots::new(8, vec!["192.0.2.0/24".parse().unwrap()]));
        assert_eq!(take(&slots, "192.0.2.1", 9).len(), 8);
    }
}
