//! Listings in pages: catalog, tags, manifests and referrers, walked by their links; counts that are none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    harness::{Harness, Image, OCI_INDEX, OCI_MANIFEST, descriptor, sha256},
    wire::Answer,
};

mod page;
mod referrer;

/// Names whose order is easily got wrong: `-` and `.` come before the slash, digits and `_` after it.
const NAMES: [&str; 9] = ["a", "a-b", "a.b", "a/b", "a0", "a_b", "aa", "ab/c", "b"];
/// Upper case comes before `_`, lower case after it.
const TAGS: [&str; 10] = ["0", "A", "Z", "_a", "a", "a-b", "a.b", "a0", "a_b", "ab"];

/// What a page lists, by name or digest.
fn items(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let lists = ["repositories", "tags", "manifests"];
    let Some(list) = lists.iter().find_map(|field| body[field].as_array()) else {
        // Only ACR's own listings have none, and only where nothing follows.
        assert!(body["imageName"].is_string() && answer.next().is_none(), "{body}");
        return Vec::new();
    };
    let name = |item: &Value| {
        let name = item.as_str().or(item["name"].as_str()).or(item["digest"].as_str());
        name.unwrap().to_owned()
    };
    list.iter().map(name).collect()
}

/// Follows the links from a target to the end; no page may be longer than `n`, and each that leads on is full.
async fn walk(harness: &Harness, target: &str, n: usize) -> Vec<String> {
    let mut next = Some(target.to_owned());
    let mut seen = Vec::new();
    for _ in 0..1_000 {
        let Some(target) = next else { return seen };
        let answer = harness.get(&target).await.expect(200);
        let page = items(&answer);
        assert!(page.len() <= n, "{target}: {page:?}");
        next = answer.next();
        assert!(next.is_none() || page.len() == n, "{target}: {page:?}");
        seen.extend(page);
    }
    panic!("{target} never ends")
}

/// The same list in pages of every size.
async fn walks_alike(harness: &Harness, target: &str, expected: &[String]) {
    assert_eq!(walk(harness, target, 1_000).await, expected, "{target}");
    let separator = if target.contains('?') { '&' } else { '?' };
    for n in 1..=expected.len() + 1 {
        let paged = format!("{target}{separator}n={n}");
        assert_eq!(walk(harness, &paged, n).await, expected, "{paged}");
    }
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn the_catalog_is_walked_once_in_the_order_of_bytes() {
    let harness = Harness::new().await;
    for name in NAMES.iter().rev() {
        harness.push_tags(name, name, &["v1"]).await;
    }
    // Without manifests there is no repository, whatever else lies in it.
    harness.push_blob("a-empty", b"bytes").await;
    harness.start("a-started").await;
    for target in ["/v2/_catalog", "/acr/v1/_catalog"] {
        walks_alike(&harness, target, &strings(&NAMES)).await;
        for (last, from) in [
            ("a", 1),
            ("a-a", 1),
            ("a-b", 2),
            ("a%2Fb", 4),
            ("%21", 0),
            ("zz", 9),
            ("%27%20OR%201%3D1", 0),
        ] {
            let rest = walk(&harness, &format!("{target}?n=2&last={last}"), 2).await;
            assert_eq!(rest, NAMES[from..], "{last}");
        }
    }
    let first = harness.get("/v2/_catalog?n=3").await;
    assert_eq!(first.header("link"), Some("</v2/_catalog?last=a.b&n=3>; rel=\"next\""));
    assert_eq!(first.text(), "{\"repositories\":[\"a\",\"a-b\",\"a.b\"]}\n");
    let first = harness.get("/acr/v1/_catalog?n=4").await;
    assert_eq!(
        first.header("link"),
        Some("</acr/v1/_catalog?last=a%2Fb&n=4&orderby=>; rel=\"next\"")
    );
}

#[tokio::test]
async fn tags_are_walked_once_in_the_order_of_bytes() {
    let harness = Harness::new().await;
    let mut tags = TAGS;
    tags.reverse();
    let digest = harness.push_tags("a/b", "image", &tags).await;
    harness.push_tags("a/b", "other", &["elsewhere"]).await;
    harness
        .admin("DELETE", "/acr/v1/a%2Fb/_tags/elsewhere")
        .send()
        .await
        .expect(202);
    for target in [
        "/v2/a/b/tags/list",
        "/v2/a%2Fb/tags/list",
        "/acr/v1/a/b/_tags",
        "/acr/v1/a%2Fb/_tags",
    ] {
        walks_alike(&harness, target, &strings(&TAGS)).await;
        for (last, from) in [("A", 2), ("B", 2), ("_", 3), ("a-", 5), ("a-b", 6), ("gone", 10)] {
            let rest = walk(&harness, &format!("{target}?last={last}"), 10).await;
            assert_eq!(rest, TAGS[from..], "{last}");
        }
    }
    let first = harness.get("/v2/a%2Fb/tags/list?n=4").await;
    assert_eq!(
        first.header("link"),
        Some("</v2/a%2Fb/tags/list?last=_a&n=4>; rel=\"next\"")
    );
    assert_eq!(first.text(), "{\"name\":\"a/b\",\"tags\":[\"0\",\"A\",\"Z\",\"_a\"]}\n");
    let first = harness.get("/acr/v1/a%2Fb/_tags?n=2&orderby=").await;
    assert_eq!(
        first.header("link"),
        Some("</acr/v1/a%2Fb/_tags?last=A&n=2&orderby=>; rel=\"next\"")
    );
    let target = format!("/acr/v1/a%2Fb/_tags?n=2&digest={}", digest.replace(':', "%3A"));
    let first = harness.get(&target).await;
    let link = format!(
        "</acr/v1/a%2Fb/_tags?last=A&n=2&orderby=&digest={}>; rel=\"next\"",
        digest.replace(':', "%3A")
    );
    assert_eq!(first.header("link"), Some(link.as_str()));
}

#[tokio::test]
async fn acr_lists_in_the_order_of_time_when_asked_to() {
    let harness = Harness::new().await;
    let names = ["m", "z", "a", "0", "k"];
    let mut digests = Vec::new();
    for name in names {
        digests.push(harness.push_tags("a", name, &[name]).await);
    }
    // Pushed again, a tag is the newest.
    harness.push_tags("a", "new z", &["z"]).await;
    let by_time = strings(&["m", "a", "0", "k", "z"]);
    let newest: Vec<String> = by_time.iter().rev().cloned().collect();
    walks_alike(&harness, "/acr/v1/a/_tags?orderby=timeasc", &by_time).await;
    walks_alike(&harness, "/acr/v1/a/_tags?orderby=timedesc", &newest).await;
    for order in ["none", ""] {
        walks_alike(
            &harness,
            &format!("/acr/v1/a/_tags?orderby={order}"),
            &strings(&["0", "a", "k", "m", "z"]),
        )
        .await;
    }
    digests.push(Image::new("new z").digest);
    walks_alike(&harness, "/acr/v1/a/_manifests?orderby=timeasc", &digests).await;
    let newest: Vec<String> = digests.iter().rev().cloned().collect();
    walks_alike(&harness, "/acr/v1/a/_manifests?orderby=timedesc", &newest).await;
    let first = harness.get("/acr/v1/a/_tags?orderby=timedesc&n=1").await;
    let link = first.header("link").unwrap();
    let ticks = link.strip_prefix("</acr/v1/a/_tags?last=").unwrap();
    let ticks = ticks.strip_suffix("%26z&n=1&orderby=timedesc>; rel=\"next\"").unwrap();
    assert!(ticks.bytes().all(|byte| byte.is_ascii_digit()), "{link}");
    for order in ["time", "TIMEDESC", "name%20asc", "%00"] {
        for list in ["_tags", "_manifests"] {
            let answer = harness.get(&format!("/acr/v1/a/{list}?orderby={order}")).await;
            answer.refuses(400, "PAGINATION_NUMBER_INVALID", "orderby=");
        }
    }
}

#[tokio::test]
async fn tags_of_one_digest_are_walked_once() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("a", "image", &["a", "c", "e", "g"]).await;
    harness.push_tags("a", "other", &["b", "d", "f"]).await;
    let target = format!("/acr/v1/a/_tags?digest={digest}");
    walks_alike(&harness, &target, &strings(&["a", "c", "e", "g"])).await;
    walks_alike(
        &harness,
        &format!("{target}&orderby=timedesc"),
        &strings(&["g", "e", "c", "a"]),
    )
    .await;
    let none = harness
        .get(&format!("/acr/v1/a/_tags?digest={}", sha256("none")))
        .await
        .expect(200);
    assert_eq!(none.json().get("tags"), Some(&Value::Null));
}

#[tokio::test]
async fn manifests_are_walked_once_by_digest() {
    let harness = Harness::new().await;
    let mut digests = BTreeSet::new();
    for index in 0..7 {
        digests.insert(harness.push_tags("a/b", &format!("image {index}"), &["moving"]).await);
    }
    let digests: Vec<String> = digests.into_iter().collect();
    walks_alike(&harness, "/acr/v1/a%2Fb/_manifests", &digests).await;
    let first = harness.get("/acr/v1/a%2Fb/_manifests?n=2&orderby=").await;
    let link = format!(
        "</acr/v1/a%2Fb/_manifests?last={}&n=2&orderby=>; rel=\"next\"",
        digests[1].replace(':', "%3A")
    );
    assert_eq!(first.header("link"), Some(link.as_str()));
}

#[tokio::test]
async fn what_is_hidden_is_left_out_and_breaks_no_walk() {
    let harness = Harness::new().await;
    let mut digests = BTreeSet::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        digests.insert(harness.push_tags("app", name, &[name]).await);
        harness.push_tags(name, name, &["v1"]).await;
    }
    let digests: Vec<String> = digests.into_iter().collect();
    let hide = |target: String| harness.admin("PATCH", &target).body("{\"listEnabled\":false}");
    for name in ["a", "c", "d"] {
        hide(format!("/acr/v1/app/_tags/{name}")).send().await.expect(200);
        hide(format!("/acr/v1/{name}")).send().await.expect(200);
    }
    for digest in [&digests[0], &digests[2], &digests[3]] {
        hide(format!("/acr/v1/app/_manifests/{digest}"))
            .send()
            .await
            .expect(200);
    }
    walks_alike(&harness, "/v2/_catalog", &strings(&["app", "b", "e", "f"])).await;
    walks_alike(&harness, "/v2/app/tags/list", &strings(&["b", "e", "f"])).await;
    walks_alike(&harness, "/acr/v1/app/_tags", &strings(&["b", "e", "f"])).await;
    let shown = [&digests[1], &digests[4], &digests[5]].map(Clone::clone);
    walks_alike(&harness, "/acr/v1/app/_manifests", &shown).await;
    // Hidden is not gone.
    harness.get("/v2/app/manifests/a").await.expect(200);
    harness.get("/acr/v1/app/_tags/a").await.expect(200);
    harness.get("/acr/v1/a").await.expect(200);
}

/// What each route shows under each lock: `s` shows the thing, `h` leaves it out, `r` refuses. The columns are the read
/// and the list lock of the repository, the tag, the manifest and a referrer of it.
const LOCKED: [(&str, &str, &str); 12] = [
    ("/v2/_catalog", "app", "sh ss ss ss"),
    ("/acr/v1/_catalog", "app", "sh ss ss ss"),
    ("/v2/app/tags/list", "v1", "ss sh ss ss"),
    ("/acr/v1/app/_tags", "v1", "ss sh ss ss"),
    ("/acr/v1/app/_tags/v1", "v1", "ss ss ss ss"),
    ("/acr/v1/app/_manifests", "IMAGE", "ss ss sh ss"),
    ("/acr/v1/app/_manifests/IMAGE", "IMAGE", "ss ss ss ss"),
    ("/acr/v1/app", "app", "ss ss ss ss"),
    ("/v2/app/manifests/v1", "LAYER", "rs rs rs ss"),
    ("/v2/app/manifests/IMAGE", "LAYER", "rs ss rs ss"),
    ("/v2/app/blobs/LAYER", "", "rs ss ss ss"),
    ("/v2/app/referrers/IMAGE", "REFERRER", "rs ss rs hh"),
];

#[tokio::test]
async fn every_route_that_reads_keeps_to_every_lock() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("app", "v1", &image).await;
    harness.push_blob("app", b"{}").await;
    let bytes = referrer(&descriptor(OCI_MANIFEST, &image.manifest), "0", "a/b");
    let put = harness.put_manifest("app", &sha256(&bytes), OCI_MANIFEST, &bytes);
    put.send().await.expect(201);
    let filled = |text: &str| {
        text.replace("IMAGE", &image.digest)
            .replace("LAYER", &sha256(&image.layer))
            .replace("REFERRER", &sha256(&bytes))
    };
    let things = ["", "/_tags/v1", "/_manifests/IMAGE", "/_manifests/REFERRER"];
    let locks = things
        .iter()
        .flat_map(|thing| [(thing, "readEnabled"), (thing, "listEnabled")]);
    for (column, (thing, lock)) in locks.enumerate() {
        let thing = filled(&format!("/acr/v1/app{thing}"));
        let switch = |on: bool| harness.admin("PATCH", &thing).body(json!({ lock: on }).to_string());
        switch(false).send().await.expect(200);
        for (target, mark, outcomes) in LOCKED {
            let outcome = outcomes.chars().filter(|c| *c != ' ').nth(column).unwrap();
            let (target, mark) = (filled(target), filled(mark));
            let answer = harness.get(&target).await;
            let head = harness.admin("HEAD", &target).send().await;
            assert_eq!(head.status, answer.status, "{target} under {lock} of {thing}");
            let seen = match answer.status {
                405 => 'r',
                200 if mark.is_empty() || answer.text().contains(&mark) => 's',
                200 => 'h',
                other => panic!("{target} under {lock} of {thing}: {other}"),
            };
            assert_eq!(seen, outcome, "{target} under {lock} of {thing}");
        }
        switch(true).send().await.expect(200);
    }
}

/// An image that refers to a subject.
fn referrer(subject: &Value, seed: &str, kind: &str) -> Vec<u8> {
    let more = json!({ "subject": subject, "artifactType": kind, "annotations": { "seed": seed } });
    Image::with(b"{}".to_vec(), b"{}".to_vec(), &more).manifest
}
