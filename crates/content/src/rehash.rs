//! Hashing again what is stored: for a digest of another algorithm than the running hash, and for the check. It takes a
//! processor as long as the object is large, so it runs on blocking threads, a few at a time, and only as long as somebody
//! waits for it.

use std::{
    io,
    sync::{Arc, Weak},
};

use holdfast_oci::{Algorithm, Digest, Hasher};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::limits::MAX_REHASHES;
use holdfast_model::Content;

/// Bytes read at once; also how much is hashed for nobody at most.
const STEP_BYTES: u64 = 1 << 20;

/// Turns at it.
pub(crate) struct Rehashing {
    turns: Arc<Semaphore>,
}

impl Default for Rehashing {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(MAX_REHASHES)),
        }
    }
}

impl Rehashing {
    /// The digest of a content, when it is its turn. `came` is told of bytes that were read. What must not be touched by
    /// others is `held` until the work has really ended, which is a step later when the caller goes away.
    ///
    /// # Errors
    /// When the content cannot be read, or the runtime ends.
    pub(crate) async fn digest<H, F>(
        &self,
        content: Content,
        algorithm: Algorithm,
        held: H,
        came: F,
    ) -> io::Result<Digest>
    where
        H: Send + 'static,
        F: Fn(u64) + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(io::Error::other)?;
        let wanted = Arc::new(());
        let seen = Arc::downgrade(&wanted);
        let hashing = spawn_blocking(move || {
            let _kept = (turn, held);
            hash(&content, algorithm, &seen, came)
        });
        let hashed = hashing.await.map_err(io::Error::other)?;
        drop(wanted);
        hashed
    }
}

fn hash(content: &Content, algorithm: Algorithm, wanted: &Weak<()>, came: impl Fn(u64)) -> io::Result<Digest> {
    let mut hasher = Hasher::new(algorithm);
    let (mut at, mut step) = (0, Vec::new());
    while at < content.len() {
        if wanted.strong_count() == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let end = content.len().min(at + STEP_BYTES);
        step.clear();
        content.read_waiting(at..end, &mut step)?;
        hasher.update(&step);
        came(end - at);
        at = end;
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::{
        ops::Range,
        sync::mpsc,
        task::{Context, Waker},
        time::Duration,
    };

    use super::*;
    use holdfast_model::ReadAt;

    /// Takes minutes to hash, and no room on the disk.
    const LARGE_BYTES: u64 = 256 << 30;

    #[derive(Debug)]
    struct Zeros;

    impl ReadAt for Zeros {
        fn read_at(&self, stretch: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
            let length = usize::try_from(stretch.end - stretch.start).unwrap();
            into.resize(into.len() + length, 0);
            Ok(())
        }
    }

    fn large() -> Content {
        Content::on_disk(Arc::new(Zeros), LARGE_BYTES)
    }

    #[tokio::test]
    async fn work_whose_caller_went_away_stops_and_holds_until_then() {
        let rehashing = Rehashing::default();
        let (held, ended) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let came = move |count| begun.send(count).unwrap_or_default();
        let mut hashing = Box::pin(rehashing.digest(large(), Algorithm::Sha512, held, came));
        let mut context = Context::from_waker(Waker::noop());
        assert!(hashing.as_mut().poll(&mut context).is_pending());
        begins.recv().unwrap();
        assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty), "it is held");
        drop(hashing);
        let wait = ended.recv_timeout(Duration::from_secs(60));
        assert_eq!(wait, Err(mpsc::RecvTimeoutError::Disconnected), "it was let go");
        assert_eq!(rehashing.turns.available_permits(), MAX_REHASHES);
    }

    #[tokio::test]
    async fn the_next_one_waits_for_its_turn() {
        let rehashing = Rehashing::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut busy = Vec::new();
        for _ in 0..MAX_REHASHES {
            let mut hashing = Box::pin(rehashing.digest(large(), Algorithm::Sha512, (), drop));
            assert!(hashing.as_mut().poll(&mut context).is_pending());
            busy.push(hashing);
        }
        let small = Content::in_memory(bytes::Bytes::from_static(b"small"));
        let mut late = Box::pin(rehashing.digest(small, Algorithm::Sha256, (), drop));
        assert!(late.as_mut().poll(&mut context).is_pending());
        drop(busy);
        assert_eq!(late.await.unwrap(), Digest::of(Algorithm::Sha256, b"small"));
    }
}
