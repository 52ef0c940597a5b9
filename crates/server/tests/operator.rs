//! The operator's commands, with and without a running server.

mod harness;

use harness::{Harness, large, text};
use serde_json::Value;

/// Does something with a running server, and again with a stopped one.
fn on_and_off(harness: &mut Harness, mut act: impl FnMut(&Harness)) {
    act(harness);
    harness.stop();
    act(harness);
}

#[test]
fn credentials_are_the_same_with_and_without_a_server() {
    let mut harness = Harness::running();
    let port = harness.http.unwrap().port();
    let mut seen: Vec<Value> = Vec::new();
    on_and_off(&mut harness, |harness| seen.push(harness.json(&["credentials"])));
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0]["loginServer"], format!("localhost:{port}"));
    assert_eq!(seen[0]["username"], "holdfast");
    let names: Vec<_> = seen[0]["passwords"]
        .as_array()
        .unwrap()
        .iter()
        .map(|password| &password["name"])
        .collect();
    assert_eq!(names, ["password", "password2"]);
    let alone = harness.told(&["credentials", "--password"]);
    assert_eq!(Value::from(alone.trim_end()), seen[0]["passwords"][0]["value"]);
}

#[test]
fn a_renewed_password_replaces_that_one_only_and_at_once() {
    let mut harness = Harness::running();
    let old = harness.basic();
    assert_eq!(harness.ask("GET", "/v2/", &[("Authorization", &old)], b"").status, 200);
    let before = harness.json(&["credentials"]);
    let after = harness.json(&["credentials", "--renew", "password"]);
    assert_ne!(after["passwords"][0], before["passwords"][0]);
    assert_eq!(after["passwords"][1], before["passwords"][1]);
    assert_eq!(harness.ask("GET", "/v2/", &[("Authorization", &old)], b"").status, 401);
    let fresh = harness.basic();
    assert_eq!(
        harness.ask("GET", "/v2/", &[("Authorization", &fresh)], b"").status,
        200
    );
    harness.stop();
    let later = harness.json(&["credentials", "--renew", "password2"]);
    assert_eq!(later["passwords"][0], after["passwords"][0]);
    assert_ne!(later["passwords"][1], after["passwords"][1]);
}

#[test]
fn status_says_what_there_is_and_where() {
    let mut harness = Harness::running();
    let (https, ca) = (harness.https.unwrap().port(), harness.data().join("tls/ca.pem"));
    on_and_off(&mut harness, |harness| {
        let status = harness.json(&["status"]);
        assert_eq!(status["baseUrl"], format!("https://localhost:{https}"));
        assert_eq!(status["caFile"], ca.display().to_string());
        assert_eq!(status["resourceGroup"], "default");
        for id in ["tenantId", "subscriptionId"] {
            assert_eq!(status[id].as_str().unwrap().len(), 36, "{id}");
        }
        let registry = &status["registries"][0];
        assert_eq!(registry["name"], "holdfast");
        assert_eq!(registry["loginServer"], format!("holdfast.registry.localhost:{https}"));
        assert_eq!(registry["sku"], "Premium");
        assert_eq!(registry["location"], "local");
    });
}

#[test]
fn ca_prints_the_certificate_that_signed_the_servers() {
    let mut harness = Harness::running();
    on_and_off(&mut harness, |harness| {
        let printed = harness.told(&["ca"]);
        assert!(printed.starts_with("-----BEGIN CERTIFICATE-----"), "{printed}");
    });
}

#[test]
fn registry_update_changes_what_it_is_told_and_nothing_else() {
    let mut harness = Harness::running();
    let mut turn = true;
    on_and_off(&mut harness, |harness| {
        let update = ["registry", "update", "holdfast", "--anonymous-pull"];
        let switches = harness.json(&[&update[..], &[if turn { "true" } else { "false" }]].concat());
        assert_eq!(switches["anonymousPull"], turn);
        assert_eq!(switches["adminEnabled"], true);
        assert_eq!(switches["acceptSparseManifests"], false);
        assert_eq!(switches["retentionDays"], Value::Null);
        turn = !turn;
    });
    let switches = harness.json(&[
        "registry",
        "update",
        "--retention-days",
        "7",
        "--admin-enabled",
        "false",
    ]);
    assert_eq!(switches["retentionDays"], 7);
    assert_eq!(switches["adminEnabled"], false);
    assert_eq!(
        harness.json(&["registry", "update", "--retention-days", "off"])["retentionDays"],
        Value::Null
    );
    // As in ACR: untagged manifests go with the next collection.
    assert_eq!(
        harness.json(&["registry", "update", "--retention-days", "0"])["retentionDays"],
        0
    );
    for days in ["366", "-1", "never"] {
        let refused = harness.operate(&["registry", "update", &format!("--retention-days={days}")]);
        assert_eq!(refused.status.code(), Some(2), "{days}");
    }
}

#[test]
fn an_unknown_registry_or_folder_is_told() {
    let harness = Harness::empty();
    let output = harness.operate(&["credentials"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("holdfast serve --data-dir"),
        "{}",
        text(&output.stderr)
    );
    assert!(!harness.data().exists());
    let harness = Harness::running();
    let output = harness.operate(&["credentials", "--registry", "nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("\"nobody\""), "{}", text(&output.stderr));
}

#[test]
fn garbage_is_explained_and_collected() {
    let mut harness = Harness::running();
    let basic = harness.basic();
    let layer = large("wanted layer");
    let manifest = harness.push_image(&basic, "app", "v1", &layer);
    let unwanted = harness.push_blob(&basic, "app", &large("unwanted layer"));
    harness.push_blob(&basic, "app", b"an unwanted config");
    on_and_off(&mut harness, |harness| {
        let why = |digest: &str| harness.json(&["gc", "--why", digest]);
        let wanted = why(&harness::digest(&layer));
        assert_eq!(wanted[0]["kind"], "blob");
        assert_eq!(wanted[0]["keptBecause"], format!("manifest {manifest} needs it"));
        assert_eq!(why(&manifest)[0]["keptBecause"], "tag v1 points to it");
        assert_eq!(why(&unwanted)[0]["keptBecause"], Value::Null);
        assert_eq!(why(&harness::digest(b"nothing")), Value::Array(Vec::new()));
        // Within the grace period nothing goes; without one it would.
        assert_eq!(harness.json(&["gc", "--dry-run"])["objects"], 0);
        let report = harness.json(&["gc", "--dry-run", "--grace", "0s"]);
        assert_eq!(report["objects"], 1, "{report}");
        assert_eq!(report["rowBlobs"], 1, "{report}");
        assert_eq!(report["freedBytes"], (16 << 10) + 14 + 18, "{report}");
    });
    assert_eq!(harness.objects().len(), 2);
    let report = harness.json(&["gc", "--grace", "0s"]);
    assert_eq!(report["objects"], 1, "{report}");
    assert_eq!(harness.objects().len(), 1);
    assert!(harness.told(&["check"]).contains("everything is as it should be"));
    assert_eq!(harness.operate(&["gc", "--why", "nonsense"]).status.code(), Some(1));
}

#[test]
fn a_long_path_to_the_data_folder_does_no_harm() {
    let mut harness = Harness::empty();
    let deep = harness.data().join("x".repeat(100)).join("y".repeat(100));
    harness.start(&[
        "--http",
        "127.0.0.1:0",
        "--https",
        "off",
        "--data-dir",
        deep.to_str().unwrap(),
    ]);
    let mut command = harness::holdfast(&["status", "--output", "json", "--data-dir"]);
    let output = command.arg(&deep).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn keys_rotate_under_a_running_server_and_old_tokens_end_with_their_key() {
    let harness = Harness::running();
    let published = |harness: &Harness| {
        let answer = harness.ask("GET", "/common/discovery/v2.0/keys", &[], b"");
        let keys: Value = serde_json::from_str(&answer.body).unwrap();
        let kids = keys["keys"].as_array().unwrap().iter();
        kids.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let basic = harness.basic();
    let issue = || {
        let answer = harness.ask("GET", "/oauth2/token", &[("Authorization", &basic)], b"");
        let tokens: Value = serde_json::from_str(&answer.body).unwrap();
        format!("Bearer {}", tokens["access_token"].as_str().unwrap())
    };
    let opens = |token: &str| harness.ask("GET", "/v2/", &[("Authorization", token)], b"").status;
    let (first, old) = (published(&harness), issue());
    let rotated = harness.json(&["keys", "rotate"]);
    assert_eq!(rotated[1]["kid"], first[0].as_str());
    assert_eq!(published(&harness), [rotated[0]["kid"].as_str().unwrap(), &first[0]]);
    let new = issue();
    assert_eq!((opens(&old), opens(&new)), (200, 200));
    let alone = harness.json(&["keys", "rotate", "--forget-old"]);
    assert_eq!(alone.as_array().unwrap().len(), 1);
    assert_eq!((opens(&old), opens(&new), opens(&issue())), (401, 401, 200));
    assert_eq!(harness.json(&["keys", "list"]), alone);
}

#[test]
fn users_are_made_listed_reset_disabled_and_deleted() {
    let mut harness = Harness::running();
    on_and_off(&mut harness, |harness| {
        let made = harness.json(&["user", "create", "Ann@example.org", "--role", "Reader"]);
        assert_eq!(
            (&made["displayName"], &made["accountEnabled"]),
            (&"Ann".into(), &true.into())
        );
        let first = made["password"].as_str().unwrap();
        assert_eq!(first.len(), 52);
        let listed = harness.json(&["user", "list"]);
        assert_eq!(listed[0]["userPrincipalName"], "Ann@example.org");
        assert_eq!(listed[0].get("password"), None);
        let said = refused(harness, &["user", "create", "ANN@example.org"]);
        assert!(said.contains("there is a user"), "{said}");
        let said = refused(harness, &["user", "create", "nobody"]);
        assert!(said.contains("somebody@example.org"), "{said}");
        let reset = harness.json(&["user", "reset", "ann@EXAMPLE.org"]);
        assert_ne!(reset["password"].as_str().unwrap(), first);
        assert_eq!(
            harness.json(&["user", "disable", "ann@example.org"])["accountEnabled"],
            false
        );
        assert_eq!(
            harness.json(&["user", "enable", "ann@example.org"])["accountEnabled"],
            true
        );
        harness.told(&["user", "delete", "ann@example.org"]);
        assert_eq!(harness.json(&["user", "list"]), Value::Array(vec![]));
    });
}

#[test]
fn principals_are_made_listed_shown_reset_and_deleted() {
    let mut harness = Harness::running();
    on_and_off(&mut harness, |harness| {
        let made = harness.json(&["principal", "create", "ci", "--role", "AcrPull"]);
        let id = made["appId"].as_str().unwrap();
        let listed = harness.json(&["principal", "list"]);
        assert_eq!(
            (listed.as_array().unwrap().len(), &listed[0]["appId"]),
            (1, &made["appId"])
        );
        let reset = harness.json(&["principal", "reset", id]);
        assert_eq!(reset["appId"], made["appId"]);
        assert_ne!(reset["password"], made["password"]);
        let shown = harness.json(&["principal", "show", id]);
        assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);
        assert_eq!(shown["secrets"][0]["hint"], reset["password"].as_str().unwrap()[..3]);
        harness.told(&["principal", "delete", id]);
        assert_eq!(harness.json(&["principal", "list"]), Value::Array(vec![]));
        let said = refused(harness, &["principal", "show", id]);
        assert!(said.contains(id), "{said}");
        let said = refused(harness, &["principal", "show", "ci"]);
        assert!(said.contains("holdfast principal list"), "{said}");
    });
}

/// What a command says that fails.
fn refused(harness: &Harness, args: &[&str]) -> String {
    let output = harness.operate(args);
    assert!(!output.status.success(), "{args:?}");
    text(&output.stderr)
}

#[test]
fn can_says_yes_or_no_and_why() {
    let mut harness = Harness::running();
    let made = harness.json(&["principal", "create", "ci", "--role", "AcrPull"]);
    let app_id = made["appId"].as_str().unwrap().to_owned();
    on_and_off(&mut harness, |harness| {
        let ask = |who: &str, action: &str, what: &str| {
            let output = harness.operate(&["can", who, action, what, "--output", "json"]);
            let printed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            (output.status.code().unwrap(), printed)
        };
        let (status, yes) = ask(&app_id, "pull", "holdfast/team/app:v1");
        assert_eq!((status, &yes["allowed"]), (0, &Value::Bool(true)), "{yes}");
        assert!(
            yes["who"].as_str().unwrap().starts_with("service principal ci"),
            "{yes}"
        );
        assert!(
            yes["because"][0]
                .as_str()
                .unwrap()
                .starts_with("AcrPull at /subscriptions/"),
            "{yes}"
        );
        assert_eq!(yes["notes"][0], "there is no repository team/app yet");
        let (status, no) = ask(&app_id, "push", "holdfast/team/app");
        assert_eq!((status, &no["allowed"]), (1, &Value::Bool(false)), "{no}");
        assert!(
            no["against"][0]
                .as_str()
                .unwrap()
                .ends_with("the role does not allow it"),
            "{no}"
        );
        assert!(no["needed"][0].as_str().unwrap().contains("AcrPush"), "{no}");
        for (who, action, what, status) in [
            (app_id.as_str(), "catalog_read", "holdfast", 0),
            (&app_id, "delete", "holdfast/app", 1),
            (&app_id, "Microsoft.ContainerRegistry/registries/read", "holdfast", 1),
            (
                &app_id,
                "microsoft.containerregistry/registries/pull/read",
                "holdfast",
                0,
            ),
            ("admin", "delete", "holdfast/app", 0),
            ("anonymous", "pull", "holdfast/app", 1),
            ("anonymous", "push", "holdfast/app", 1),
            ("nobody", "pull", "holdfast/app", 2),
            (&app_id, "pull", "nothing/app", 2),
            (&app_id, "pull", "holdfast", 2),
            (&app_id, "pull", "holdfast/-", 2),
            (&app_id, "fly", "holdfast/app", 2),
        ] {
            assert_eq!(ask(who, action, what).0, status, "{who} {action} {what}");
        }
        let told = harness.operate(&["can", "nobody", "pull", "holdfast/app"]);
        assert!(
            text(&told.stderr).contains("nobody here is \"nobody\""),
            "{}",
            text(&told.stderr)
        );
    });
    harness.told(&[
        "registry",
        "update",
        "--anonymous-pull",
        "true",
        "--admin-enabled",
        "false",
    ]);
    let ask = |who: &str| harness.operate(&["can", who, "pull", "holdfast/app"]);
    assert!(text(&ask("anonymous").stdout).contains("because: anonymous pull is on"));
    let admin = ask("admin");
    assert_eq!(admin.status.code(), Some(1));
    assert!(text(&admin.stdout).contains("does not count: the admin account is off"));
}

#[test]
fn a_principal_is_made_with_any_role_at_any_scope() {
    let harness = Harness::running();
    let status = harness.json(&["status"]);
    let registry = format!(
        "/subscriptions/{}/resourceGroups/default/providers/Microsoft.ContainerRegistry/registries/holdfast",
        status["subscriptionId"].as_str().unwrap()
    );
    let create = |role: &str, scope: &str| {
        harness.operate(&[
            "principal",
            "create",
            "p",
            "--role",
            role,
            "--scope",
            scope,
            "--output",
            "json",
        ])
    };
    for role in holdfast_access::Role::BUILT_IN {
        let made = create(role.name, &format!("{registry}/repositories/team/*"));
        assert_eq!(made.status.code(), Some(0), "{}: {}", role.name, text(&made.stderr));
    }
    let made = create("AcrPush", &format!("{registry}/repositories/team/app"));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let can = |what: &str| {
        harness
            .operate(&["can", made["appId"].as_str().unwrap(), "push", what])
            .status
            .code()
    };
    assert_eq!((can("holdfast/team/app"), can("holdfast/team/web")), (Some(0), Some(1)));
    for scope in [
        "registries",
        &registry[..registry.len() - 9],
        &format!("{registry}/repositories/team*"),
    ] {
        let refused = create("AcrPush", scope);
        assert_eq!(refused.status.code(), Some(1), "{scope}");
    }
}
