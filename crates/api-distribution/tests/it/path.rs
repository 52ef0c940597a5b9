//! Request targets: what is no name, no tag and no path, in every spelling.

use serde_json::json;

use crate::{
    harness::{Harness, Image, OCI_MANIFEST, sha256},
    wire::Answer,
};

/// What no repository is called.
fn bad_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "..",
        ".",
        "a/..",
        "../a",
        "a/../b",
        "a/./b",
        "a//b",
        "/a",
        "a/",
        "UPPER",
        "a/Upper/b",
        "-a",
        "a-",
        "a_-b",
        "a..b",
        "a___b",
        "_a",
        "a/_b",
        ".a",
        "a.",
        "a:b",
        "a@b",
        "a+b",
        "a~b",
        "a,b",
        "a*",
        "a'b",
        "(a)",
        "a;b",
        "a=b",
        "a&b",
        "$(a)",
        "a!b",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("a".repeat(256));
    names.push(format!("{}b", "a/".repeat(128)));
    names
}

/// Spellings that are refused whatever they would decode to.
const ENCODED: &[&str] = &[
    "%2e%2e",
    "%2E%2E",
    "a%2e%2e%2fb",
    "privat%65",
    "a%00",
    "%00",
    "a%0A",
    "a%0d%0a",
    "a%20b",
    "a%5Cb",
    "a%5cb",
    "a%252Fb",
    "a%252e",
    "%25",
    "a%2",
    "a%",
    "a%zz",
    "a%c0%af",
    "a%C3%A9",
    "a%u002e",
    "a\\b",
    "..\\a",
];

/// What no tag is called.
fn bad_tags() -> Vec<String> {
    let mut tags: Vec<String> = [
        "..", ".", ".a", "-a", "a+b", "a@b", "a~", "a*", "a=b", "a,b", "a;b", "$a", "(a)", "'a'",
    ]
    .map(str::to_owned)
    .to_vec();
    tags.push("a".repeat(129));
    tags
}

/// The endpoints that name a repository, with everything else in order.
fn targets(name: &str) -> Vec<(&'static str, String)> {
    let digest = sha256("x");
    let id = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    vec![
        ("GET", format!("/v2/{name}/tags/list")),
        ("GET", format!("/v2/{name}/manifests/v1")),
        ("PUT", format!("/v2/{name}/manifests/v1")),
        ("DELETE", format!("/v2/{name}/manifests/{digest}")),
        ("GET", format!("/v2/{name}/blobs/{digest}")),
        ("DELETE", format!("/v2/{name}/blobs/{digest}")),
        ("GET", format!("/v2/{name}/referrers/{digest}")),
        ("POST", format!("/v2/{name}/blobs/uploads/")),
        ("POST", format!("/v2/{name}/blobs/uploads/?digest={digest}")),
        ("PATCH", format!("/v2/{name}/blobs/uploads/{id}")),
        ("PUT", format!("/v2/{name}/blobs/uploads/{id}?digest={digest}")),
        ("GET", format!("/v2/{name}/blobs/uploads/{id}")),
        ("DELETE", format!("/v2/{name}/blobs/uploads/{id}")),
        ("GET", format!("/acr/v1/{name}/_tags")),
        ("PATCH", format!("/acr/v1/{name}/_tags/v1")),
        ("DELETE", format!("/acr/v1/{name}/_tags/v1")),
        ("GET", format!("/acr/v1/{name}/_manifests")),
        ("GET", format!("/acr/v1/{name}/_manifests/{digest}")),
    ]
}

#[tokio::test]
async fn what_is_no_name_is_refused_at_every_endpoint() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    let before = harness.remains().await;
    for name in bad_names() {
        // Messages escape what would be odd in a log.
        let named = &name[..name.len().min(60)].escape_debug().to_string();
        for (method, target) in targets(&name) {
            let ask = harness.admin(method, &target).header("Content-Type", OCI_MANIFEST);
            let answer = ask.body(image.manifest.clone()).send().await;
            answer.refuses(400, "NAME_INVALID", named);
        }
        if name.starts_with('/') || name.ends_with('/') {
            continue;
        }
        for method in ["GET", "PATCH", "DELETE"] {
            let answer = harness
                .admin(method, &format!("/acr/v1/{name}"))
                .body("{}")
                .send()
                .await;
            answer.refuses(400, "NAME_INVALID", named);
        }
        let target = format!(
            "/v2/a/blobs/uploads/?mount={}&from={}",
            sha256("x"),
            name.replace('+', "%2B").replace('&', "%26")
        );
        harness
            .admin("POST", &target)
            .send()
            .await
            .refuses(400, "NAME_INVALID", named);
    }
    assert_eq!(harness.remains().await, before);
}

#[tokio::test]
async fn no_spelling_but_the_two_that_clients_use_is_decoded() {
    let harness = Harness::new().await;
    let before = harness.remains().await;
    for spelled in ENCODED {
        for (method, target) in targets(spelled) {
            let answer = harness.admin(method, &target).body("{}").send().await;
            answer.refuses(400, "NAME_INVALID", "only %2F and %3A");
        }
        let target = format!("/v2/a/manifests/{spelled}");
        harness
            .admin("PUT", &target)
            .body("{}")
            .send()
            .await
            .refuses(400, "NAME_INVALID", "%");
    }
    // Once decoded, a slash is a slash: it makes no new way up.
    for name in ["..%2F..", "a%2F..%2Fb", "%2Fa", "a%2F", "a%2F%2Fb", "%2F%2F..%2F"] {
        let answer = harness.get(&format!("/v2/{name}/manifests/v1")).await;
        answer.refuses(400, "NAME_INVALID", "");
        harness
            .get(&format!("/acr/v1/{name}/_tags"))
            .await
            .refuses(400, "NAME_INVALID", "");
    }
    assert_eq!(harness.remains().await, before);
}

#[tokio::test]
async fn both_spellings_of_a_name_are_one_repository() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("library/busybox", "image", &["v1"]).await;
    let encoded = digest.replace(':', "%3A");
    for target in [
        format!("/v2/library%2Fbusybox/manifests/{encoded}"),
        format!("/v2/library%2fbusybox/manifests/{}", digest.replace(':', "%3a")),
        "/v2/library%2Fbusybox/manifests/v1".to_owned(),
        "/v2/library%2Fbusybox/tags/list".to_owned(),
        format!("/v2/library%2Fbusybox/referrers/{encoded}"),
        "/acr/v1/library%2Fbusybox".to_owned(),
        "/acr/v1/library%2Fbusybox/_tags/v1".to_owned(),
        format!("/acr/v1/library%2Fbusybox/_manifests/{encoded}"),
    ] {
        harness.get(&target).await.expect(200);
    }
    let token = harness.token("repository:library/busybox:pull").await;
    let ask = harness.ask("GET", "/v2/library%2Fbusybox/manifests/v1").bearer(&token);
    ask.send().await.expect(200);
    let refused = harness
        .ask("GET", "/v2/library%2Fbusybox/manifests/v1")
        .send()
        .await
        .expect(401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.ends_with(",scope=\"repository:library/busybox:pull\""),
        "{challenge}"
    );
    // Pushed in the one spelling, there in the other.
    let place = harness.start("library%2Fother").await;
    assert!(place.starts_with("/v2/library/other/blobs/uploads/"), "{place}");
}

#[tokio::test]
async fn what_is_no_tag_is_refused_and_leaves_nothing() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("a", "v1", &image).await;
    let before = harness.remains().await;
    for tag in bad_tags() {
        let named = &tag[..tag.len().min(60)].escape_debug().to_string();
        for method in ["GET", "PUT", "DELETE"] {
            let ask = harness
                .admin(method, &format!("/v2/a/manifests/{tag}"))
                .header("Content-Type", OCI_MANIFEST);
            let answer = ask.body(image.manifest.clone()).send().await;
            answer.refuses(400, "TAG_INVALID", named);
        }
        for method in ["GET", "PATCH", "DELETE"] {
            let ask = harness.admin(method, &format!("/acr/v1/a/_tags/{tag}")).body("{}");
            ask.send().await.refuses(400, "TAG_INVALID", named);
        }
        let query = form_urlencoded::byte_serialize(tag.as_bytes()).collect::<String>();
        let target = format!("{}?tag=good&tag={query}", image.digest);
        let answer = harness
            .put_manifest("a", &target, OCI_MANIFEST, &image.manifest)
            .send()
            .await;
        answer.refuses(400, "TAG_INVALID", named);
    }
    for tag in ["", "a%20b", "a%2Fb", "%00", "a%0Ab", "%C3%A9", "%FF"] {
        let target = format!("{}?tag={tag}", image.digest);
        let answer = harness
            .put_manifest("a", &target, OCI_MANIFEST, &image.manifest)
            .send()
            .await;
        answer.refuses(400, "TAG_INVALID", "tag");
    }
    assert_eq!(harness.remains().await, before);
    assert_eq!(harness.get("/v2/a/tags/list").await.json()["tags"], json!(["v1"]));
}

#[tokio::test]
async fn paths_that_lead_nowhere_are_not_found_whoever_asks() {
    let harness = Harness::new().await;
    for target in [
        "/v2/manifests/v1",
        "/v2/tags/list",
        "/v2/blobs/uploads/",
        "/v2/_oci/ext/discover",
        "/v2/a",
        "/v2/a/b/c",
        "/v2/a/tags",
        "/v2/a/tags/list/",
        "/v2/a/manifests",
        "/v2//",
        "/v2/_catalog/",
        "/v2/..",
        "/v2/../etc/passwd",
        "/oauth2/",
        "/oauth2/token/",
        "/acr/v1/_deleted/_catalog/x/y",
    ] {
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            for ask in [harness.admin(method, target), harness.ask(method, target)] {
                let answer = ask.send().await;
                assert!(matches!(answer.status, 400 | 404), "{method} {target}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_method_that_is_not_known_gets_those_that_are() {
    let harness = Harness::new().await;
    let digest = sha256("x");
    let id = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    for (target, allow) in [
        ("/v2/".to_owned(), "GET, HEAD"),
        ("/v2/_catalog".to_owned(), "GET, HEAD"),
        ("/acr/v1/_catalog".to_owned(), "GET, HEAD"),
        ("/v2/a/tags/list".to_owned(), "GET, HEAD"),
        (format!("/v2/a/referrers/{digest}"), "GET, HEAD"),
        ("/v2/a/manifests/v1".to_owned(), "GET, HEAD, PUT, DELETE"),
        (format!("/v2/a/blobs/{digest}"), "GET, HEAD, DELETE"),
        ("/v2/a/blobs/uploads/".to_owned(), "POST"),
        (format!("/v2/a/blobs/uploads/{id}"), "GET, HEAD, PATCH, PUT, DELETE"),
        ("/acr/v1/a".to_owned(), "GET, HEAD, PATCH, DELETE"),
        ("/acr/v1/a/_tags".to_owned(), "GET, HEAD"),
        ("/acr/v1/a/_tags/v1".to_owned(), "GET, HEAD, PATCH, DELETE"),
        ("/acr/v1/a/_manifests".to_owned(), "GET, HEAD"),
        (format!("/acr/v1/a/_manifests/{digest}"), "GET, HEAD, PATCH"),
    ] {
        for method in [
            "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        ] {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let answer = harness.admin(method, &target).send().await.expect(405);
            assert_eq!(answer.header("allow"), Some(allow), "{method} {target}");
            if method != "HEAD" {
                answer.refuses(405, "UNSUPPORTED", method);
            }
        }
    }
}

#[tokio::test]
async fn a_target_that_is_too_long_is_refused_with_its_length() {
    let harness = Harness::new().await;
    let length = |answer: Answer, target: &str| {
        answer.refuses(414, "NAME_INVALID", &format!("{} bytes", target.len()));
    };
    for target in [
        format!("/v2/{}/manifests/v1", "a/".repeat(10_000)),
        format!("/v2/a/manifests/v1?{}", "x".repeat(16 << 10)),
        format!("/v2/a/manifests/{}", "v".repeat(60_000)),
    ] {
        length(harness.get(&target).await, &target);
    }
    // The longest name with the longest tag is fine.
    let name = format!("{}b", "a/".repeat(127));
    let image = Image::new("long");
    harness.push_image(&name, &"t".repeat(128), &image).await;
    let target = format!("/v2/{}/manifests/{}", name.replace('/', "%2F"), "t".repeat(128));
    assert!(harness.get(&target).await.expect(200).body == image.manifest);
}

#[tokio::test]
async fn bytes_that_are_no_request_get_an_answer_and_no_more() {
    let harness = Harness::new().await;
    let before = harness.remains().await;
    for line in [
        &b"GET /v2/\0/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"GET /v2/a b/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v2/\xff\xfe/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v2/a\x7f/manifests/v1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET\t/v2/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"/v2/\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\n Host: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n",
    ] {
        let mut wire = harness.wire().await;
        wire.say(line).await;
        let answer = wire
            .hear(false)
            .await
            .unwrap_or_else(|| panic!("{}", line.escape_ascii()));
        assert!(
            matches!(answer.status, 400 | 401 | 505),
            "{}: {answer:?}",
            line.escape_ascii()
        );
    }
    // Whole targets and stars are paths like others, or none.
    for (target, status) in [
        (format!("http://{}/v2/", harness.address), 200),
        ("http://evil.example/v2/".to_owned(), 200),
        ("*".to_owned(), 404),
        ("/v2/#fragment".to_owned(), 200),
        ("/v2/?".to_owned(), 200),
        ("/v2/?a=%00%ff".to_owned(), 200),
    ] {
        let answer = harness.get(&target).await;
        assert_eq!(answer.status, status, "{target}: {answer:?}");
    }
    assert_eq!(harness.remains().await, before);
}
