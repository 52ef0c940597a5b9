//! Who may ask how an import stands.

use holdfast_access::Role;
use holdfast_model::{Durability, JobId, JobState, MetadataExt as _};
use holdfast_resources::{ImportFailure, ImportFailureKind};

use super::{Cloud, IMPORT, R, REGISTRY, V, json};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000009";

#[tokio::test]
async fn the_outcome_of_an_import_is_for_those_who_may_import_there() {
    let cloud = Cloud::start().await;
    let here = cloud.subscription.clone();
    let of = async |role: &str, scope: &str| {
        let role = Role::find(role).unwrap().id;
        (role, cloud.principal(role, scope).await.1)
    };
    let (_, owner) = of("Owner", &here).await;
    for name in ["rg", "other"] {
        let path = format!("{{S}}/resourceGroups/{name}{V}");
        cloud.send("PUT", &path, Some(&owner), r#"{"location":"local"}"#).await;
    }
    cloud.send("PUT", &format!("{R}mine1{V}"), Some(&owner), REGISTRY).await;
    let mine = format!("{R}mine1").replace("{S}", &here).to_lowercase();
    let asked = cloud
        .send("POST", &format!("{R}mine1/importImage{V}"), Some(&owner), IMPORT)
        .await;
    assert_eq!(asked.status(), 202, "{}", json(&asked));
    let outcome = asked.headers()["Location"].to_str().unwrap();
    let outcome = outcome.strip_prefix("https://localhost:5443").unwrap().to_owned();
    let id = outcome.split("/registries-").nth(1).unwrap().split('?').next().unwrap();

    let importer = "Container Registry Data Importer and Data Reader";
    let askers = [
        (of("Owner", &here).await, true),
        (of("Contributor", &mine).await, true),
        (of(importer, &mine).await, true),
        (of("Owner", &format!("{here}/resourcegroups/other")).await, false),
        (of(importer, &mine.replace("mine1", "mine2")).await, false),
        (of("User Access Administrator", &here).await, false),
        (of("Reader", &here).await, false),
        (of("AcrPush", &mine).await, false),
    ];
    let absent = async |token: &str| {
        let answer = cloud.send("GET", &outcome.replace(id, UNKNOWN), Some(token), "").await;
        (answer.status().as_u16(), json(&answer).to_string().replace(UNKNOWN, id))
    };
    let id = JobId(id.parse().unwrap());
    for (state, status, code) in [
        (JobState::Open, 202, None),
        (JobState::Failed, 409, Some("Conflict")),
        (JobState::Succeeded, 200, None),
    ] {
        let change = cloud.registry.rows().transact(Durability::Durable, move |tx| {
            let mut job = tx.find_job(id)?.unwrap();
            job.state = state;
            let failure = ImportFailure {
                kind: ImportFailureKind::Conflict,
                message: "the tag is there".to_owned(),
            };
            job.last_error = (state == JobState::Failed).then(|| failure.to_json());
            tx.update_job(&job)
        });
        change.await.unwrap();
        for ((role, token), may) in &askers {
            let answer = cloud.send("GET", &outcome, Some(token), "").await;
            let found = (answer.status().as_u16(), json(&answer));
            if *may {
                assert_eq!((found.0, found.1["error"]["code"].as_str()), (status, code), "{role}");
            } else {
                let found = (found.0, found.1.to_string());
                assert_eq!(
                    found,
                    absent(token).await,
                    "{role} is told no more than that of nothing"
                );
                assert_eq!(found.0, 404);
            }
        }
    }
    let unsigned = cloud.send("GET", &outcome, None, "").await;
    assert_eq!(unsigned.status(), 401);
}

#[tokio::test]
async fn a_source_that_is_no_host_is_refused_at_once_by_name() {
    let cloud = Cloud::start().await;
    let role = Role::find("Owner").unwrap().id;
    let (_, owner) = cloud.principal(role, &cloud.subscription).await;
    cloud
        .send(
            "PUT",
            &format!("{{S}}/resourceGroups/rg{V}"),
            Some(&owner),
            r#"{"location":"local"}"#,
        )
        .await;
    cloud.send("PUT", &format!("{R}mine1{V}"), Some(&owner), REGISTRY).await;
    let ask = async |uri: &str| {
        let body = serde_json::json!({
            "source": { "registryUri": uri, "sourceImage": "app:v1" }, "mode": "Force",
        });
        let path = format!("{R}mine1/importImage{V}");
        cloud.send("POST", &path, Some(&owner), &body.to_string()).await
    };
    for uri in [
        "",
        "https://",
        "http://127.0.0.1:18200",
        "https://https://up.example",
        "user@127.0.0.1",
        "127.0.0.1#.evil.example",
        "evil.example/../x",
        "up.example//",
        "up.example:port",
    ] {
        let answer = ask(uri).await;
        assert_eq!(answer.status(), 400, "{uri}");
        let told = json(&answer).to_string();
        assert!(told.contains("source.registryUri"), "{uri}: {told}");
    }
    for uri in [
        "up.example",
        "https://Up.Example/",
        "up.example:5000",
        "[2001:db8::1]:5000",
    ] {
        assert_eq!(ask(uri).await.status(), 202, "{uri}");
    }
}
