//! Answers out of files, from a store through hyper and a [`Socket`] to a peer: what comes is what lies there, however it
//! is asked for and taken, and nothing stands in for it.

use std::{
    fs,
    net::IpAddr,
    ops::Range,
    os::unix::fs::FileExt as _,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use holdfast_blobs::FilesystemStore;
use holdfast_face::{Body, Sending};
use holdfast_model::{Blobs as _, FileStretch, ObjectKey};
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};
use uuid::Uuid;

use super::*;

const BLOB_BYTES: usize = (3 << 20) + 7;
const WHOLE: Range<u64> = 0..BLOB_BYTES as u64;
const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Blobs that are sent at once; one peer may have half.
const TURNS: usize = 8;

/// Bytes among which there is no zero.
fn content() -> Bytes {
    static CONTENT: LazyLock<Bytes> = LazyLock::new(|| (0..BLOB_BYTES).map(|at| (at % 255) as u8 + 1).collect());
    CONTENT.clone()
}

struct Store {
    folder: TempDir,
    store: FilesystemStore,
    key: ObjectKey,
    sending: Sending,
}

impl Store {
    async fn with_a_blob() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = FilesystemStore::open(folder.path()).unwrap();
        let key = ObjectKey::new(Uuid::new_v4());
        store.put(&key, content()).await.unwrap();
        let sending = Sending::new(TURNS);
        Arc::new(Self {
            folder,
            store,
            key,
            sending,
        })
    }

    fn file(&self) -> fs::File {
        let name = self.key.to_string();
        let path = self.folder.path().join("objects").join(&name[..2]).join(name);
        fs::File::options().read(true).write(true).open(path).unwrap()
    }

    /// A body of stretches with a text between two.
    async fn body(&self, stretches: &[Range<u64>]) -> Body {
        let content = self.store.open(&self.key, 0..BLOB_BYTES as u64).await.unwrap();
        let mut body = Body::of(content, self.sending.turn(PEER).await.unwrap());
        for (index, stretch) in stretches.iter().enumerate() {
            if index > 0 {
                body.push_bytes(Bytes::from_static(BETWEEN));
            }
            body.push_stretch(stretch.clone());
        }
        body
    }
}

const BETWEEN: &[u8] = b"\r\n--boundary\r\n";

/// A socket that takes little at once, and its peer.
async fn pair() -> (Socket, TcpStream) {
    let listening = TcpSocket::new_v4().unwrap();
    listening.set_send_buffer_size(32 << 10).unwrap();
    listening.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listening.listen(1).unwrap();
    let client = TcpSocket::new_v4().unwrap();
    client.set_recv_buffer_size(32 << 10).unwrap();
    let client = client.connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (Socket::new(server, Traffic::default()), client)
}

/// Serves the connection as the listener does. The path of a request says which stretches it wants, as `/0-10,5-7`.
fn serve(socket: Socket, store: Arc<Store>) -> JoinHandle<hyper::Result<()>> {
    let sendfile = socket.sendfile();
    let service = service_fn(move |request: Request<Incoming>| {
        let (store, sendfile) = (Arc::clone(&store), sendfile.clone());
        async move {
            let body = store.body(&stretches(request.uri().path())).await;
            Ok::<_, std::convert::Infallible>(Response::new(body.by(sendfile)))
        }
    });
    let mut protocol = hyper::server::conn::http1::Builder::new();
    protocol.max_buf_size(64 << 10);
    tokio::spawn(protocol.serve_connection(TokioIo::new(socket), service).into_future())
}

fn stretches(path: &str) -> Vec<Range<u64>> {
    let stretch = |text: &str| {
        let (start, end) = text.split_once('-').unwrap();
        start.parse().unwrap()..end.parse().unwrap()
    };
    path.trim_start_matches('/').split(',').map(stretch).collect()
}

fn path(stretches: &[Range<u64>]) -> String {
    let texts: Vec<_> = stretches
        .iter()
        .map(|stretch| format!("{}-{}", stretch.start, stretch.end))
        .collect();
    format!("/{}", texts.join(","))
}

fn expected(stretches: &[Range<u64>]) -> Vec<u8> {
    let all = content();
    let parts: Vec<_> = stretches
        .iter()
        .map(|stretch| &all[stretch.start as usize..stretch.end as usize])
        .collect();
    parts.join(BETWEEN)
}

/// The body of one answer, taken in bites.
async fn take(client: &mut TcpStream, bite: usize, length: usize) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let mut body = vec![0; length];
    for bite in body.chunks_mut(bite) {
        client.read_exact(bite).await.unwrap();
        tokio::task::yield_now().await;
    }
    body
}

fn requests() -> impl Strategy<Value = Vec<(bool, Vec<Range<u64>>)>> {
    let lengths = prop_oneof![1..100_000_u64, 500_000..1_500_000_u64];
    let stretch = (lengths, 0..1_500_000_u64).prop_map(|(length, start)| start..start + length);
    prop::collection::vec((prop::bool::weighted(0.2), prop::collection::vec(stretch, 1..4)), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_for_one_after_the_other_comes_whole_and_in_order(
        requests in requests(),
        bite in prop_oneof![Just(1 << 20), 4_000..100_000_usize],
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (socket, mut client) = pair().await;
            let served = serve(socket, Store::with_a_blob().await);
            // All at once: none waits for the answer of the one before.
            for (is_head, stretches) in &requests {
                let method = if *is_head { "HEAD" } else { "GET" };
                let request = format!("{method} {} HTTP/1.1\r\nhost: x\r\n\r\n", path(stretches));
                client.write_all(request.as_bytes()).await.unwrap();
            }
            for (is_head, stretches) in &requests {
                let expected = if *is_head { Vec::new() } else { expected(stretches) };
                let body = take(&mut client, bite, expected.len()).await;
                assert!(body == expected, "other bytes came of {stretches:?}");
            }
            client.shutdown().await.unwrap();
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"");
            served.await.unwrap().unwrap();
        });
    }
}

/// Asks for the whole blob, and takes the first bytes of it.
async fn begin(client: &mut TcpStream) {
    let whole = path(&[WHOLE]);
    let request = format!("GET {whole} HTTP/1.1\r\nhost: x\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    assert!(take(client, 1, 10).await == content()[..10]);
}

#[tokio::test]
async fn a_file_that_becomes_shorter_ends_the_connection_and_nothing_is_sent_for_what_is_missing() {
    let store = Store::with_a_blob().await;
    let (socket, mut client) = pair().await;
    let served = serve(socket, Arc::clone(&store));
    begin(&mut client).await;
    // Of what was announced already too.
    store.file().set_len(200_000).unwrap();
    let mut rest = Vec::new();
    // Its end, or that the connection was reset.
    drop(client.read_to_end(&mut rest).await);
    assert!(
        rest == content()[10..10 + rest.len()],
        "something was sent for what is missing"
    );
    assert!(rest.len() <= 200_000);
    assert!(served.await.unwrap().is_err());
}

#[tokio::test]
async fn a_file_without_its_bytes_ends_the_connection_when_it_is_opened_too() {
    let store = Store::with_a_blob().await;
    let body = store.body(&[WHOLE]).await;
    store.file().set_len(100).unwrap();
    let (socket, mut client) = pair().await;
    let sendfile = socket.sendfile();
    let body = std::sync::Mutex::new(Some(body));
    let service = service_fn(move |_: Request<Incoming>| {
        let body = body.lock().unwrap().take().unwrap_or_default().by(sendfile.clone());
        async move { Ok::<_, std::convert::Infallible>(Response::new(body)) }
    });
    let served = tokio::spawn(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(socket), service)
            .into_future(),
    );
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut all = Vec::new();
    drop(client.read_to_end(&mut all).await);
    assert!(!all.contains(&0), "something was sent for what is missing");
    assert!(served.await.unwrap().is_err());
}

#[tokio::test]
async fn a_peer_that_goes_away_lets_the_file_go() {
    let store = Store::with_a_blob().await;
    let (socket, mut client) = pair().await;
    let served = serve(socket, Arc::clone(&store));
    begin(&mut client).await;
    let turns = || async { futures_util::future::join_all((0..TURNS / 2).map(|_| store.sending.turn(PEER))).await };
    assert!(turns().now_or_never().is_none(), "it takes one");
    drop(client);
    assert!(served.await.unwrap().is_err());
    assert!(turns().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_of_a_file_is_given_up() {
    let (mut socket, _client) = pair().await;
    let file = Arc::new(Store::with_a_blob().await.file());
    let error = loop {
        let range = 0..500_000;
        let mut stand_in = socket.sendfile().announce(
            FileStretch {
                file: Arc::clone(&file),
                range,
            },
            (),
        );
        if let Err(error) = socket.write_all_buf(&mut stand_in).await {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

/// What comes of bytes that are written to a socket that they must not be written to.
async fn refused(mut socket: Socket, mut client: TcpStream, bytes: &[u8]) {
    let error = socket.write_all(bytes).await.unwrap_err();
    assert!(error.to_string().contains("stand-ins"), "{error}");
    drop(socket);
    let mut sent = Vec::new();
    client.read_to_end(&mut sent).await.unwrap();
    assert_eq!(sent, b"");
}

#[tokio::test]
async fn a_stand_in_that_was_copied_or_is_of_another_connection_is_not_sent() {
    let file = Arc::new(Store::with_a_blob().await.file());
    let (socket, client) = pair().await;
    let stand_in = socket.sendfile().announce(FileStretch { file, range: 0..1_000 }, ());
    refused(socket, client, &Bytes::copy_from_slice(&stand_in)).await;
    let (socket, client) = pair().await;
    refused(socket, client, &stand_in).await;
}

/// What the kernel does not send of itself is read: of the environment of this process, for one.
#[tokio::test]
async fn a_file_that_the_kernel_cannot_send_is_copied() {
    let file = Arc::new(fs::File::open("/proc/self/environ").unwrap());
    let mut expected = vec![0; 2_000];
    let length = file.read_at(&mut expected, 3).unwrap();
    expected.truncate(length);
    let (mut socket, mut client) = pair().await;
    let refused = rustix::fs::sendfile(&socket.stream, &file, Some(&mut 3), length);
    assert!(refused.is_err(), "this kernel can");
    let range = 3..3 + length as u64;
    let mut stand_in = socket.sendfile().announce(FileStretch { file, range }, ());
    socket.write_all_buf(&mut stand_in).await.unwrap();
    drop(socket);
    let mut sent = Vec::new();
    client.read_to_end(&mut sent).await.unwrap();
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn what_the_kernel_sent_is_counted() {
    let file = Arc::new(Store::with_a_blob().await.file());
    let (mut socket, mut client) = pair().await;
    let mut stand_in = socket.sendfile().announce(FileStretch { file, range: 0..1_000 }, ());
    socket.write_all_buf(&mut stand_in).await.unwrap();
    assert_eq!(socket.sent, 1_000);
    assert_eq!(socket.traffic.all_sent(), 1_000);
    let mut sent = vec![0; 1_000];
    client.read_exact(&mut sent).await.unwrap();
    assert!(sent == content()[..1_000]);
}
