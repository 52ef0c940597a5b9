//! HTTP/2 frame by frame (RFC 9113), for what no client does: many connections from addresses of choice, and windows of a
//! byte.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    time::Duration,
};

use rustix::{
    net::{AddressFamily, SocketType, bind, connect, socket},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The longest frame that every peer takes (RFC 9113 section 4.2).
const MAX_FRAME_BYTES: usize = 1 << 14;
/// The setting that says how many bytes of an answer may come before its peer says that it takes more.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// An open connection over plain TCP.
pub(crate) struct Http2 {
    pub(crate) stream: TcpStream,
}

impl Http2 {
    /// Connects from an address of the loopback network and says what it speaks, with these settings.
    pub(crate) fn open(source: Ipv4Addr, server: SocketAddr, settings: &[(u16, u32)]) -> io::Result<Self> {
        let mut http2 = Self {
            stream: connect_from(source, server)?,
        };
        http2.stream.write_all(PREFACE)?;
        let settings = settings
            .iter()
            .flat_map(|(name, value)| name.to_be_bytes().into_iter().chain(value.to_be_bytes()));
        http2.send(SETTINGS, 0, 0, &settings.collect::<Vec<_>>())?;
        http2.send(SETTINGS, ACK, 0, &[])?;
        Ok(http2)
    }

    /// Lets all answers together be as long as they like.
    pub(crate) fn open_window(&mut self) -> io::Result<()> {
        // The most that there may be, less what there is (RFC 9113 section 6.9).
        let more = (1_u32 << 31) - 1 - 65_535;
        self.send(WINDOW_UPDATE, 0, 0, &more.to_be_bytes())
    }

    /// Begins a request without a body on a stream of its own.
    pub(crate) fn begin(&mut self, stream: u32, path: &str, headers: &[(&str, &str)]) -> io::Result<()> {
        self.head(stream, ("GET", END_STREAM), path, headers)
    }

    /// Begins a request with a body of five bytes, of which one comes.
    pub(crate) fn begin_upload(&mut self, stream: u32, path: &str, headers: &[(&str, &str)]) -> io::Result<()> {
        let headers = [headers, &[("content-length", "5")]].concat();
        self.begin_body(stream, "POST", path, &headers)?;
        self.send_body(stream, b"x")
    }

    /// Begins a request with a body.
    pub(crate) fn begin_body(
        &mut self,
        stream: u32,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<()> {
        self.head(stream, (method, 0), path, headers)
    }

    /// Sends bytes of a body, whatever windows there are; more may follow.
    pub(crate) fn send_body(&mut self, stream: u32, bytes: &[u8]) -> io::Result<()> {
        bytes
            .chunks(MAX_FRAME_BYTES)
            .try_for_each(|chunk| self.send(DATA, 0, stream, chunk))
    }

    /// Sends so many bytes of a body, each in a frame of its own.
    pub(crate) fn send_bytes(&mut self, stream: u32, count: usize) -> io::Result<()> {
        let mut frame = vec![0, 0, 1, DATA, 0];
        frame.extend(stream.to_be_bytes());
        frame.push(7);
        self.stream.write_all(&frame.repeat(count))
    }

    fn head(
        &mut self,
        stream: u32,
        (method, flags): (&str, u8),
        path: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<()> {
        let block = self.block(method, path, headers)?;
        self.send(HEADERS, flags | END_HEADERS, stream, &block)
    }

    /// Begins a request whose body does not come, with the same header so many times: it is told once and then repeated
    /// (RFC 7541 sections 6.2.1 and 6.1).
    pub(crate) fn hold_back(&mut self, stream: u32, path: &str, value: &str, times: usize) -> io::Result<()> {
        let mut block = self.block("POST", path, &[])?;
        if let Some(repeats) = times.checked_sub(1) {
            block.push(0x40);
            push_text(&mut block, "x");
            push_text(&mut block, value);
            // The newest of the dynamic table, which follows the 61 entries of the static one.
            block.extend(std::iter::repeat_n(0x80 | 62, repeats));
        }
        self.send(HEADERS, END_HEADERS, stream, &block)
    }

    fn block(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<Vec<u8>> {
        let authority = self.stream.peer_addr()?.to_string();
        let pseudo = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", &authority),
        ];
        let mut block = Vec::new();
        for (name, value) in pseudo.iter().chain(headers) {
            // A literal that nobody indexes (RFC 7541 section 6.2.2).
            block.push(0);
            push_text(&mut block, name);
            push_text(&mut block, value);
        }
        Ok(block)
    }

    /// Waits until so many answers have begun to come.
    pub(crate) fn await_data(&mut self, answers: usize) -> io::Result<()> {
        let mut begun = std::collections::HashSet::new();
        while begun.len() < answers {
            let (kind, _, stream, length) = self.skip_frame()?;
            if kind == DATA && length > 0 {
                begun.insert(stream);
            }
        }
        Ok(())
    }

    /// Waits until so many answers have ended.
    pub(crate) fn await_ends(&mut self, answers: usize) -> io::Result<()> {
        let mut ended = 0;
        while ended < answers {
            let (kind, flags, ..) = self.skip_frame()?;
            ended += usize::from(matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0);
        }
        Ok(())
    }

    /// Waits until the server has said how much it takes of all bodies together.
    pub(crate) fn await_window(&mut self) -> io::Result<()> {
        while self.skip_frame()?.0 != WINDOW_UPDATE {}
        Ok(())
    }

    /// The kind, flags, stream and length of the next frame.
    fn skip_frame(&mut self) -> io::Result<(u8, u8, [u8; 4], u32)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        io::copy(&mut (&self.stream).take(length.into()), &mut io::sink())?;
        Ok((kind, flags, stream, length))
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame)
    }
}

/// A text as it is, after its length (RFC 7541 sections 5.1 and 5.2).
fn push_text(block: &mut Vec<u8>, text: &str) {
    const IN_ONE_BYTE: usize = 127;
    match text.len().checked_sub(IN_ONE_BYTE) {
        None => block.push(u8::try_from(text.len()).unwrap()),
        Some(mut rest) => {
            block.push(u8::try_from(IN_ONE_BYTE).unwrap());
            while rest >= 128 {
                block.push(0x80 | u8::try_from(rest % 128).unwrap());
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap());
        }
    }
    block.extend(text.bytes());
}

/// Lets this test have as many connections open as the system allows.
pub(crate) fn allow_many() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

/// A connection from one of the addresses of this machine.
pub(crate) fn connect_from(source: Ipv4Addr, server: SocketAddr) -> io::Result<TcpStream> {
    let SocketAddr::V4(server) = server else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddrV4::new(source, 0))?;
    connect(&socket, &server)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}
