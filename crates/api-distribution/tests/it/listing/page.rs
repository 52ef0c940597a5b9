//! Where a page of a listing ends and the next one begins.

use super::*;

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
