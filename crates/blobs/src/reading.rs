//! Opening an object for reading, without a thread where the kernel can answer from memory.
//!
//! A hop to a blocking thread costs more than opening a file whose name and inode are cached and reading a few KiB of
//! it from the page cache: 4 KiB objects open four to nine times as often without it (`examples/disk_paths.rs`). So the
//! async thread asks first, in ways that fail rather than wait for the disk: `openat2` with `RESOLVE_CACHED`, `preadv2`
//! with `RWF_NOWAIT`. Whatever these can't do (cold names, a file system or a container's filter without them) a
//! blocking thread does in one go. What the kernel has in memory of a large file need not be read at all: the connection
//! has the kernel send it (`docs/decisions/0014-pulls-by-sendfile.md`).

use std::{
    fs::File,
    io::{self, IoSliceMut},
    ops::Range,
    path::Path,
    sync::Arc,
};

use holdfast_model::{Content, FileStretch, ReadAt};
use rustix::{
    buffer::spare_capacity,
    fs::{CWD, Mode, OFlags, ResolveFlags, open, openat2},
    io::{Errno, ReadWriteFlags, pread, preadv2},
};

/// Ranges up to this many bytes are read at once; longer ones when they are asked for, from the open file.
const SMALL_READ_BYTES: usize = 64 * 1024;
/// How far apart the bytes lie that tell whether a stretch is in memory: the kernel reads ahead, and forgets, as much at
/// once.
const PROBE_DISTANCE_BYTES: u64 = 128 << 10;

/// An object is a plain file. What lies in its place is not followed, and nobody waits for the other end of a pipe.
const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK);

/// What could be had without waiting.
#[derive(Debug)]
pub(crate) enum Opened {
    /// All of it.
    Ready(Content),
    /// The file is open, its bytes have to come from the disk.
    Cold(File),
}

/// Opens a range without waiting for the disk; `None` says that waiting may be needed.
pub(crate) fn open_cached(path: &Path, range: &Range<u64>) -> io::Result<Option<Opened>> {
    let Ok(file) = openat2(CWD, path, FLAGS, Mode::empty(), ResolveFlags::CACHED) else {
        return Ok(None);
    };
    let file = File::from(file);
    check(&file, range)?;
    let Some(length) = small(range) else {
        return Ok(Some(Opened::Ready(from_file(file, range.clone()))));
    };
    let mut bytes = vec![0; length];
    let read = retrying(|| {
        let mut into = [IoSliceMut::new(&mut bytes)];
        preadv2(&file, &mut into, range.start, ReadWriteFlags::NOWAIT)
    });
    Ok(Some(match read {
        Ok(read) if read == length => Opened::Ready(Content::in_memory(bytes.into())),
        _ => Opened::Cold(file),
    }))
}

/// Opens a range, waiting for the disk as needed.
pub(crate) fn open_waiting(path: &Path, range: Range<u64>) -> io::Result<Content> {
    let file = File::from(open(path, FLAGS, Mode::empty())?);
    check(&file, &range)?;
    read_waiting(file, range)
}

/// The range of a file that [`check`] has accepted.
pub(crate) fn read_waiting(file: File, range: Range<u64>) -> io::Result<Content> {
    let Some(length) = small(&range) else {
        return Ok(from_file(file, range));
    };
    let mut bytes = Vec::with_capacity(length);
    read(&file, range, &mut bytes)?;
    Ok(Content::in_memory(bytes.into()))
}

/// An open file from some byte on.
#[derive(Debug)]
struct Stretch {
    file: Arc<File>,
    start: u64,
}

impl ReadAt for Stretch {
    fn read_at(&self, stretch: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
        read(&self.file, self.start + stretch.start..self.start + stretch.end, into)
    }

    fn in_page_cache(&self, stretch: &Range<u64>) -> Option<FileStretch> {
        let range = self.start + stretch.start..self.start + stretch.end;
        // The last byte first: where the file ends before it, or the disk was not read so far, there is no need to go on.
        let last = range.end.checked_sub(1)?;
        let step = usize::try_from(PROBE_DISTANCE_BYTES).ok()?;
        let mut probes = std::iter::once(last).chain(range.clone().step_by(step));
        probes.all(|at| is_cached(&self.file, at)).then(|| FileStretch {
            file: Arc::clone(&self.file),
            range,
        })
    }
}

fn from_file(file: File, Range { start, end }: Range<u64>) -> Content {
    let file = Arc::new(file);
    Content::on_disk(Arc::new(Stretch { file, start }), end - start)
}

/// Whether a byte of a file is there, and in memory.
fn is_cached(file: &File, at: u64) -> bool {
    let read = retrying(|| {
        let mut byte = [0];
        preadv2(file, &mut [IoSliceMut::new(&mut byte)], at, ReadWriteFlags::NOWAIT)
    });
    read == Ok(1)
}

/// Appends a range of a file to a buffer, without clearing its memory first.
fn read(file: &File, range: Range<u64>, into: &mut Vec<u8>) -> io::Result<()> {
    let before = into.len();
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    into.reserve_exact(length);
    while into.len() < before + length {
        let at = range.start + (into.len() - before) as u64;
        if retrying(|| pread(file, spare_capacity(into), at))? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    // A buffer that had more room took more.
    into.truncate(before + length);
    Ok(())
}

/// A file shorter than the range must be an error now, not a short body later; so must what is no file.
fn check(file: &File, range: &Range<u64>) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let length = metadata.len();
    if range.start > range.end || range.end > length {
        return Err(io::Error::other(format!(
            "it has {length} bytes, which do not hold {}..{}",
            range.start, range.end
        )));
    }
    Ok(())
}

fn small(range: &Range<u64>) -> Option<usize> {
    usize::try_from(range.end - range.start)
        .ok()
        .filter(|length| *length <= SMALL_READ_BYTES)
}

fn retrying<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}
