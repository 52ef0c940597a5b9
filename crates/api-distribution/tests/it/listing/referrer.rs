//! Listings of referrers.

use super::*;

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
        let impossible = harness.get(&format!("{target}?artifactType=a%00b")).await.expect(200);
        assert_eq!(impossible.json(), empty);
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
