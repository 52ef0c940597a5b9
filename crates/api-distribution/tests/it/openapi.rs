//! `/acr/v1` and `/oauth2` against Microsoft's document of the data plane: each operation that it names there is asked.

use std::collections::BTreeSet;

use holdfast_testkit::openapi::Document;
use serde_json::json;

use crate::{
    harness::{Harness, Image, LOGIN_SERVER, OCI_INDEX, OCI_MANIFEST, sha256},
    wire::Ask,
};

/// Where ACR itself does not do as its document says, and clients rely on what it does.
const AS_ACR_DOES: [&str; 2] = [".mediaType is unknown in this version", ".detail is null, no object"];

#[tokio::test]
async fn every_answer_has_the_shape_that_the_document_says() {
    let harness = Harness::new().await;
    let document = Document::data_plane();
    let image = harness.push_tags("team/app", "image", &["v1", "v2"]).await;
    let manifest = Image::new("image").manifest;
    let index = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [{
            "mediaType": OCI_MANIFEST, "digest": image, "size": manifest.len(),
            "platform": {"os": "linux", "architecture": "amd64"},
        }],
    });
    let index = index.to_string();
    let put = harness.put_manifest("team/app", "all", OCI_INDEX, index.as_bytes());
    put.send().await.expect(201);
    let index = sha256(&index);
    let refresh = harness.refresh_token().await;
    let scope = "repository:team/app:metadata_read";
    let form = |fields: &[(&str, &str)]| harness.ask("POST", "/oauth2/token").form(fields);
    let ask = |method: &str, target: &str| harness.admin(method, target);
    let attributes = |target: &str| ask("PATCH", target).body("{\"listEnabled\":true}");
    let asks: Vec<(&str, String, Ask)> = [
        ("GET", "/acr/v1/_catalog"),
        ("GET", "/acr/v1/team%2Fapp"),
        ("GET", "/acr/v1/team%2Fapp/_tags"),
        ("GET", "/acr/v1/team%2Fapp/_tags/v1"),
        ("GET", "/acr/v1/team%2Fapp/_tags/gone"),
        ("GET", "/acr/v1/team%2Fapp/_manifests"),
        ("GET", &format!("/acr/v1/team%2Fapp/_manifests/{image}")),
        ("GET", &format!("/acr/v1/team%2Fapp/_manifests/{index}")),
        ("PATCH", "/acr/v1/team%2Fapp"),
        ("PATCH", "/acr/v1/team%2Fapp/_tags/v1"),
        ("PATCH", &format!("/acr/v1/team%2Fapp/_manifests/{image}")),
        ("DELETE", "/acr/v1/team%2Fapp/_tags/v2"),
        ("DELETE", "/acr/v1/team%2Fapp"),
        ("DELETE", "/acr/v1/team%2Fapp"),
    ]
    .into_iter()
    .map(|(method, target)| match method {
        "PATCH" => (method, target.to_owned(), attributes(target)),
        _ => (method, target.to_owned(), ask(method, target)),
    })
    .chain([
        (
            "GET",
            "/oauth2/token".to_owned(),
            ask("GET", &format!("/oauth2/token?service={LOGIN_SERVER}&scope={scope}")),
        ),
        (
            "POST",
            "/oauth2/token".to_owned(),
            form(&[
                ("grant_type", "refresh_token"),
                ("service", LOGIN_SERVER),
                ("scope", scope),
                ("refresh_token", &refresh),
            ]),
        ),
    ])
    .collect();

    let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
    for (method, target, request) in asks {
        let answer = request.send().await;
        let operation = document.find(method, &target).unwrap();
        seen.insert(operation.name);
        let found = operation.faults(answer.status, answer.text().as_bytes());
        let is_ours = |fault: &&String| !AS_ACR_DOES.iter().any(|known| fault.ends_with(known));
        for fault in found.iter().filter(is_ours) {
            faults.push(format!("{method} {target} {}: {fault}", answer.status));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let mut named: BTreeSet<&str> = ["/acr/v1/", "/oauth2/"]
        .into_iter()
        .flat_map(|path| document.operations_below(path))
        .collect();
    // A token of the directory is had from the control plane; the tests of the whole server exchange one.
    named.remove("POST /oauth2/exchange");
    assert_eq!(seen, named);
}
