//! Bodies whose bytes never come here: a connection has the kernel send stretches of files (`sendfile`). hyper knows
//! nothing of that. It is given stand-ins, bytes of one region that nobody reads, and writes them as it writes all bytes;
//! the connection knows them by where they lie, and sends as much of the announced files in their place. It refuses to let
//! a stand-in through: each byte of the region has its place in the order in which stretches were announced, and before
//! anything is written, all stand-ins that were handed out and not sent yet must be there, in that order. Where hyper put
//! them together with other bytes, mixed them up or lost one, that is an error of the connection.

use std::{
    collections::VecDeque,
    fmt,
    io::IoSlice,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use holdfast_model::FileStretch;

/// The longest stretch that is announced at once: long enough that asking for it does not count, and short enough that the
/// kernel still has in memory what it had when it was asked.
pub const SENDFILE_BYTES: usize = 512 << 10;

/// What stand-ins are taken of: twice the longest, so that one can begin at each place. It takes no memory, for nobody
/// touches it.
static REGION: LazyLock<Vec<u8>> = LazyLock::new(|| vec![0; 2 * SENDFILE_BYTES]);

/// Something other than what was announced is to be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "the stand-ins that are to be written stand for other stretches of files than the next ones that were announced"
)]
pub struct Astray;

/// The stretches that one connection is to send; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Sendfile(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    /// Bytes that were ever announced.
    announced: u64,
    /// Those of them that were sent.
    sent: u64,
    stretches: VecDeque<Announced>,
}

/// What is left of an announced stretch.
struct Announced {
    stretch: FileStretch,
    /// Lasts until the stretch is sent, or the connection ends.
    _held: Box<dyn Send>,
}

/// What a connection has to write next.
#[derive(Debug)]
pub enum Next {
    /// So many of the slices, as they are.
    Slices(usize),
    /// Bytes of a file.
    File(FileStretch),
}

impl Sendfile {
    /// The stand-in for a stretch of at most [`SENDFILE_BYTES`], whose turn comes after all that were announced before.
    /// `held` lasts until it is sent, or the connection ends.
    #[must_use]
    pub fn announce<H: Send + 'static>(&self, stretch: FileStretch, held: H) -> Bytes {
        if stretch.range.is_empty() {
            return Bytes::new();
        }
        let length = usize::try_from(stretch.range.end - stretch.range.start).unwrap_or(usize::MAX);
        let mut queue = self.lock();
        let place = place(queue.announced);
        // A longer one would not fit, and the connection would find it astray.
        let stand_in = Bytes::from_static(&REGION[place..][..length.min(SENDFILE_BYTES)]);
        queue.announced += length as u64;
        let _held: Box<dyn Send> = Box::new(held);
        queue.stretches.push_back(Announced { stretch, _held });
        stand_in
    }

    /// What to write first of these slices, which are all that wait to be written.
    ///
    /// # Errors
    /// [`Astray`] when they are not what was announced: nothing of them may be written.
    pub fn next(&self, slices: &[IoSlice<'_>]) -> Result<Next, Astray> {
        let queue = self.lock();
        let (mut at, mut first) = (queue.sent, None);
        for (index, slice) in slices.iter().enumerate().filter(|(_, slice)| !slice.is_empty()) {
            let Some(offset) = offset(slice) else { continue };
            if offset % SENDFILE_BYTES != place(at) {
                return Err(Astray);
            }
            first.get_or_insert(index);
            at += slice.len() as u64;
        }
        if at != queue.announced {
            return Err(Astray);
        }
        let (Some(first), Some(announced)) = (first, queue.stretches.front()) else {
            return Ok(Next::Slices(slices.len()));
        };
        let is_first = slices[..first].iter().all(|slice| slice.is_empty());
        Ok(if is_first {
            Next::File(announced.stretch.clone())
        } else {
            Next::Slices(first)
        })
    }

    /// Notes that so many bytes of the file that was to be sent next are sent.
    pub fn sent(&self, bytes: usize) {
        let mut queue = self.lock();
        let Some(next) = queue.stretches.front_mut() else {
            return;
        };
        next.stretch.range.start += bytes as u64;
        let is_done = next.stretch.range.is_empty();
        let done = if is_done { queue.stretches.pop_front() } else { None };
        queue.sent += bytes as u64;
        drop(queue);
        // Closing a file takes longer than anything else here.
        drop(done);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stretch.fmt(f)
    }
}

/// Where in the region, or half of it, a byte stands that was announced after so many.
fn place(announced: u64) -> usize {
    // It is less than a length that is a usize.
    usize::try_from(announced % SENDFILE_BYTES as u64).unwrap_or(0)
}

/// Where in the region a slice begins, if it is of it.
fn offset(slice: &[u8]) -> Option<usize> {
    let offset = slice.as_ptr().addr().checked_sub(REGION.as_ptr().addr())?;
    (offset < REGION.len()).then_some(offset)
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, fs::File, io::Write as _, ops::Range, os::unix::fs::FileExt as _};

    use bytes::Buf as _;
    use proptest::prelude::*;

    use super::*;

    const FILE_BYTES: usize = 2 * SENDFILE_BYTES;

    /// A file without a zero in it.
    fn file() -> Arc<File> {
        static FILE: LazyLock<Arc<File>> = LazyLock::new(|| {
            let mut file = tempfile::tempfile().unwrap();
            let bytes: Vec<u8> = (0..FILE_BYTES).map(|at| (at % 255) as u8 + 1).collect();
            file.write_all(&bytes).unwrap();
            Arc::new(file)
        });
        Arc::clone(&FILE)
    }

    fn stretch(range: Range<u64>) -> FileStretch {
        let file = file();
        FileStretch { file, range }
    }

    fn read(range: Range<u64>) -> Vec<u8> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        file().read_exact_at(&mut bytes, range.start).unwrap();
        bytes
    }

    /// What waits in hyper.
    type Waiting = VecDeque<Bytes>;

    fn next(sendfile: &Sendfile, waiting: &Waiting) -> Result<Next, Astray> {
        let slices: Vec<_> = waiting.iter().map(|bytes| IoSlice::new(bytes)).collect();
        sendfile.next(&slices)
    }

    /// Takes so many bytes that were written off.
    fn advance(waiting: &mut Waiting, mut bytes: usize) {
        while bytes > 0 {
            let front = waiting.front_mut().unwrap();
            let some = bytes.min(front.len());
            front.advance(some);
            bytes -= some;
            if front.is_empty() {
                waiting.pop_front();
            }
        }
    }

    /// Writes at most so many of the bytes that wait, and gives what went out.
    fn write(sendfile: &Sendfile, waiting: &mut Waiting, room: usize) -> Vec<u8> {
        let sent = match next(sendfile, waiting).unwrap() {
            Next::Slices(count) => {
                let mut all = waiting.iter().take(count).cloned().collect::<Vec<_>>().concat();
                all.truncate(room);
                all
            }
            Next::File(FileStretch { range, .. }) => {
                let sent = read(range.start..range.end.min(range.start + room as u64));
                sendfile.sent(sent.len());
                sent
            }
        };
        advance(waiting, sent.len());
        sent
    }

    #[derive(Debug, Clone)]
    enum Piece {
        Text(Vec<u8>),
        Stretch(Range<u64>),
    }

    fn pieces() -> impl Strategy<Value = Vec<Piece>> {
        let lengths = prop_oneof![8 => 1..5_000_usize, 1 => SENDFILE_BYTES - 3..=SENDFILE_BYTES];
        let stretches =
            (lengths, 0..SENDFILE_BYTES).prop_map(|(length, at)| Piece::Stretch(at as u64..(at + length) as u64));
        let texts = prop::collection::vec(1..=255_u8, 1..300).prop_map(Piece::Text);
        prop::collection::vec(prop_oneof![texts, stretches], 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_waits_together_and_however_little_goes_out_at_once_all_bytes_come_in_order(
            pieces in pieces(),
            turns in prop::collection::vec((0..3_usize, prop_oneof![1..2_000_usize, Just(1 << 30)]), 1..20),
        ) {
            let sendfile = Sendfile::default();
            let (mut waiting, mut out) = (Waiting::new(), Vec::new());
            let mut coming = pieces.iter();
            let mut turns = turns.iter().chain(std::iter::repeat(&(1, 1 << 30)));
            while coming.len() > 0 || !waiting.is_empty() {
                let &(more, room) = turns.next().unwrap();
                for piece in coming.by_ref().take(more) {
                    waiting.push_back(match piece {
                        Piece::Text(text) => Bytes::copy_from_slice(text),
                        Piece::Stretch(range) => sendfile.announce(stretch(range.clone()), ()),
                    });
                }
                if !waiting.is_empty() {
                    out.extend(write(&sendfile, &mut waiting, room));
                }
            }
            let expected: Vec<u8> = pieces.into_iter().flat_map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Stretch(range) => read(range),
            }).collect();
            prop_assert!(out == expected, "other bytes went out");
        }
    }

    /// Two stretches that wait behind a text, with the places where they stand.
    fn waiting() -> (Sendfile, Waiting) {
        let sendfile = Sendfile::default();
        let first = sendfile.announce(stretch(10..1_010), ());
        let second = sendfile.announce(stretch(0..500), ());
        (sendfile, [Bytes::from_static(b"head"), first, second].into())
    }

    #[test]
    fn what_is_right_is_not_astray() {
        let (sendfile, mut waiting) = waiting();
        assert!(matches!(next(&sendfile, &waiting), Ok(Next::Slices(1))));
        waiting[0] = Bytes::new();
        assert!(matches!(next(&sendfile, &waiting), Ok(Next::File(_))));
    }

    /// Damages what waits; nothing of it may be written then.
    fn astray(damage: impl FnOnce(&mut Waiting)) {
        let (sendfile, mut waiting) = waiting();
        damage(&mut waiting);
        assert!(next(&sendfile, &waiting).is_err());
    }

    #[test]
    fn a_stand_in_that_was_put_together_with_other_bytes_is_astray() {
        astray(|waiting| {
            let flat = waiting.iter().cloned().collect::<Vec<_>>().concat();
            *waiting = [Bytes::from(flat)].into();
        });
        astray(|waiting| waiting[2] = Bytes::copy_from_slice(&waiting[2]));
        astray(|waiting| waiting[1] = Bytes::copy_from_slice(&waiting[1]));
    }

    #[test]
    fn a_stand_in_that_is_lost_cut_doubled_or_out_of_order_is_astray() {
        astray(|waiting| drop(waiting.pop_back()));
        astray(|waiting| drop(waiting.remove(1)));
        astray(|waiting| waiting.truncate(1));
        astray(|waiting| waiting[1].truncate(999));
        astray(|waiting| waiting[2].truncate(499));
        astray(|waiting| waiting[1].advance(1));
        astray(|waiting| waiting.swap(1, 2));
        astray(|waiting| waiting.push_back(waiting[2].clone()));
    }

    #[test]
    fn a_stand_in_of_another_connection_or_of_none_is_astray() {
        let (_, waiting) = waiting();
        assert!(next(&Sendfile::default(), &waiting).is_err());
        let other = Sendfile::default();
        let _ours = other.announce(stretch(0..7), ());
        assert!(next(&other, &waiting).is_err());
    }

    #[test]
    fn a_stretch_that_is_longer_than_its_stand_in_can_be_is_astray() {
        let sendfile = Sendfile::default();
        let stand_in = sendfile.announce(stretch(0..SENDFILE_BYTES as u64 + 1), ());
        assert!(next(&sendfile, &[stand_in].into()).is_err());
    }

    #[test]
    fn an_empty_stretch_is_none() {
        let sendfile = Sendfile::default();
        assert!(sendfile.announce(stretch(5..5), ()).is_empty());
        assert!(matches!(next(&sendfile, &Waiting::new()), Ok(Next::Slices(0))));
    }

    #[test]
    fn what_is_held_lasts_until_the_stretch_is_sent_or_the_connection_ends() {
        let (sendfile, held) = (Sendfile::default(), Arc::new(()));
        let mut waiting: Waiting = (0..2)
            .map(|_| sendfile.announce(stretch(0..100), Arc::clone(&held)))
            .collect();
        write(&sendfile, &mut waiting, 99);
        assert_eq!(Arc::strong_count(&held), 3);
        write(&sendfile, &mut waiting, 1);
        assert_eq!(Arc::strong_count(&held), 2);
        drop(sendfile);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
