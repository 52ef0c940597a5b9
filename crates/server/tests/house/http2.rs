//! HTTP/2 frame by frame (RFC 9113), for what no client does: many connections from addresses of choice, and windows of a
//! byte.

use std::{
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    time::Duration,
};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 4;
const ACK: u8 = 1;

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
