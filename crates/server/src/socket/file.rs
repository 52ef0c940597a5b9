//! Sending a stretch of a file over TCP without reading it: the kernel does. It refuses to wait: neither for the peer, nor,
//! where whoever announced the stretch asked whether it is in memory, for the disk.

use std::{io, ops::Range, os::unix::fs::FileExt as _};

use holdfast_model::FileStretch;
use rustix::{fs::sendfile, io::Errno, net::SendFlags};
use tokio::net::TcpStream;

/// Bytes of a file that are copied at once where the kernel cannot send it.
const MAX_COPY_BYTES: usize = 64 << 10;

/// Sends what there is room for of a stretch: not all of it, and at least a byte.
pub(super) fn send(stream: &TcpStream, stretch: &FileStretch) -> io::Result<usize> {
    let Range { mut start, end } = stretch.range;
    let length = usize::try_from(end - start).map_err(io::Error::other)?;
    loop {
        match sendfile(stream, &stretch.file, Some(&mut start), length) {
            Err(Errno::INTR) => {}
            // Not of such a file, or not in such a container.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => return send_a_copy(stream, stretch),
            Ok(0) => return Err(is_shorter()),
            sent => return Ok(sent?),
        }
    }
}

/// The same without the kernel's help.
fn send_a_copy(stream: &TcpStream, stretch: &FileStretch) -> io::Result<usize> {
    let Range { start, end } = stretch.range;
    let length = usize::try_from(end - start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length.min(MAX_COPY_BYTES)];
    match stretch.file.read_at(&mut bytes, start)? {
        0 => Err(is_shorter()),
        read => Ok(rustix::net::send(stream, &bytes[..read], SendFlags::NOSIGNAL)?),
    }
}

fn is_shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than its blob")
}

/// Whether what went wrong is the file's fault, not the peer's.
pub(super) fn is_at_fault(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof || error.raw_os_error() == Some(Errno::IO.raw_os_error())
}
