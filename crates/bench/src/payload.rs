//! A large body that is cheap to send: its bytes lie in a file that the kernel sends by itself (`sendfile`), and it is
//! new to a server each time although only its last piece changes.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use crate::content::{digest_text, noise, run_number};

/// The piece that Go's HTTP client, and so docker, writes as one chunk.
const PIECE_BYTES: usize = 32 * 1024;
/// Pieces in the file; longer bodies repeat it.
const FILE_PIECES: u64 = 512;
/// What chunked coding adds to a piece: `8000`, and two line ends.
const FRAME_BYTES: u64 = 8;

/// How a body goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// With a `Content-Length`.
    Plain,
    /// In chunks of 32 KiB, as docker sends a layer.
    Chunked,
}

/// A body of a fixed size.
pub(crate) struct Payload {
    plain: File,
    chunked: File,
    len_bytes: u64,
    // The hash of everything before the last piece.
    prefix: Sha256,
    tail: Vec<u8>,
}

impl Payload {
    /// A body of `len_bytes`, a multiple of 32 KiB and at least 64 KiB.
    pub(crate) fn new(folder: &Path, len_bytes: u64) -> anyhow::Result<Self> {
        let pieces = len_bytes / PIECE_BYTES as u64;
        if !len_bytes.is_multiple_of(PIECE_BYTES as u64) || pieces < 2 {
            bail!("a body of {len_bytes} bytes is not made of pieces");
        }
        let piece = noise(0, PIECE_BYTES * FILE_PIECES as usize);
        let mut chunked = tempfile::tempfile_in(folder).context("cannot write the body to send")?;
        let mut plain = tempfile::tempfile_in(folder).context("cannot write the body to send")?;
        plain.write_all(&piece)?;
        for piece in piece.chunks(PIECE_BYTES) {
            chunked.write_all(&frame(piece))?;
        }
        // Written back now, so that it does not happen in the middle of a measurement.
        plain.sync_all()?;
        chunked.sync_all()?;
        let mut prefix = Sha256::new();
        let mut left = pieces - 1;
        while left > 0 {
            let now = left.min(FILE_PIECES);
            prefix.update(&piece[..now as usize * PIECE_BYTES]);
            left -= now;
        }
        Ok(Self {
            plain,
            chunked,
            len_bytes,
            prefix,
            tail: noise(1, PIECE_BYTES),
        })
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Changes the body into one that no server has seen; its digest.
    pub(crate) fn renew(&mut self) -> anyhow::Result<String> {
        self.tail = noise(run_number()?, PIECE_BYTES);
        let mut hash = self.prefix.clone();
        hash.update(&self.tail);
        Ok(digest_text(hash))
    }

    /// The header lines that announce the body.
    pub(crate) fn announce(&self, form: Form) -> String {
        match form {
            Form::Plain => format!("Content-Length: {}\r\n", self.len_bytes),
            Form::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        }
    }

    /// Sends the whole body.
    pub(crate) fn send(&mut self, stream: &mut TcpStream, form: Form) -> anyhow::Result<()> {
        let mut left = self.len_bytes / PIECE_BYTES as u64 - 1;
        while left > 0 {
            let now = left.min(FILE_PIECES);
            self.send_pieces(stream, form, now)?;
            left -= now;
        }
        match form {
            Form::Plain => stream.write_all(&self.tail)?,
            Form::Chunked => {
                let mut end = frame(&self.tail);
                end.extend_from_slice(b"0\r\n\r\n");
                stream.write_all(&end)?;
            }
        }
        Ok(())
    }

    /// Sends the first `pieces` pieces of the file.
    pub(crate) fn send_pieces(&mut self, stream: &mut TcpStream, form: Form, pieces: u64) -> anyhow::Result<()> {
        let (file, piece_bytes) = match form {
            Form::Plain => (&mut self.plain, PIECE_BYTES as u64),
            Form::Chunked => (&mut self.chunked, PIECE_BYTES as u64 + FRAME_BYTES),
        };
        file.seek(SeekFrom::Start(0))?;
        let len_bytes = pieces * piece_bytes;
        let sent = std::io::copy(&mut (&*file).take(len_bytes), stream)?;
        if sent != len_bytes {
            bail!("only {sent} of {len_bytes} bytes were sent");
        }
        Ok(())
    }

    /// Writes the whole body to `file` as a plain copy from memory would.
    pub(crate) fn write_to(&mut self, file: &mut File) -> anyhow::Result<()> {
        let mut buffer = vec![0; PIECE_BYTES * FILE_PIECES as usize];
        self.plain.seek(SeekFrom::Start(0))?;
        self.plain.read_exact(&mut buffer)?;
        let mut left = self.len_bytes as usize - PIECE_BYTES;
        while left > 0 {
            let now = left.min(buffer.len());
            // A megabyte at a time, which is as good as any larger step.
            for step in buffer[..now].chunks(1024 * 1024) {
                file.write_all(step)?;
            }
            left -= now;
        }
        file.write_all(&self.tail)?;
        Ok(())
    }
}

/// One chunk of chunked coding.
fn frame(piece: &[u8]) -> Vec<u8> {
    let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
    framed.extend_from_slice(piece);
    framed.extend_from_slice(b"\r\n");
    framed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::digest_of;

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let mut payload = Payload::new(folder.path(), 17 * 1024 * 1024).unwrap();
        let digest = payload.renew().unwrap();
        let mut file = tempfile::tempfile_in(folder.path()).unwrap();
        payload.write_to(&mut file).unwrap();
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, payload.len_bytes());
        assert_eq!(digest_of(&bytes), digest);
        assert_ne!(payload.renew().unwrap(), digest);
    }

    #[test]
    fn a_frame_adds_eight_bytes_to_a_piece() {
        assert_eq!(frame(&[0; PIECE_BYTES]).len() as u64, PIECE_BYTES as u64 + FRAME_BYTES);
    }
}
