//! Reading a blob for a response, off the async threads: a small step first, larger ones while the peer asks for more, and
//! only then ahead of it. What a peer does not take is one small step of memory. What the kernel has in memory and can send
//! by itself is not read. It refuses to know where the blob lies.

use std::{
    io,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use holdfast_model::{Content, FileStretch, Reading};
use tokio::sync::Semaphore;
use tokio_util::sync::PollSemaphore;

use crate::{
    sendfile::{SENDFILE_BYTES, Sendfile},
    sending::{OWN_BYTES, Room, Turn},
};

/// Bytes read in one step at most: large enough that the hop to a blocking thread does not count.
const MAX_STEP_BYTES: u64 = 512 << 10;
/// How much larger a step is than the one before.
const GROWTH: u64 = 4;

/// A content, read one stretch after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    source: Arc<Source>,
    /// Memory that the response has whatever others have.
    own: PollSemaphore,
    /// What the next step that is asked for reads.
    step_bytes: u64,
    /// The step that begins where the stretch does.
    reading: Option<Reading>,
    /// A connection that can have the kernel send it.
    sendfile: Option<Sendfile>,
}

/// A content with the right to have it open.
#[derive(Debug)]
pub(crate) struct Source {
    content: Content,
    turn: Turn,
}

impl Reader {
    pub(crate) fn new(source: Arc<Source>) -> Self {
        // It fits: it is a constant.
        let own = usize::try_from(OWN_BYTES).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            source,
            own: PollSemaphore::new(Arc::new(Semaphore::new(own))),
            step_bytes: OWN_BYTES,
            reading: None,
            sendfile: None,
        }
    }

    /// From now on it goes to this connection.
    pub(crate) fn send_by(&mut self, sendfile: Sendfile) {
        self.sendfile = Some(sendfile);
    }

    /// The next bytes of a stretch; they are taken off it. Between two stretches nothing is read.
    pub(crate) fn poll_next(&mut self, stretch: &mut Range<u64>, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            None => {
                if let Some((sendfile, file)) = self.by_kernel(stretch) {
                    stretch.start += file.range.end - file.range.start;
                    return Poll::Ready(Ok(sendfile.announce(file, Arc::clone(&self.source))));
                }
                let (step, room) = ready!(self.poll_room(stretch, context))?;
                self.reading.insert(self.source.start(step, room))
            }
        };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let bytes = read?;
        stretch.start += bytes.len() as u64;
        // A peer that has asked but once may never take what it asked for.
        if bytes.len() as u64 > OWN_BYTES && !stretch.is_empty() && self.by_kernel(stretch).is_none() {
            self.reading = self.ahead(stretch).map(|(step, room)| self.source.start(step, room));
        }
        Poll::Ready(Ok(bytes))
    }

    /// What the connection can have the kernel send next. It takes no memory, so the first step is as long as all others.
    fn by_kernel(&self, stretch: &Range<u64>) -> Option<(&Sendfile, FileStretch)> {
        let sendfile = self.sendfile.as_ref()?;
        let step = stretch.start..stretch.end.min(stretch.start + SENDFILE_BYTES as u64);
        Some((sendfile, self.source.content.in_page_cache(&step)?))
    }

    /// Memory for the next step: of the common budget, or else of its own, once what was read into that is sent.
    fn poll_room(&mut self, stretch: &Range<u64>, context: &mut Context<'_>) -> Poll<io::Result<(Range<u64>, Room)>> {
        if let Some(step) = self.ahead(stretch) {
            return Poll::Ready(Ok(step));
        }
        let step = stretch.start..stretch.end.min(stretch.start + OWN_BYTES);
        let bytes = u32::try_from(step.end - step.start).map_err(io::Error::other)?;
        let own = ready!(self.own.poll_acquire_many(context, bytes)).ok_or(io::ErrorKind::BrokenPipe)?;
        self.step_bytes = (self.step_bytes * GROWTH).min(MAX_STEP_BYTES);
        Poll::Ready(Ok((step, own.into())))
    }

    /// A large step, if it is time for one and there is memory for it.
    fn ahead(&mut self, stretch: &Range<u64>) -> Option<(Range<u64>, Room)> {
        if self.step_bytes <= OWN_BYTES {
            return None;
        }
        let step = stretch.start..stretch.end.min(stretch.start + self.step_bytes);
        let room = self.source.turn.try_ahead(step.end - step.start)?;
        self.step_bytes = (self.step_bytes * GROWTH).min(MAX_STEP_BYTES);
        Some((step, room))
    }
}

impl Source {
    pub(crate) fn new(content: Content, turn: Turn) -> Self {
        Self { content, turn }
    }

    /// The turn and the room last until the bytes are sent.
    fn start(self: &Arc<Self>, step: Range<u64>, room: Room) -> Reading {
        self.content.read(step, (Arc::clone(self), room))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, future::poll_fn, net::IpAddr};

    use futures_util::FutureExt as _;
    use holdfast_model::ReadAt;

    use super::*;
    use crate::sending::Sending;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const LENGTH: usize = (2 << 20) + 5;

    fn content() -> Vec<u8> {
        (0..LENGTH).map(|index| (index % 251) as u8).collect()
    }

    #[derive(Debug)]
    struct Disk(Vec<u8>);

    impl ReadAt for Disk {
        fn read_at(&self, stretch: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
            let at = |offset| usize::try_from(offset).unwrap();
            into.extend_from_slice(&self.0[at(stretch.start)..at(stretch.end)]);
            Ok(())
        }
    }

    async fn reader(sending: &Sending) -> Reader {
        reader_of(Disk(content()), sending).await
    }

    async fn reader_of(disk: impl ReadAt + 'static, sending: &Sending) -> Reader {
        let content = Content::on_disk(Arc::new(disk), LENGTH as u64);
        Reader::new(Arc::new(Source::new(content, sending.turn(PEER).await.unwrap())))
    }

    /// A disk of whose file the kernel has a part in memory.
    #[derive(Debug)]
    struct Cached(Disk, Arc<File>, Range<u64>);

    impl ReadAt for Cached {
        fn read_at(&self, stretch: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
            self.0.read_at(stretch, into)
        }

        fn in_page_cache(&self, stretch: &Range<u64>) -> Option<FileStretch> {
            let is_cached = self.2.start <= stretch.start && stretch.end <= self.2.end;
            let (file, range) = (Arc::clone(&self.1), stretch.clone());
            is_cached.then_some(FileStretch { file, range })
        }
    }

    async fn partly_cached(part: Range<u64>, sending: &Sending) -> Reader {
        let file = Arc::new(tempfile::tempfile().unwrap());
        reader_of(Cached(Disk(content()), file, part), sending).await
    }

    /// The lengths of what comes, and whether each stands for a stretch of a file.
    async fn steps(mut reader: Reader) -> Vec<(usize, bool)> {
        let (mut stretch, mut steps) = (0..LENGTH as u64, Vec::new());
        while !stretch.is_empty() {
            let start = stretch.start;
            let bytes = next(&mut reader, &mut stretch).await;
            let is_read = bytes == content()[start as usize..stretch.start as usize];
            assert!(is_read || bytes.iter().all(|byte| *byte == 0));
            steps.push((bytes.len() >> 10, !is_read));
        }
        steps
    }

    async fn next(reader: &mut Reader, stretch: &mut Range<u64>) -> Bytes {
        poll_fn(|context| reader.poll_next(stretch, context)).await.unwrap()
    }

    /// Takes the common budget.
    async fn take_all(sending: &Sending) -> Vec<Room> {
        let turn = sending.turn(PEER).await.unwrap();
        std::iter::from_fn(|| turn.try_ahead(1 << 20)).collect()
    }

    #[tokio::test]
    async fn steps_grow_while_the_peer_asks_for_more() {
        let mut reader = reader(&Sending::default()).await;
        let (mut stretch, mut all, mut steps) = (3..LENGTH as u64, Vec::new(), Vec::new());
        while !stretch.is_empty() {
            let bytes = next(&mut reader, &mut stretch).await;
            steps.push(bytes.len() >> 10);
            all.extend(bytes);
        }
        assert!(all == content()[3..], "other bytes came");
        assert_eq!(steps, [32, 128, 512, 512, 512, 352]);
    }

    #[tokio::test]
    async fn nothing_is_read_ahead_of_a_peer_that_asked_once() {
        let mut reader = reader(&Sending::default()).await;
        let mut stretch = 0..LENGTH as u64;
        next(&mut reader, &mut stretch).await;
        assert!(reader.reading.is_none());
        next(&mut reader, &mut stretch).await;
        assert!(reader.reading.is_some());
    }

    #[tokio::test]
    async fn the_first_step_takes_nothing_of_the_common_budget() {
        let sending = Sending::default();
        let whole = take_all(&sending).await.len();
        let mut reader = reader(&sending).await;
        let first = next(&mut reader, &mut (0..LENGTH as u64)).await;
        assert_eq!(first.len() as u64, OWN_BYTES);
        assert_eq!(take_all(&sending).await.len(), whole);
    }

    #[tokio::test]
    async fn where_nothing_is_left_of_the_budget_a_small_step_follows_when_the_last_is_sent() {
        let sending = Sending::default();
        let taken = take_all(&sending).await;
        let mut reader = reader(&sending).await;
        let mut stretch = 0..LENGTH as u64;
        let first = next(&mut reader, &mut stretch).await;
        assert_eq!(first.len() as u64, OWN_BYTES);
        assert!(next(&mut reader, &mut stretch).now_or_never().is_none());
        assert!(reader.reading.is_none(), "nothing is read meanwhile");
        drop(first);
        let second = next(&mut reader, &mut stretch).await;
        assert_eq!(second.len() as u64, OWN_BYTES);
        drop((taken, second));
        let third = next(&mut reader, &mut stretch).await;
        assert!(third.len() as u64 > OWN_BYTES);
    }

    #[tokio::test]
    async fn what_the_kernel_has_in_memory_is_not_read_for_a_connection_that_can_have_it_sent() {
        let sending = Sending::default();
        let mut reader = partly_cached(0..LENGTH as u64, &sending).await;
        reader.send_by(Sendfile::default());
        assert_eq!(
            steps(reader).await,
            [512, 512, 512, 512, 0].map(|length| (length, true))
        );
    }

    #[tokio::test]
    async fn for_other_connections_it_is_read() {
        let reader = partly_cached(0..LENGTH as u64, &Sending::default()).await;
        assert!(steps(reader).await.iter().all(|(_, is_sent)| !is_sent));
    }

    #[tokio::test]
    async fn what_the_kernel_does_not_have_in_memory_is_read_until_it_has_the_rest() {
        let cold = (600 << 10)..LENGTH as u64;
        let mut reader = partly_cached(cold, &Sending::default()).await;
        reader.send_by(Sendfile::default());
        let expected = [
            (32, false),
            (128, false),
            (512, false),
            (512, true),
            (512, true),
            (352, true),
        ];
        assert_eq!(steps(reader).await, expected);
    }

    #[tokio::test]
    async fn a_stretch_that_the_kernel_sends_takes_no_memory_and_its_turn_lasts_until_it_is_sent() {
        let sending = Sending::new(2);
        let whole = take_all(&sending).await.len();
        let mut reader = partly_cached(0..LENGTH as u64, &sending).await;
        let sendfile = Sendfile::default();
        reader.send_by(sendfile.clone());
        let stand_in = next(&mut reader, &mut (0..LENGTH as u64)).await;
        drop(reader);
        assert!(sending.turn(PEER).now_or_never().is_none());
        sendfile.sent(stand_in.len());
        assert_eq!(take_all(&sending).await.len(), whole);
    }

    #[tokio::test]
    async fn a_turn_lasts_until_all_is_sent() {
        let sending = Sending::new(2);
        let mut reader = reader(&sending).await;
        let bytes = next(&mut reader, &mut (0..10)).await;
        drop(reader);
        assert!(sending.turn(PEER).now_or_never().is_none());
        drop(bytes);
        assert!(sending.turn(PEER).await.is_ok());
    }
}
