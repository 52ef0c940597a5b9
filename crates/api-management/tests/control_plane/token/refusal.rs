//! What is refused of scope maps and tokens, and with which words.

use serde_json::{Value, json};

use super::{Home, actions};

#[tokio::test]
async fn refusals_say_what_is_wrong() {
    let home = Home::new("Basic").await;
    let map = "/scopeMaps/pullers";
    let one = actions(&["repositories/a/content/read"]);
    home.expect("PUT", map, one.clone(), 201).await;
    home.expect("PUT", "/tokens/build", home.of_map("pullers"), 201).await;
    let of = |properties: Value| json!({ "properties": properties });
    let elsewhere = of(json!({ "scopeMapId": home.id("/scopeMaps/pullers").replace("mine1", "other1") }));
    let certificate = of(json!({ "credentials": { "certificates": [{ "name": "certificate1" }] } }));
    let unknown_password = of(json!({ "credentials": { "passwords": [{ "name": "password1" }] } }));
    let odd_password = of(json!({ "credentials": { "passwords": [{ "name": "password3" }] } }));
    let token = home.id("/tokens/build");
    let generate = |expiry: &str| json!({ "tokenId": token, "expiry": expiry });
    for (method, path, body, status, code, told) in [
        ("PUT", "/scopeMaps/a", one.clone(), 400, "ResourceNameInvalid", "'a'"),
        (
            "PUT",
            "/scopeMaps/_repositories_pull",
            one.clone(),
            400,
            "BadRequest",
            "defined by the system",
        ),
        (
            "PATCH",
            "/scopeMaps/_Repositories_Pull",
            one,
            400,
            "BadRequest",
            "defined by the system",
        ),
        (
            "DELETE",
            "/scopeMaps/_repositories_pull",
            Value::Null,
            400,
            "BadRequest",
            "defined by the system",
        ),
        ("DELETE", map, Value::Null, 409, "Conflict", "in use by the token build"),
        (
            "PUT",
            "/scopeMaps/other",
            of(json!({})),
            400,
            "InvalidParameter",
            "actions is required",
        ),
        (
            "PUT",
            "/scopeMaps/other",
            actions(&["repositories/ok/content/read", "repositories/a*/content/read"]),
            400,
            "InvalidParameter",
            "repositories/a*/content/read",
        ),
        (
            "PUT",
            "/scopeMaps/other",
            actions(&["repositories/a b/content/read"]),
            400,
            "InvalidParameter",
            "names no repository: ",
        ),
        (
            "PATCH",
            map,
            actions(&["repositories/a/pull"]),
            400,
            "InvalidParameter",
            "repositories/a/pull",
        ),
        (
            "PUT",
            "/scopeMaps/other",
            of(json!({ "actions": "a" })),
            400,
            "InvalidRequestContent",
            "invalid type",
        ),
        (
            "PUT",
            "/scopeMaps/other",
            of(json!({ "actions": [], "description": "x".repeat(3000) })),
            400,
            "InvalidParameter",
            "2048",
        ),
        (
            "GET",
            "/scopeMaps/absent",
            Value::Null,
            404,
            "ResourceNotFound",
            "absent",
        ),
        (
            "PATCH",
            "/scopeMaps/absent",
            of(json!({})),
            404,
            "ResourceNotFound",
            "absent",
        ),
        (
            "PUT",
            "/tokens/other",
            of(json!({})),
            400,
            "InvalidParameter",
            "scope map ID is required",
        ),
        (
            "PUT",
            "/tokens/other",
            home.of_map("absent"),
            400,
            "InvalidParameter",
            "could not be found",
        ),
        (
            "PUT",
            "/tokens/other",
            elsewhere,
            400,
            "InvalidParameter",
            "could not be found",
        ),
        (
            "PUT",
            "/tokens/other",
            of(json!({ "scopeMapId": "map" })),
            400,
            "InvalidResourceId",
            "map",
        ),
        (
            "PUT",
            "/tokens/mine1",
            home.of_map("pullers"),
            409,
            "ReservedResourceName",
            "admin account",
        ),
        (
            "PUT",
            "/tokens/under_score",
            home.of_map("pullers"),
            400,
            "ResourceNameInvalid",
            "under_score",
        ),
        (
            "PATCH",
            "/tokens/build",
            of(json!({ "status": "paused" })),
            400,
            "InvalidParameter",
            "enabled or disabled",
        ),
        (
            "PATCH",
            "/tokens/build",
            certificate,
            400,
            "InvalidParameter",
            "certificates",
        ),
        (
            "PATCH",
            "/tokens/build",
            unknown_password,
            400,
            "InvalidParameter",
            "no password1",
        ),
        (
            "PATCH",
            "/tokens/build",
            odd_password,
            400,
            "InvalidParameter",
            "password1 or password2",
        ),
        ("GET", "/tokens/absent", Value::Null, 404, "ResourceNotFound", "absent"),
        (
            "PATCH",
            "/tokens/absent",
            of(json!({})),
            404,
            "ResourceNotFound",
            "absent",
        ),
        (
            "POST",
            "/generateCredentials",
            generate("soon"),
            400,
            "InvalidParameter",
            "ISO 8601",
        ),
        (
            "POST",
            "/generateCredentials",
            generate("2020-01-01T00:00:00"),
            400,
            "InvalidParameter",
            "in the future",
        ),
        (
            "POST",
            "/generateCredentials",
            json!({}),
            400,
            "InvalidRequestContent",
            "tokenId",
        ),
        (
            "POST",
            "/generateCredentials",
            json!({ "tokenId": home.id(map) }),
            400,
            "InvalidParameter",
            "not that of a token",
        ),
        (
            "POST",
            "/generateCredentials",
            json!({ "tokenId": home.id("/tokens/absent") }),
            404,
            "ResourceNotFound",
            "absent",
        ),
    ] {
        let answer = home.expect(method, path, body.clone(), status).await;
        let (found, message) = (&answer["error"]["code"], answer["error"]["message"].as_str().unwrap());
        assert_eq!(found, code, "{method} {path} {body}: {answer}");
        assert!(message.contains(told), "{method} {path} {body}: {message}");
    }
    let list = home.expect("GET", "/tokens", Value::Null, 200).await;
    assert_eq!(
        list["value"].as_array().map(Vec::len),
        Some(1),
        "what was refused left nothing"
    );
}
