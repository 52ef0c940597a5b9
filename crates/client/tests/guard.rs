//! The guard of the way out, over local servers: what it refuses, where credentials go, and what it waits for.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose, in their servers too")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_client::{Destinations, Error, Limits, Options, Outgoing, Request, Resolve, Resolving, registry};
use http::{HeaderValue, Method};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that notes every request's head and answers each with the next text, the last one over and over.
struct Server {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(address: Ipv4Addr, port: u16, answers: Vec<String>) -> Self {
        let listener = TcpListener::bind((address, port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&heads);
        tokio::spawn(async move {
            for turn in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = answers[turn.min(answers.len() - 1)].clone();
                tokio::spawn(exchange(stream, answer, Arc::clone(&noted)));
            }
        });
        Self { port, heads }
    }

    async fn answering(answers: &[&str]) -> Self {
        Self::start(
            Ipv4Addr::LOCALHOST,
            0,
            answers.iter().map(|answer| (*answer).to_owned()).collect(),
        )
        .await
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn url(&self, host: &str) -> http::Uri {
        format!("http://{host}:{}/", self.port).parse().unwrap()
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: String, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(length) => head.extend_from_slice(&piece[..length]),
        }
    }
    heads
        .lock()
        .unwrap()
        .push(String::from_utf8(head).unwrap().to_ascii_lowercase());
    drop(stream.write_all(answer.as_bytes()).await);
    if answer.ends_with("STALL") {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    drop(stream.shutdown().await);
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn redirect(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nConnection: close\r\nContent-Length: 0\r\nLocation: {to}\r\n\r\n")
}

/// Names that lead where the test says, each time it is asked.
struct Names<F>(F, Arc<AtomicUsize>);

impl<F: Fn(&str, usize) -> [u8; 4] + Send + Sync> Resolve for Names<F> {
    fn resolve(&self, host: String, port: u16) -> Resolving {
        let turn = self.1.fetch_add(1, Ordering::SeqCst);
        let address = SocketAddr::from((self.0(&host, turn), port));
        Box::pin(async move { Ok::<_, io::Error>(vec![address]) })
    }
}

fn options(allowed: &[String]) -> Options {
    Options {
        destinations: Destinations::new(allowed.iter().map(|entry| entry.parse().unwrap()).collect()),
        limits: Limits {
            response: Duration::from_secs(5),
            stall: Duration::from_millis(200),
            ..Limits::default()
        },
        ..Options::default()
    }
}

fn outgoing(allowed: &[String]) -> Outgoing {
    Outgoing::new(options(allowed)).unwrap()
}

fn plain(host: &str, server: &Server) -> String {
    format!("http://{host}:{}", server.port)
}

#[tokio::test]
async fn an_inside_address_is_refused_however_it_is_written() {
    let server = Server::answering(&[&ok("secret")]).await;
    let outgoing = outgoing(&[]);
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
    ] {
        let url = format!("https://{host}:{}/", server.port).parse().unwrap();
        let error = outgoing.send(Request::get(url)).await.unwrap_err();
        assert!(
            matches!(error, Error::Inside { .. } | Error::Resolve { .. }),
            "{host}: {error:?}"
        );
    }
    let named = outgoing
        .send(Request::get(
            format!("https://localhost:{}/", server.port).parse().unwrap(),
        ))
        .await;
    assert!(named.unwrap_err().to_string().contains("--allow-outgoing localhost"));
    assert!(server.heads().is_empty());
}

#[tokio::test]
async fn plain_http_needs_the_operator_s_word_even_where_the_address_is_allowed() {
    let server = Server::answering(&[&ok("")]).await;
    let error = outgoing(&["127.0.0.0/8".to_owned()])
        .send(Request::get(server.url("127.0.0.1")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Plain { .. }), "{error:?}");
    assert!(server.heads().is_empty());
    let response = outgoing(&[plain("127.0.0.1", &server)])
        .send(Request::get(server.url("127.0.0.1")))
        .await
        .unwrap();
    assert_eq!(response.status, 200);
}

#[tokio::test]
async fn urls_that_name_no_host_or_somebody_are_refused_without_telling_the_secret() {
    for url in ["/v2/", "ftp://a.example/", "https://user:hunter2@a.example/"] {
        let error = outgoing(&[])
            .send(Request::get(url.parse().unwrap()))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Url { .. }), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_connected_to() {
    let outside = Server::answering(&[&ok("outside")]).await;
    let inside = Server::start(Ipv4Addr::new(127, 0, 0, 2), outside.port, vec![ok("inside")]).await;
    let asked = Arc::new(AtomicUsize::new(0));
    // The name leads elsewhere from the second time on.
    let names = Names(
        |_: &str, turn| [127, 0, 0, if turn == 0 { 1 } else { 2 }],
        Arc::clone(&asked),
    );
    let allowed = ["127.0.0.1".to_owned(), format!("http://other.example:{}", outside.port)];
    let mut options = options(&allowed);
    options.resolver = Arc::new(names);
    // Plain HTTP is allowed for another name only, so that the addresses decide; hence TLS is spoken, and fails.
    let outgoing = Outgoing::new(options).unwrap();
    let url: http::Uri = format!("https://rebind.example:{}/", outside.port).parse().unwrap();
    let first = outgoing.send(Request::get(url.clone())).await.unwrap_err();
    assert!(
        matches!(first, Error::Connect { .. } | Error::TimedOut { .. }),
        "{first:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let second = outgoing.send(Request::get(url)).await.unwrap_err();
    assert!(matches!(second, Error::Inside { .. }), "{second:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(inside.heads().is_empty());
}

#[tokio::test]
async fn each_redirect_is_checked_again() {
    let inside = Server::answering(&[&ok("inside")]).await;
    let first = Server::answering(&[&redirect(302, &inside.url("127.0.0.1").to_string())]).await;
    let outgoing = outgoing(&[plain("127.0.0.1", &first)]);
    let error = outgoing.send(Request::get(first.url("127.0.0.1"))).await.unwrap_err();
    assert!(matches!(error, Error::Plain { .. } | Error::Inside { .. }), "{error:?}");
    assert_eq!(first.heads().len(), 1);
    assert!(inside.heads().is_empty());
}

#[tokio::test]
async fn credentials_stay_with_the_origin_they_were_given_for() {
    let same = Server::answering(&[&redirect(307, "/again"), &ok("done")]).await;
    let request = |url| Request::get(url).with_authorization(HeaderValue::from_static("Bearer hunter2"));
    assert!(!format!("{:?}", request(same.url("127.0.0.1"))).contains("hunter2"));
    outgoing(&[plain("127.0.0.1", &same)])
        .send(request(same.url("127.0.0.1")))
        .await
        .unwrap();
    let heads = same.heads();
    assert!(
        heads.len() == 2 && heads.iter().all(|head| head.contains("authorization: bearer hunter2")),
        "{heads:?}"
    );

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let home_port = listener.local_addr().unwrap().port();
    drop(listener);
    let other = Server::answering(&[&redirect(307, &format!("http://127.0.0.1:{home_port}/back"))]).await;
    let answers = vec![redirect(307, &other.url("127.0.0.1").to_string()), ok("done")];
    let home = Server::start(Ipv4Addr::LOCALHOST, home_port, answers).await;
    let outgoing = outgoing(&[plain("127.0.0.1", &home), plain("127.0.0.1", &other)]);
    outgoing.send(request(home.url("127.0.0.1"))).await.unwrap();
    assert!(home.heads()[0].contains("hunter2"));
    assert!(!other.heads()[0].contains("authorization"));
    assert!(!home.heads()[1].contains("authorization"));
}

#[tokio::test]
async fn redirects_end_and_a_post_follows_none() {
    let server = Server::answering(&[&redirect(301, "/round")]).await;
    let outgoing = outgoing(&[plain("127.0.0.1", &server)]);
    let error = outgoing.send(Request::get(server.url("127.0.0.1"))).await.unwrap_err();
    assert!(matches!(error, Error::TooManyRedirects { limit: 5, .. }), "{error:?}");
    assert_eq!(server.heads().len(), 6);
    let mut post = Request::get(server.url("127.0.0.1"));
    post.method = Method::POST;
    let error = outgoing.send(post).await.unwrap_err();
    assert!(matches!(error, Error::Redirected { .. }), "{error:?}");
}

#[tokio::test]
async fn bodies_and_headers_have_limits_and_nothing_is_waited_for_without_end() {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
    let long_header = format!("{head}X-Long: {}\r\n\r\n", "a".repeat(200 << 10));
    let many_headers = format!("{head}{}\r\n", "X-Many: 1\r\n".repeat(500));
    let stalling = format!("{head}Content-Length: 100\r\n\r\nSTALL");
    let short = format!("{head}Content-Length: 100\r\n\r\nshort");
    let server = Server::answering(&[&ok(&"a".repeat(1000)), &long_header, &many_headers, &stalling, &short]).await;
    let outgoing = outgoing(&[plain("127.0.0.1", &server)]);
    let send = || outgoing.send(Request::get(server.url("127.0.0.1")));
    let error = send().await.unwrap().bytes(999).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit_bytes: 999, .. }), "{error:?}");
    for _ in 0..2 {
        let error = send().await.unwrap_err();
        assert!(matches!(error, Error::Exchange { .. }), "{error:?}");
    }
    let error = send().await.unwrap().bytes(999).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    let error = send().await.unwrap().bytes(999).await.unwrap_err();
    assert!(matches!(error, Error::Exchange { .. }), "{error:?}");
}

/// A TLS server at 127.0.0.1 for `localhost`, and the PEM of whom to trust.
async fn tls_server(answer: String) -> (u16, String) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                exchange(stream, answer.clone(), Arc::default()).await;
            }
        }
    });
    (port, signed.cert.pem())
}

#[tokio::test]
async fn a_certificate_is_believed_when_its_ca_is_named_and_its_name_is_right() {
    let (port, pem) = tls_server(ok("hello")).await;
    let file = std::env::temp_dir().join(format!("holdfast-client-{}-{port}.pem", std::process::id()));
    std::fs::write(&file, pem).unwrap();
    let with_roots = |path: Option<&Path>| {
        let mut options = options(&["127.0.0.1".to_owned(), "::1".to_owned()]);
        options.extra_roots = path.map(Path::to_owned);
        Outgoing::new(options).unwrap()
    };
    let get = |host: &str| Request::get(format!("https://{host}:{port}/").parse().unwrap());
    let response = with_roots(Some(&file)).send(get("localhost")).await.unwrap();
    assert_eq!(response.bytes(10).await.unwrap(), "hello");
    let stranger = with_roots(None).send(get("localhost")).await.unwrap_err();
    assert!(matches!(stranger, Error::Tls { .. }), "{stranger:?}");
    let misnamed = with_roots(Some(&file)).send(get("127.0.0.1")).await.unwrap_err();
    assert!(matches!(misnamed, Error::Tls { .. }), "{misnamed:?}");
    std::fs::write(&file, "no certificate").unwrap();
    let mut options = options(&[]);
    options.extra_roots = Some(file.clone());
    assert!(Outgoing::new(options).is_err());
    std::fs::remove_file(file).unwrap();
}

/// A registry that wants a token from this realm, and what came of asking it without credentials.
async fn sign_in_at(realm: impl FnOnce(u16) -> String, answers: &[&str], allowed: &[String]) -> registry::Error {
    // The port is wanted for the answers, so it is chosen first.
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let challenge = format!(
        "HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\nWWW-Authenticate: Bearer realm=\"{}\"\r\n\r\n",
        realm(port)
    );
    let all = [challenge]
        .into_iter()
        .chain(answers.iter().map(|answer| (*answer).to_owned()));
    let registry = Server::start(Ipv4Addr::LOCALHOST, port, all.collect()).await;
    let allowed = [allowed, &[plain("127.0.0.1", &registry)]].concat();
    let host = format!("127.0.0.1:{port}");
    let repository = "app".parse().unwrap();
    let client = registry::Client::new(outgoing(&allowed), &host, &repository, None).unwrap();
    client.ping().await.unwrap_err()
}

#[tokio::test]
async fn a_registry_sends_nobody_to_another_service_for_a_token_not_even_without_credentials() {
    let secret = ok(r#"{"token":"an inside secret"}"#);
    let inside = Server::answering(&[&secret]).await;
    let elsewhere = format!("http://localhost:{}/secret", inside.port);
    let named = [plain("localhost", &inside)];
    let error = sign_in_at(|_| elsewhere.clone(), &[], &named).await;
    assert!(matches!(error, registry::Error::ForeignRealm { .. }), "{error:?}");

    // Another port of the registry's own host is another service, also where the operator let the server reach the host.
    let port = format!("https://127.0.0.1:{}/secret", inside.port);
    let error = sign_in_at(|_| port, &[], &["127.0.0.0/8".to_owned()]).await;
    let is_inside = matches!(error, registry::Error::Outgoing(Error::Inside { .. }));
    assert!(is_inside, "{error:?}");

    // A realm of its own that sends the server on.
    let own = |port| format!("http://127.0.0.1:{port}/token");
    let error = sign_in_at(own, &[&redirect(302, &elsewhere)], &named).await;
    let is_refused = matches!(error, registry::Error::Outgoing(Error::Redirected { .. }));
    assert!(is_refused, "{error:?}");
    assert!(inside.heads().is_empty(), "{:?}", inside.heads());
}

#[tokio::test]
async fn a_registry_may_give_tokens_itself() {
    let own = |port| format!("http://127.0.0.1:{port}/token");
    let refused = "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 4\r\n\r\nseen";
    let error = sign_in_at(own, &[&ok(r#"{"token":"t"}"#), refused], &[]).await;
    assert!(error.to_string().contains("403"), "{error}");
}
