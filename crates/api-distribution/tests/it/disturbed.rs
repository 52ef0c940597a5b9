//! Every listing walked in pages while its rows are deleted, moved, pushed again and locked (ARCHITECTURE.md, law 9). A
//! new listing fails the test until it is walked.

use std::collections::BTreeSet;

use holdfast_api_distribution::Route;
use http::Method;
use serde_json::{Value, json};

use crate::{
    caller::SAMPLES,
    harness::{Harness, Image, OCI_MANIFEST, descriptor, sha256},
    wire::Answer,
};

/// Rows that a list begins with.
const ROWS: usize = 10;
/// Pages after which rows are changed.
const DISTURBED_PAGES: usize = 2;
/// Pages after which a walk does not end.
const MOST_PAGES: usize = 20;
/// What becomes of a row between two pages.
const CHANGES: [&str; 6] = ["delete", "untag", "move", "push again", "lock lists", "lock writes"];

/// What the rows of a list are, and its target: `S` is the digest of a subject.
const LISTS: [(&str, &str); 14] = [
    ("repository", "/v2/_catalog?"),
    ("repository", "/acr/v1/_catalog?"),
    ("tag", "/v2/app/tags/list?"),
    ("tag", "/acr/v1/app/_tags?"),
    ("tag", "/acr/v1/app/_tags?orderby=timeasc"),
    ("tag", "/acr/v1/app/_tags?orderby=timedesc"),
    ("twin", "/acr/v1/app/_tags?digest=S"),
    ("twin", "/acr/v1/app/_tags?digest=S&orderby=timeasc"),
    ("twin", "/acr/v1/app/_tags?digest=S&orderby=timedesc"),
    ("manifest", "/acr/v1/app/_manifests?"),
    ("manifest", "/acr/v1/app/_manifests?orderby=timeasc"),
    ("manifest", "/acr/v1/app/_manifests?orderby=timedesc"),
    ("referrer", "/v2/app/referrers/S?"),
    ("referrer", "/v2/app/referrers/S?artifactType=a%2Fb"),
];

/// An image whose blobs are every other's too.
fn image(seed: &str) -> Vec<u8> {
    Image::with(
        b"{}".to_vec(),
        b"{}".to_vec(),
        &json!({ "annotations": { "seed": seed } }),
    )
    .manifest
}

fn referrer(seed: &str) -> Vec<u8> {
    let subject = descriptor(OCI_MANIFEST, &image("subject"));
    let more = json!({ "subject": subject, "artifactType": "a/b", "annotations": { "seed": seed } });
    Image::with(b"{}".to_vec(), b"{}".to_vec(), &more).manifest
}

async fn push(harness: &Harness, repository: &str, reference: &str, manifest: &[u8]) {
    let put = harness.put_manifest(repository, reference, OCI_MANIFEST, manifest);
    put.send().await.expect(201);
}

/// A row: what it is listed as, and what it is made from.
type Row = (String, String);

async fn fill(harness: &Harness, kind: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    harness.push_blob("app", b"{}").await;
    if matches!(kind, "referrer" | "twin") {
        push(harness, "app", &sha256(image("subject")), &image("subject")).await;
    }
    for row in 0..ROWS {
        // Not in the order of their names.
        let seed = format!("r{}", row * 3 % ROWS);
        let listed = match kind {
            "manifest" => sha256(image(&seed)),
            "referrer" => sha256(referrer(&seed)),
            _ => seed.clone(),
        };
        match kind {
            "repository" => {
                harness.push_blob(&seed, b"{}").await;
                push(harness, &seed, "v1", &image(&seed)).await;
            }
            "twin" => push(harness, "app", &seed, &image("subject")).await,
            "referrer" => push(harness, "app", &listed, &referrer(&seed)).await,
            _ => push(harness, "app", &seed, &image(&seed)).await,
        }
        rows.push((listed, seed));
    }
    rows
}

/// What happens to a row.
async fn disturb(harness: &Harness, change: &str, kind: &str, (listed, seed): &Row) {
    let (repository, tag) = match kind {
        "repository" => (listed.as_str(), "v1"),
        _ => ("app", seed.as_str()),
    };
    let row = match kind {
        "repository" => format!("/acr/v1/{listed}"),
        "tag" | "twin" => format!("/acr/v1/app/_tags/{listed}"),
        _ => format!("/acr/v1/app/_manifests/{listed}"),
    };
    let manifest = match kind {
        "twin" => image("subject"),
        "referrer" => referrer(seed),
        _ => image(seed),
    };
    let delete = async |target: &str| drop(harness.admin("DELETE", target).send().await.expect(202));
    let lock = async |name: &str| {
        let patch = harness.admin("PATCH", &row).body(json!({ name: false }).to_string());
        patch.send().await.expect(200);
    };
    match (change, kind) {
        ("lock lists", _) => lock("listEnabled").await,
        ("lock writes", _) => lock("writeEnabled").await,
        ("delete", "repository") => delete(&row).await,
        ("delete", "tag" | "manifest" | "referrer") | ("untag", "referrer") => {
            delete(&format!("/v2/app/manifests/{}", sha256(&manifest))).await;
        }
        ("delete" | "untag", _) => delete(&format!("/acr/v1/{repository}/_tags/{tag}")).await,
        ("move", "repository" | "tag" | "twin" | "manifest") => {
            push(harness, repository, tag, &image("elsewhere")).await;
        }
        (_, "referrer") => push(harness, "app", listed, &manifest).await,
        _ => push(harness, repository, tag, &manifest).await,
    }
}

fn names(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let lists = ["repositories", "tags", "manifests"];
    let list = lists.iter().find_map(|field| body[field].as_array());
    let name = |item: &Value| {
        let name = item.as_str().or(item["name"].as_str()).or(item["digest"].as_str());
        name.expect("a row has a name or a digest").to_owned()
    };
    list.into_iter().flatten().map(name).collect()
}

/// The list in pages of `n`, with changes after the first ones: of their last row, of one before it and of one behind it.
async fn walk(target: &str, change: &str, kind: &str, n: usize) {
    let harness = Harness::new().await;
    let rows = fill(&harness, kind).await;
    let whole = names(&harness.get(target).await.expect(200));
    let steady_at_first: BTreeSet<&String> = rows.iter().map(|(listed, _)| listed).collect();
    assert_eq!(whole.iter().collect::<BTreeSet<_>>(), steady_at_first, "{target}");
    let place = format!("{target}, {change}, by {n}");
    let (mut seen, mut victims, mut pages) = (Vec::new(), BTreeSet::new(), 0);
    let mut next = Some(format!("{target}&n={n}"));
    while let Some(target) = next {
        pages += 1;
        assert!(pages < MOST_PAGES, "{place} never ends: {seen:?}");
        let page = harness.get(&target).await.expect(200);
        let shown = names(&page);
        next = page.next();
        assert!(
            shown.len() <= n && (next.is_none() || !shown.is_empty()),
            "{place}: {shown:?}"
        );
        seen.extend(shown);
        if pages > DISTURBED_PAGES {
            continue;
        }
        let marker = whole.iter().position(|name| Some(name) == seen.last()).unwrap();
        for victim in [Some(marker), marker.checked_sub(1), Some(marker + 2)]
            .into_iter()
            .flatten()
        {
            let row = rows.iter().find(|(listed, _)| *listed == whole[victim]).unwrap();
            if victims.insert(&row.0) {
                disturb(&harness, change, kind, row).await;
            }
        }
    }
    // A change moves a row in a list by time, and in no other.
    let left: BTreeSet<String> = names(&harness.get(target).await.expect(200)).into_iter().collect();
    let is_sure = |name: &&String| !victims.contains(name) || !target.contains("time") && left.contains(*name);
    for name in whole.iter().filter(is_sure) {
        let times = seen.iter().filter(|found| *found == name).count();
        assert_eq!(times, 1, "{name} in {place}: {seen:?} of {whole:?}");
    }
}

#[tokio::test]
async fn every_listing_shows_once_what_stays_whatever_becomes_of_other_rows() {
    let subject = sha256(image("subject"));
    for (kind, target) in LISTS {
        for change in CHANGES {
            for n in [1, 3] {
                walk(&target.replace('S', &subject), change, kind, n).await;
            }
        }
    }
}

#[test]
fn every_listing_is_walked() {
    let digest = sha256("");
    let label = |method: &str, target: &str| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Route::parse(&method, target).unwrap().label()
    };
    let walked: BTreeSet<&str> = LISTS
        .iter()
        .map(|(_, target)| label("GET", &target.replace('S', &digest)))
        .collect();
    let filled = |target: &str| {
        let target = target.replace("{R}", "app").replace("{T}", "v1");
        let target = target.replace("{U}", "6ba7b810-9dad-41d1-80b4-00c04fd430c8");
        ["{M}", "{L}", "{B}", "{N}"]
            .iter()
            .fold(target, |target, mark| target.replace(mark, &digest))
    };
    let routes = SAMPLES
        .iter()
        .map(|sample| label(sample.method, &filled(sample.target)));
    let listings: BTreeSet<&str> = routes.filter(|label| label.ends_with(".list")).collect();
    assert_eq!(walked, listings);
}
