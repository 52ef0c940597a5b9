//! Listings in pages: catalog, tags, manifests and referrers, walked by their links; counts that are none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    harness::{Harness, Image, OCI_INDEX, OCI_MANIFEST, descriptor, sha256},
    wire::Answer,
};

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

/// What happens to the last row of a page before the next page is asked for.
async fn disturb(harness: &Harness, what: &str, repository: &str, tag: &str) {
    let digest = Image::new(tag).digest;
    match what {
        "untag" => {
            let target = format!("/acr/v1/{repository}/_tags/{tag}");
            harness.admin("DELETE", &target).send().await.expect(202);
        }
        "delete" => {
            let target = format!("/v2/{repository}/manifests/{digest}");
            harness.admin("DELETE", &target).send().await.expect(202);
        }
        "move" => drop(harness.push_tags(repository, "elsewhere", &[tag]).await),
        "push again" => drop(harness.push_tags(repository, tag, &[tag]).await),
        _ => {
            for target in [format!("_tags/{tag}"), format!("_manifests/{digest}")] {
                let patch = harness.admin("PATCH", &format!("/acr/v1/{repository}/{target}"));
                patch.body("{\"writeEnabled\":false}").send().await.expect(200);
            }
        }
    }
}

/// ARCHITECTURE.md, law 9.
#[tokio::test]
async fn a_page_by_time_goes_on_from_its_position_whatever_became_of_its_last_row() {
    let harness = Harness::new().await;
    let tags = ["t1", "t2", "t3", "t4", "t5", "t6"];
    let mut repositories = 0;
    for what in ["untag", "delete", "move", "push again", "lock"] {
        for order in ["timedesc", "timeasc"] {
            for list in ["_tags", "_manifests"] {
                repositories += 1;
                let repository = format!("r{repositories}");
                let mut rows = Vec::new();
                for tag in tags {
                    let digest = harness.push_tags(&repository, tag, &[tag]).await;
                    rows.push(if list == "_tags" { tag.to_owned() } else { digest });
                }
                if order == "timedesc" {
                    rows.reverse();
                }
                let marker = if order == "timedesc" { "t4" } else { "t3" };
                let first = harness
                    .get(&format!("/acr/v1/{repository}/{list}?n=3&orderby={order}"))
                    .await;
                assert_eq!(items(&first), rows[..3]);
                let next = first.next().unwrap();
                disturb(&harness, what, &repository, marker).await;
                let second = harness.get(&next).await.expect(200);
                assert_eq!(items(&second)[..3], rows[3..], "{what}, {list}, {order}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_by_time_takes_a_position_and_a_bare_name() {
    let harness = Harness::new().await;
    for tag in ["a", "b", "c"] {
        harness.push_tags("app", tag, &[tag]).await;
    }
    let target = "/acr/v1/app/_tags?orderby=timeasc&n=1";
    let next = harness.get(target).await.next().unwrap();
    let position = next.split(['=', '&']).nth(1).unwrap();
    let ticks = position.strip_suffix("%26a").expect("a position is ticks and a name");
    assert!(
        ticks.len() == 18 && ticks.bytes().all(|byte| byte.is_ascii_digit()),
        "{ticks}"
    );
    for last in ["a", position] {
        let page = harness.get(&format!("{target}&last={last}")).await.expect(200);
        assert_eq!(items(&page), ["b"], "{last}");
    }
    for last in [
        "x%26a",
        "-1%26a",
        "%26a",
        "1%26",
        "1%261%26a",
        "99999999999999999999%26a",
    ] {
        let answer = harness.get(&format!("{target}&last={last}")).await;
        answer.refuses(400, "PAGINATION_NUMBER_INVALID", "last=");
    }
}

#[tokio::test]
async fn where_a_list_of_acr_has_no_row_there_is_no_array() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("a", "image", &["v1"]).await;
    for (list, field, last) in [("_tags", "tags", "v1"), ("_manifests", "manifests", digest.as_str())] {
        for order in ["", "none", "timeasc"] {
            let target = format!("/acr/v1/a/{list}?orderby={order}");
            let all = harness.get(&target).await.expect(200);
            assert_eq!(all.json()[field].as_array().map(Vec::len), Some(1), "{target}");
            let end = harness.get(&format!("{target}&last={last}")).await.expect(200);
            assert_eq!(end.json().get(field), None, "{target}");
            assert_eq!(end.json()["imageName"], "a", "{target}");
        }
    }
    // The Azure CLI wants the field in a first page, and Microsoft's `acr` no array without rows.
    harness.admin("DELETE", "/acr/v1/a/_tags/v1").send().await.expect(202);
    for query in ["", "?orderby=timedesc", "?n=1"] {
        let none = harness.get(&format!("/acr/v1/a/_tags{query}")).await.expect(200);
        assert_eq!(none.json().get("tags"), Some(&Value::Null), "{query}");
    }
    // The specification's own listing always has its array.
    let end = harness.get("/v2/a/tags/list?last=v1").await.expect(200);
    assert_eq!(end.json()["tags"], json!([]));
}

/// An image that refers to a subject.
fn referrer(subject: &Value, seed: &str, kind: &str) -> Vec<u8> {
    let more = json!({ "subject": subject, "artifactType": kind, "annotations": { "seed": seed } });
    Image::with(b"{}".to_vec(), b"{}".to_vec(), &more).manifest
}

#[tokio::test]
async fn referrers_are_walked_once_also_by_type() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("a/b", "v1", &image).await;
    harness.push_blob("a/b", b"{}").await;
    let subject = descriptor(OCI_MANIFEST, &image.manifest);
    let kinds = ["application/x+json", "text/plain"];
    let mut digests = [BTreeSet::new(), BTreeSet::new()];
    for index in 0..9 {
        let bytes = referrer(&subject, &index.to_string(), kinds[index % 2]);
        let digest = sha256(&bytes);
        harness
            .put_manifest("a/b", &digest, OCI_MANIFEST, &bytes)
            .send()
            .await
            .expect(201);
        digests[index % 2].insert(digest);
    }
    let target = format!("/v2/a/b/referrers/{}", image.digest);
    let all: Vec<String> = digests
        .iter()
        .flatten()
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    walks_alike(&harness, &target, &all).await;
    for (kind, digests) in kinds.iter().zip(&digests) {
        let encoded: String = form_urlencoded::byte_serialize(kind.as_bytes()).collect();
        let expected: Vec<String> = digests.iter().cloned().collect();
        walks_alike(&harness, &format!("{target}?artifactType={encoded}"), &expected).await;
    }
    let target = format!(
        "/v2/a%2Fb/referrers/{}?n=1&artifactType=application%2Fx%2Bjson",
        image.digest.replace(':', "%3A")
    );
    let first = harness.get(&target).await;
    let last = digests[0].first().unwrap().replace(':', "%3A");
    let link = format!(
        "</v2/a%2Fb/referrers/{}?last={last}&n=1&artifactType=application%2Fx%2Bjson>; rel=\"next\"",
        image.digest.replace(':', "%3A")
    );
    assert_eq!(first.header("link"), Some(link.as_str()));
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

#[tokio::test]
async fn a_page_of_locked_referrers_leads_on() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("app", "v1", &image).await;
    harness.push_blob("app", b"{}").await;
    let subject = descriptor(OCI_MANIFEST, &image.manifest);
    let mut digests = BTreeSet::new();
    for index in 0..5 {
        let bytes = referrer(&subject, &index.to_string(), "a/b");
        let put = harness.put_manifest("app", &sha256(&bytes), OCI_MANIFEST, &bytes);
        put.send().await.expect(201);
        digests.insert(sha256(&bytes));
    }
    let digests: Vec<String> = digests.into_iter().collect();
    for (digest, lock) in digests.iter().zip(["listEnabled", "readEnabled", "listEnabled"]) {
        let patch = harness.admin("PATCH", &format!("/acr/v1/app/_manifests/{digest}"));
        patch.body(json!({ lock: false }).to_string()).send().await.expect(200);
    }
    walks_alike(&harness, &format!("/v2/app/referrers/{}", image.digest), &digests[3..]).await;
}

#[tokio::test]
async fn referrers_are_an_index_whatever_is_there() {
    let harness = Harness::new().await;
    let empty = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] });
    let unknown = format!("/v2/nowhere/referrers/{}", sha256("nothing"));
    let image = Image::new("image");
    harness.push_image("a", "v1", &image).await;
    for target in [
        unknown,
        format!("/v2/a/referrers/{}", sha256("nothing")),
        format!("/v2/a/referrers/{}", image.digest),
    ] {
        let answer = harness.get(&target).await.expect(200);
        assert_eq!(answer.header("content-type"), Some(OCI_INDEX));
        assert_eq!(answer.json(), empty);
        let filtered = harness.get(&format!("{target}?artifactType=a%2Fb")).await.expect(200);
        assert_eq!(filtered.header("oci-filters-applied"), Some("artifactType"));
        assert_eq!(filtered.json(), empty);
    }
    harness.push_blob("a", b"{}").await;
    let subject = descriptor(OCI_MANIFEST, &image.manifest);
    let by_config = Image::with(
        image.config.clone(),
        image.layer.clone(),
        &json!({ "subject": subject, "artifactType": "" }),
    );
    let typed = referrer(&subject, "typed", "a/b");
    let listing = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "subject": subject });
    let listing = listing.to_string().into_bytes();
    for (media_type, bytes) in [
        (OCI_MANIFEST, &by_config.manifest),
        (OCI_MANIFEST, &typed),
        (OCI_INDEX, &listing),
    ] {
        harness
            .put_manifest("a", &sha256(bytes), media_type, bytes)
            .send()
            .await
            .expect(201);
    }
    let entry = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() });
    let mut expected = [
        entry(OCI_MANIFEST, &by_config.manifest),
        entry(OCI_MANIFEST, &typed),
        entry(OCI_INDEX, &listing),
    ];
    expected[0]["artifactType"] = "application/vnd.oci.image.config.v1+json".into();
    expected[1]["artifactType"] = "a/b".into();
    expected[1]["annotations"] = json!({ "seed": "typed" });
    expected.sort_by_key(|entry| entry["digest"].as_str().unwrap().to_owned());
    let target = format!("/v2/a/referrers/{}", image.digest);
    let answer = harness.get(&target).await.expect(200);
    assert_eq!(answer.json()["manifests"], json!(expected));
    assert_eq!(answer.header("oci-filters-applied"), None);
    assert!(
        answer.text().starts_with("{\"schemaVersion\":2,\"mediaType\":"),
        "{}",
        answer.text()
    );
    // A type is compared as it is, also when it looks like something else.
    for kind in ["a%2Fb'%20OR%20'1'%3D'1", "A%2FB", "%25", "a%2F_", "%00"] {
        let none = harness.get(&format!("{target}?artifactType={kind}")).await.expect(200);
        assert_eq!(none.json(), empty, "{kind}");
    }
    let gone = harness
        .admin("DELETE", &format!("/v2/a/manifests/{}", sha256(&typed)))
        .send()
        .await;
    gone.expect(202);
    assert_eq!(items(&harness.get(&target).await).len(), 2);
}

#[tokio::test]
async fn a_count_that_is_none_is_refused_and_a_huge_one_is_cut() {
    let harness = Harness::new().await;
    let digest = harness.push_tags("a", "image", &["v1", "v2"]).await;
    let targets = [
        "/v2/_catalog".to_owned(),
        "/acr/v1/_catalog".to_owned(),
        "/v2/a/tags/list".to_owned(),
        "/acr/v1/a/_tags".to_owned(),
        "/acr/v1/a/_manifests".to_owned(),
        format!("/v2/a/referrers/{digest}"),
    ];
    for target in &targets {
        for n in [
            "-1",
            "x",
            "1.5",
            "+1",
            "1e3",
            "0x10",
            "%201",
            "1%00",
            "%D9%A1",
            "-9223372036854775808",
            "NaN",
        ] {
            let answer = harness.get(&format!("{target}?n={n}")).await;
            answer.refuses(400, "PAGINATION_NUMBER_INVALID", "n=\"");
        }
        for n in [
            "1000",
            "1001",
            "4294967296",
            "18446744073709551616",
            "99999999999999999999999999999999999999",
        ] {
            let answer = harness.get(&format!("{target}?n={n}")).await.expect(200);
            assert_eq!(answer.next(), None);
        }
        // Without a value it is not given (ACR).
        let unsaid = harness.get(&format!("{target}?n=")).await.expect(200);
        assert_eq!(items(&unsaid), items(&harness.get(target).await));
        if !target.contains("referrers") {
            let none = harness.get(&format!("{target}?n=0")).await.expect(200);
            assert!(items(&none).is_empty() && none.next().is_none(), "{none:?}");
        }
        let head = harness.admin("HEAD", target).send().await.expect(200);
        let get = harness.get(target).await;
        assert_eq!(head.header("content-length"), get.header("content-length"));
    }
    for target in ["/v2/a/tags/list", "/acr/v1/a/_tags", "/acr/v1/a/_manifests"] {
        for last in ["a%20b", "%00", "..", "%C3%A9"] {
            let answer = harness.get(&format!("{target}?last={last}")).await;
            answer.refuses(400, "PAGINATION_NUMBER_INVALID", "last=");
        }
    }
    for target in [
        "/v2/gap/tags/list",
        "/acr/v1/gap/_tags",
        "/acr/v1/gap/_manifests",
        "/v2/gap/tags/list?n=0",
    ] {
        harness.get(target).await.refuses(404, "NAME_UNKNOWN", "gap");
    }
}

#[tokio::test]
async fn no_page_has_more_than_a_thousand_rows() {
    let harness = Harness::new().await;
    let image = Image::new("image");
    harness.push_image("a", "t0000", &image).await;
    let tags: Vec<String> = (0..1_003).map(|index| format!("t{index:04}")).collect();
    for some in tags.chunks(100) {
        let query = some
            .iter()
            .map(|tag| format!("tag={tag}"))
            .collect::<Vec<_>>()
            .join("&");
        let target = format!("{}?{query}", image.digest);
        harness
            .put_manifest("a", &target, OCI_MANIFEST, &image.manifest)
            .send()
            .await
            .expect(201);
    }
    for target in [
        "/v2/a/tags/list",
        "/v2/a/tags/list?n=999999999999999999999",
        "/acr/v1/a/_tags?n=1001",
    ] {
        let page = harness.get(target).await.expect(200);
        assert_eq!(items(&page), tags[..1_000], "{target}");
        let next = page.next().unwrap();
        assert!(next.contains("last=t0999&n=1000"), "{next}");
        assert_eq!(walk(&harness, target, 1_000).await, tags);
    }
    // ACR's own default is shorter.
    let page = harness.get("/acr/v1/a/_tags").await.expect(200);
    assert_eq!(items(&page).len(), 100);
    assert_eq!(walk(&harness, "/acr/v1/a/_tags", 100).await, tags);
}
