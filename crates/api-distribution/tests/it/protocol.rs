//! What is the same for every endpoint: HTTP/2, and what an answer says for the access log.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::{
    harness::{ADMIN, Harness, Image, OCI_MANIFEST, PASSWORD, sha256},
    wire::basic,
};

type Sender = SendRequest<Full<Bytes>>;

async fn connect(harness: &Harness) -> Sender {
    let stream = tokio::net::TcpStream::connect(harness.address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// Sends a request over HTTP/2; the answer's status, headers and body.
async fn send(
    sender: &Sender,
    method: &str,
    uri: &str,
    authorization: Option<&str>,
    body: &[u8],
) -> (StatusCode, http::HeaderMap, Bytes) {
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .header(header::CONTENT_TYPE, OCI_MANIFEST);
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
    let response = sender.clone().send_request(request).await.unwrap();
    let (head, body) = response.into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn http2_says_the_same_on_one_connection() {
    let harness = Harness::new().await;
    let sender = connect(&harness).await;
    let admin = basic(ADMIN, PASSWORD);
    let at = |target: &str| format!("http://{}{target}", harness.address);
    let image = Image::new("image");
    for bytes in [&image.config, &image.layer] {
        let uri = at(&format!("/v2/a/blobs/uploads/?digest={}", sha256(bytes)));
        // Refused first, also with a body longer than a window, and the connection goes on.
        let refused = send(&sender, "POST", &uri, None, &vec![7; 3 << 20]).await;
        assert_eq!(refused.0, 401);
        assert!(refused.1.contains_key(header::WWW_AUTHENTICATE));
        assert_eq!(send(&sender, "POST", &uri, Some(&admin), bytes).await.0, 201);
    }
    let uri = at("/v2/a/manifests/v1");
    assert_eq!(send(&sender, "PUT", &uri, Some(&admin), &image.manifest).await.0, 201);
    let (status, headers, body) = send(&sender, "GET", &uri, Some(&admin), b"").await;
    assert_eq!(status, 200);
    assert_eq!(headers["docker-content-digest"], image.digest.as_str());
    assert_eq!(headers[header::CONTENT_LENGTH], image.manifest.len().to_string());
    assert_eq!(body, image.manifest);
    let (status, headers, body) = send(&sender, "HEAD", &uri, Some(&admin), b"").await;
    assert_eq!((status, body.len()), (StatusCode::OK, 0));
    assert_eq!(headers[header::CONTENT_LENGTH], image.manifest.len().to_string());
    // More than anybody reads for nothing: refused, and only this stream pays.
    let uri = at("/v2/UPPER/manifests/v1");
    let refused = send(&sender, "PUT", &uri, None, &vec![7; 17 << 20]).await;
    assert_eq!(refused.0, 400);
    assert!(!refused.1.contains_key(header::CONNECTION));
    assert_eq!(send(&sender, "GET", &at("/v2/"), Some(&admin), b"").await.0, 200);
}

#[tokio::test]
async fn every_answer_tells_the_log_what_it_was_about() {
    let harness = Harness::new().await;
    harness.push_tags("team/app", "image", &["v1"]).await;
    let token = harness.token("").await;
    let forms = [
        (
            harness.admin("GET", "/v2/team%2Fapp/manifests/v1"),
            "manifest.get",
            Some("team/app"),
            "admin:holdfast",
        ),
        (
            harness.ask("GET", "/v2/team/app/manifests/v1"),
            "manifest.get",
            Some("team/app"),
            "anonymous",
        ),
        (
            harness.ask("GET", "/v2/gap/tags/list").bearer(&token),
            "tag.list",
            Some("gap"),
            "admin:holdfast",
        ),
        (
            harness.ask("GET", "/v2/gap/tags/list").bearer("bad"),
            "tag.list",
            Some("gap"),
            "-",
        ),
        (harness.admin("GET", "/oauth2/token"), "token", None, "-"),
        (
            harness.admin("GET", "/v2/_catalog"),
            "catalog.list",
            None,
            "admin:holdfast",
        ),
        (harness.admin("GET", "/v2/UPPER/manifests/v1"), "unknown", None, "-"),
        (harness.admin("BREW", "/v2/"), "unknown", None, "-"),
    ];
    for (ask, route, repository, actor) in forms {
        ask.send().await;
        let served = harness.served.lock().unwrap().last().unwrap().clone();
        assert_eq!(served.route, route);
        assert_eq!(served.repository.as_deref(), repository);
        assert_eq!(served.actor, actor, "{ask:?}");
    }
}
