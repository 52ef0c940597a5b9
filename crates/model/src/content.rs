//! An object's bytes on their way out, whatever store they come from: read a stretch at a time, streamed, or hashed. It
//! refuses to say where they lie.

use std::{
    fmt,
    fs::File,
    future::Future,
    io,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::{Stream, future::BoxFuture};
use futures_util::stream;
use tokio::{runtime::Handle, task::JoinHandle};

/// Reads an object in a way that may wait for a disk.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Appends a stretch of the content, all of it, to a buffer.
    ///
    /// # Errors
    /// When the stretch is not there or cannot be read.
    fn read_at(&self, stretch: Range<u64>, into: &mut Vec<u8>) -> io::Result<()>;

    /// Where a stretch lies in a file, if the kernel has it in memory as far as can be told cheaply. Without waiting; who
    /// gets `None` reads.
    fn in_page_cache(&self, _stretch: &Range<u64>) -> Option<FileStretch> {
        None
    }
}

/// A stretch of an open file, for who does not need its bytes but has the kernel send them.
#[derive(Debug, Clone)]
pub struct FileStretch {
    /// The file.
    pub file: Arc<File>,
    /// From where to where, in the file.
    pub range: Range<u64>,
}

/// Reads an object in a way that waits for a network.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// A stretch of the content, all of it. One that begins where the last one ended asks the store for nothing new.
    fn fetch(self: Arc<Self>, stretch: Range<u64>) -> BoxFuture<'static, io::Result<Bytes>>;
}

/// A range of an object, ready to be read. Deleting the object does not disturb it.
#[derive(Debug)]
pub struct Content {
    source: Source,
    length: u64,
}

#[derive(Debug)]
enum Source {
    Memory(Bytes),
    Disk(Arc<dyn ReadAt>),
    Network(Arc<dyn Fetch>),
}

/// A stretch that is being read. What waits for a disk goes on by itself, also when nobody waits any more.
pub struct Reading(Progress);

enum Progress {
    Done(Option<Bytes>),
    Disk(JoinHandle<io::Result<Bytes>>),
    Network(BoxFuture<'static, io::Result<Bytes>>),
}

impl Content {
    /// Bytes that are there already.
    #[must_use]
    pub fn in_memory(bytes: Bytes) -> Self {
        Self {
            length: bytes.len() as u64,
            source: Source::Memory(bytes),
        }
    }

    /// So many bytes that come from a disk.
    #[must_use]
    pub fn on_disk(source: Arc<dyn ReadAt>, length: u64) -> Self {
        let source = Source::Disk(source);
        Self { source, length }
    }

    /// So many bytes that come over a network.
    #[must_use]
    pub fn over_network(source: Arc<dyn Fetch>, length: u64) -> Self {
        let source = Source::Network(source);
        Self { source, length }
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All of it, when it takes no reading.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.source {
            Source::Memory(bytes) => Some(bytes),
            Source::Disk(_) | Source::Network(_) => None,
        }
    }

    /// A stretch of it, which lies inside, as it lies in a file, if it can be sent from there without waiting for a disk.
    #[must_use]
    pub fn in_page_cache(&self, stretch: &Range<u64>) -> Option<FileStretch> {
        match &self.source {
            Source::Disk(source) => source.in_page_cache(stretch),
            Source::Memory(_) | Source::Network(_) => None,
        }
    }

    /// Reads a stretch of it, which lies inside. `held` lasts until the bytes are let go, or could not be read: also when
    /// nobody waits for them any more.
    pub fn read<H: Send + 'static>(&self, stretch: Range<u64>, held: H) -> Reading {
        Reading(match &self.source {
            Source::Memory(bytes) => Progress::Done(Some(hold(slice(bytes, stretch), held))),
            Source::Disk(source) => {
                let source = Arc::clone(source);
                Progress::Disk(tokio::task::spawn_blocking(move || {
                    let length = usize::try_from(stretch.end - stretch.start).map_err(io::Error::other)?;
                    // Without being cleared first: on a fast disk that costs as much as reading it.
                    let mut bytes = Vec::with_capacity(length);
                    source.read_at(stretch, &mut bytes)?;
                    Ok(hold(bytes, held))
                }))
            }
            Source::Network(source) => {
                let fetched = Arc::clone(source).fetch(stretch);
                Progress::Network(Box::pin(async move { Ok(hold(fetched.await?, held)) }))
            }
        })
    }

    /// The same at once, for a thread that may wait: appends to a buffer.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_waiting(&self, stretch: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
        match &self.source {
            Source::Memory(bytes) => into.extend_from_slice(&slice(bytes, stretch)),
            Source::Disk(source) => source.read_at(stretch, into)?,
            Source::Network(source) => {
                let fetched = Handle::current().block_on(Arc::clone(source).fetch(stretch))?;
                into.extend_from_slice(&fetched);
            }
        }
        Ok(())
    }

    /// All of it; the caller knows that it fits into memory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read_whole(&self) -> io::Result<Bytes> {
        self.read(0..self.length, ()).await
    }

    /// All of it in order, in steps of so many bytes at most.
    pub fn into_stream(self, step_bytes: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::try_unfold((self, 0), move |(content, at)| async move {
            if at >= content.length {
                return Ok(None);
            }
            let end = content.length.min(at + step_bytes);
            let bytes = content.read(at..end, ()).await?;
            Ok(Some((bytes, (content, end))))
        })
    }
}

impl Future for Reading {
    type Output = io::Result<Bytes>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        Poll::Ready(match &mut self.0 {
            Progress::Done(bytes) => Ok(bytes.take().unwrap_or_default()),
            Progress::Disk(task) => ready!(Pin::new(task).poll(context)).map_err(io::Error::other)?,
            Progress::Network(fetched) => ready!(fetched.as_mut().poll(context)),
        })
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

/// Bytes, and what lasts until they are let go.
struct Held<B, H> {
    bytes: B,
    _held: H,
}

impl<B: AsRef<[u8]>, H> AsRef<[u8]> for Held<B, H> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// The same bytes, with something that lasts until they are let go.
pub fn hold<B, H>(bytes: B, held: H) -> Bytes
where
    B: AsRef<[u8]> + Send + 'static,
    H: Send + 'static,
{
    Bytes::from_owner(Held { bytes, _held: held })
}

fn slice(bytes: &Bytes, stretch: Range<u64>) -> Bytes {
    // They fit into memory, so what lies inside them fits into usize.
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(stretch.start)..at(stretch.end))
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, TryStreamExt as _};

    use super::*;

    const LENGTH: u64 = 1_000;

    /// The same bytes in memory, on a disk and over a network.
    #[derive(Debug)]
    struct Somewhere(Bytes);

    impl ReadAt for Somewhere {
        fn read_at(&self, stretch: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
            if stretch.end > LENGTH {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            into.extend_from_slice(&slice(&self.0, stretch));
            Ok(())
        }
    }

    impl Fetch for Somewhere {
        fn fetch(self: Arc<Self>, stretch: Range<u64>) -> BoxFuture<'static, io::Result<Bytes>> {
            async move {
                tokio::task::yield_now().await;
                let mut bytes = Vec::new();
                self.read_at(stretch, &mut bytes)?;
                Ok(bytes.into())
            }
            .boxed()
        }
    }

    fn bytes() -> Bytes {
        (0..LENGTH).map(|at| (at % 251) as u8).collect()
    }

    fn everywhere() -> [Content; 3] {
        let somewhere = || Arc::new(Somewhere(bytes()));
        [
            Content::in_memory(bytes()),
            Content::on_disk(somewhere(), LENGTH),
            Content::over_network(somewhere(), LENGTH),
        ]
    }

    #[tokio::test]
    async fn a_content_is_the_same_bytes_wherever_it_lies() {
        for content in everywhere() {
            assert_eq!(content.read_whole().await.unwrap(), bytes(), "{content:?}");
            for stretch in [0..0, 0..1, 7..900, 999..1_000, 1_000..1_000] {
                let read = content.read(stretch.clone(), ()).await.unwrap();
                assert_eq!(read, slice(&bytes(), stretch), "{content:?}");
            }
            let steps: Vec<Bytes> = content.into_stream(300).try_collect().await.unwrap();
            assert_eq!(steps.iter().map(Bytes::len).collect::<Vec<_>>(), [300, 300, 300, 100]);
            assert_eq!(steps.concat(), bytes());
        }
    }

    #[tokio::test]
    async fn a_thread_that_may_wait_reads_the_same() {
        for content in everywhere() {
            let reading = tokio::task::spawn_blocking(move || {
                let mut read = b"before".to_vec();
                content.read_waiting(3..500, &mut read).map(|()| read)
            });
            let expected = [&b"before"[..], &bytes()[3..500]].concat();
            assert_eq!(reading.await.unwrap().unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn what_is_held_lasts_as_long_as_the_bytes() {
        for content in everywhere() {
            let held = Arc::new(());
            let read = content.read(0..10, Arc::clone(&held)).await.unwrap();
            let part = read.slice(3..5);
            drop(read);
            assert_eq!(Arc::strong_count(&held), 2, "{content:?}");
            drop(part);
            assert_eq!(Arc::strong_count(&held), 1, "{content:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_holds_nothing() {
        let [_, disk, network] = everywhere();
        for content in [disk, network] {
            let held = Arc::new(());
            let read = content.read(0..LENGTH + 1, Arc::clone(&held)).await;
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert_eq!(Arc::strong_count(&held), 1, "{content:?}");
        }
    }
}
