//! What all responses may take at once. Those that hand out blobs: open files, and memory for what was read and is not sent
//! yet. Who asks for one too many waits a little; each has a little memory of its own, whatever others take, and what is
//! read beyond that comes out of one budget. Those that are in memory whole: one budget more, and no wait, for they are
//! there already. It refuses to know what is sent.

use std::{net::IpAddr, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::shares::{Share, Shares, TooManyBlobs};

/// Answers that may hand out blobs at once, each with a file open, where the system allows many.
pub const MAX_SENT_BLOBS: usize = 4096;
/// What one answer may have in memory, whatever others have: what is read of a file before anything of it was taken.
pub const OWN_BYTES: u64 = 32 << 10;
/// What all responses may have in memory beyond that.
const AHEAD_BYTES: usize = 32 << 20;
/// What all responses that are whole may have in memory.
const WHOLE_BYTES: usize = 64 << 20;
/// Whole responses up to this length are not counted: they cost no more than the request did.
const UNCOUNTED_BYTES: u64 = 4 << 10;

/// As much waits to be sent as may.
#[derive(Debug, thiserror::Error)]
#[error("too many answers wait to be taken, by all or by your address; try again in a moment")]
pub struct TooManyResponses;

/// What all responses share; clones share it too.
#[derive(Debug, Clone)]
pub struct Sending {
    turns: Arc<Shares>,
    ahead: Arc<Semaphore>,
    whole: Arc<Shares>,
}

/// The right of a response to hand out a blob, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _share: Share,
    ahead: Arc<Semaphore>,
}

/// Memory for a response that is whole. It counts until it is dropped.
#[derive(Debug)]
pub struct Whole(#[expect(dead_code, reason = "it is held, not read")] Option<Share>);

/// Memory for what was read. It counts until it is dropped.
#[derive(Debug)]
pub struct Room(#[expect(dead_code, reason = "it is held, not read")] OwnedSemaphorePermit);

impl Default for Sending {
    fn default() -> Self {
        Self::new(MAX_SENT_BLOBS)
    }
}

impl Sending {
    /// So many blobs at once.
    #[must_use]
    pub fn new(blobs: usize) -> Self {
        Self {
            turns: Arc::new(Shares::new(blobs)),
            ahead: Arc::new(Semaphore::new(AHEAD_BYTES)),
            whole: Arc::new(Shares::new(WHOLE_BYTES)),
        }
    }

    /// Memory for a response of so many bytes that is there already.
    ///
    /// # Errors
    /// [`TooManyResponses`] when it must go.
    pub fn whole(&self, peer: IpAddr, bytes: u64) -> Result<Whole, TooManyResponses> {
        if bytes <= UNCOUNTED_BYTES {
            return Ok(Whole(None));
        }
        // One that is longer than all may be alone goes out when nothing of that address waits.
        let bytes = bytes.min(WHOLE_BYTES as u64 / 2);
        let share = self.whole.try_take(peer, u32::try_from(bytes).unwrap_or(u32::MAX));
        share.map(|share| Whole(Some(share))).map_err(|_| TooManyResponses)
    }

    /// Waits for the right to hand out a blob.
    ///
    /// # Errors
    /// [`TooManyBlobs`] when it takes too long.
    pub async fn turn(&self, peer: IpAddr) -> Result<Turn, TooManyBlobs> {
        Ok(Turn {
            _share: self.turns.wait(peer).await?,
            ahead: Arc::clone(&self.ahead),
        })
    }
}

impl Turn {
    /// Memory beyond the response's own, if it is left.
    #[must_use]
    pub fn try_ahead(&self, bytes: u64) -> Option<Room> {
        let permits = u32::try_from(bytes).ok()?;
        Arc::clone(&self.ahead).try_acquire_many_owned(permits).ok().map(Room)
    }
}

impl From<OwnedSemaphorePermit> for Room {
    fn from(own: OwnedSemaphorePermit) -> Self {
        Self(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test(start_paused = true)]
    async fn who_gets_no_turn_is_told_so_in_the_end() {
        let sending = Sending::new(2);
        let held = sending.turn(PEER).await.unwrap();
        assert!(sending.turn(PEER).await.is_err());
        assert!(sending.turn([192, 0, 2, 1].into()).await.is_ok(), "another has one");
        drop(held);
        assert!(sending.turn(PEER).await.is_ok());
    }

    #[test]
    fn whole_answers_have_a_budget_of_which_one_address_gets_half() {
        let sending = Sending::default();
        let held = sending.whole(PEER, u64::MAX).unwrap();
        assert!(sending.whole(PEER, UNCOUNTED_BYTES + 1).is_err());
        assert!(sending.whole(PEER, UNCOUNTED_BYTES).is_ok());
        assert!(sending.whole([192, 0, 2, 1].into(), 1 << 20).is_ok());
        drop(held);
        assert!(sending.whole(PEER, 1 << 20).is_ok());
    }

    #[tokio::test]
    async fn the_budget_is_one_for_all_and_comes_back() {
        let sending = Sending::default();
        let (one, other) = (sending.turn(PEER).await.unwrap(), sending.turn(PEER).await.unwrap());
        let ahead = one.try_ahead(AHEAD_BYTES as u64);
        assert!(ahead.is_some() && other.try_ahead(1).is_none());
        drop(ahead);
        assert!(other.try_ahead(1).is_some());
    }
}
