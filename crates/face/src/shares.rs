//! Turns of which there are so many in all, and fewer for one neighbourhood of addresses, so that no one peer takes all.
//! Who finds none waits, behind those of its neighbourhood first. It refuses to know what the turns are for.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError},
    time::timeout,
};

use crate::neighbourhood::Neighbourhood;

/// How long a turn is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// As many blobs are read or written as may be.
#[derive(Debug, thiserror::Error)]
#[error("too many blobs are being read or written at once, by all or from your address; try again in a moment")]
pub struct TooManyBlobs;

/// All turns.
#[derive(Debug)]
pub(crate) struct Shares {
    total: usize,
    free: Arc<Semaphore>,
    /// Of the neighbourhoods that have a turn or wait for one.
    near: Mutex<HashMap<Neighbourhood, Arc<Semaphore>>>,
}

/// A turn, until it is dropped; also a permit to wait for one.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    neighbourhoods: Vec<Neighbourhood>,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Shares {
    pub(crate) fn new(total: usize) -> Self {
        Self {
            total,
            free: Arc::new(Semaphore::new(total)),
            near: Mutex::default(),
        }
    }

    /// Waits for a turn of this peer's, but not for ever.
    pub(crate) async fn wait(self: &Arc<Self>, peer: IpAddr) -> Result<Share, TooManyBlobs> {
        match timeout(PATIENCE, self.take(peer)).await {
            Ok(Ok(share)) => Ok(share),
            Ok(Err(_)) | Err(_) => Err(TooManyBlobs),
        }
    }

    async fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Share, AcquireError> {
        let mut share = self.none(peer);
        for index in 0..share.neighbourhoods.len() {
            let near = self.of(share.neighbourhoods[index]);
            share.permits.push(near.acquire_owned().await?);
        }
        share.permits.push(Arc::clone(&self.free).acquire_owned().await?);
        Ok(share)
    }

    /// So many turns of this peer's, if they are there.
    pub(crate) fn try_take(self: &Arc<Self>, peer: IpAddr, count: u32) -> Result<Share, TryAcquireError> {
        let mut share = self.none(peer);
        for index in 0..share.neighbourhoods.len() {
            let near = self.of(share.neighbourhoods[index]);
            share.permits.push(near.try_acquire_many_owned(count)?);
        }
        let free = Arc::clone(&self.free).try_acquire_many_owned(count)?;
        share.permits.push(free);
        Ok(share)
    }

    fn none(self: &Arc<Self>, peer: IpAddr) -> Share {
        Share {
            shares: Arc::clone(self),
            neighbourhoods: Neighbourhood::all_of(peer),
            permits: Vec::new(),
        }
    }

    fn of(&self, neighbourhood: Neighbourhood) -> Arc<Semaphore> {
        let mut near = self.near.lock().unwrap_or_else(PoisonError::into_inner);
        let most = neighbourhood.most(self.total);
        let found = near
            .entry(neighbourhood)
            .or_insert_with(|| Arc::new(Semaphore::new(most)));
        Arc::clone(found)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.permits.clear();
        let mut near = self.shares.near.lock().unwrap_or_else(PoisonError::into_inner);
        for neighbourhood in &self.neighbourhoods {
            // Whoever else has a turn or waits for one holds it too; new ones come through the lock.
            if near
                .get(neighbourhood)
                .is_some_and(|found| Arc::strong_count(found) == 1)
            {
                near.remove(neighbourhood);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn take(shares: &Arc<Shares>, peer: &str) -> Option<Share> {
        let taken = shares.take(peer.parse().unwrap()).now_or_never()?;
        Some(taken.unwrap())
    }

    #[test]
    fn one_address_leaves_turns_for_others_and_gives_its_own_back() {
        let shares = Arc::new(Shares::new(4));
        let mine: Vec<_> = (0..4).filter_map(|_| take(&shares, "192.0.2.1")).collect();
        assert_eq!(mine.len(), 2);
        assert!(take(&shares, "::ffff:192.0.2.1").is_none(), "the same one");
        let other = take(&shares, "192.0.2.2").unwrap();
        drop(mine);
        assert!(take(&shares, "192.0.2.1").is_some());
        drop(other);
        assert!(shares.near.lock().unwrap().is_empty());
    }

    #[test]
    fn a_customer_of_ipv6_is_one_peer_whatever_addresses_it_uses() {
        let shares = Arc::new(Shares::new(8));
        let near: Vec<_> = (0..8)
            .filter_map(|host| take(&shares, &format!("2001:db8:1:1::{host}")))
            .collect();
        assert_eq!(near.len(), 4);
        let far: Vec<_> = (2..9)
            .filter_map(|net| take(&shares, &format!("2001:db8:1:{net}::1")))
            .collect();
        assert_eq!(far.len(), 2);
        assert!(take(&shares, "2001:db8:2::1").is_some());
    }

    #[test]
    fn many_are_taken_at_once_or_none() {
        let shares = Arc::new(Shares::new(8));
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let three = shares.try_take(one, 3).unwrap();
        assert!(shares.try_take(one, 2).is_err(), "half is for one address");
        let four = shares.try_take(other, 4).unwrap();
        assert!(shares.try_take(one, 1).is_ok());
        drop((three, four));
        assert!(shares.try_take(one, 4).is_ok());
        assert!(shares.near.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_turn() {
        let shares = Arc::new(Shares::new(2));
        let peer = "192.0.2.1".parse().unwrap();
        let first = shares.take(peer).await.unwrap();
        let next = tokio::spawn({
            let shares = Arc::clone(&shares);
            async move { shares.take(peer).await.map(drop) }
        });
        drop(first);
        next.await.unwrap().unwrap();
    }
}
