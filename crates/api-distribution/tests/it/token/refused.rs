//! Sign-ins that give no token, and what they are told.

use super::*;

#[tokio::test]
async fn nobody_gets_a_token_unless_everybody_may_pull() {
    let harness = Harness::new().await;
    let target = format!("{TOKEN}?scope=repository:team/app:pull");
    let fields = [
        ("grant_type", "password"),
        ("scope", "repository:team/app:*"),
        ("access_type", "offline"),
    ];
    // A user and a password that are both empty are nobody's (ACR).
    let empty = || harness.ask("GET", &target).basic("", "");
    for ask in [harness.ask("GET", &target), empty(), post(&harness, &fields)] {
        let refused = ask.send().await.expect(401);
        let challenge = format!(
            "Bearer realm=\"http://{0}/oauth2/token\",service=\"{0}\"",
            harness.address
        );
        assert_eq!(refused.header("www-authenticate"), Some(challenge.as_str()));
    }
    harness.update(|registry| registry.anonymous_pull = true).await;
    for ask in [harness.ask("GET", &target), empty(), post(&harness, &fields)] {
        let answer = ask.send().await.expect(200);
        assert_eq!(answer.json()["refresh_token"], Value::Null);
        let claims = claims(&access_token(&answer));
        assert_eq!(claims["sub"], "acr_anon_pull");
        assert_eq!(scope_of(&access_token(&answer)), "repository:*:pull");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 1_200);
    }
    // A bad credential is an error, never nobody.
    harness
        .ask("GET", &target)
        .basic(ADMIN, "wrong")
        .send()
        .await
        .expect(401);
    let wrong = [("grant_type", "password"), ("username", ADMIN), ("password", "")];
    post(&harness, &wrong).send().await.expect(401);
    let wrong = [("grant_type", "refresh_token"), ("refresh_token", "")];
    post(&harness, &wrong).send().await.expect(401);
}

#[tokio::test]
async fn the_service_must_be_this_registry() {
    let harness = Harness::new().await;
    let authority = harness.address.to_string();
    let with_port = format!("{LOGIN_SERVER}:5443");
    // Tokens are good at every name of the registry, so any of them will do.
    let names = [
        LOGIN_SERVER,
        "HOLDFAST.registry.localhost",
        &authority,
        &with_port,
        "localhost",
        "127.0.0.1:1",
    ];
    for service in names {
        let target = format!("{TOKEN}?service={service}");
        harness.admin("GET", &target).send().await.expect(200);
    }
    let grant = [("grant_type", "password"), ("username", ADMIN), ("password", PASSWORD)];
    for service in [OTHER_LOGIN_SERVER, "", "registry.localhost", "evil.example"] {
        let target = format!("{TOKEN}?service={service}");
        let named = format!("{service:?}");
        harness
            .admin("GET", &target)
            .send()
            .await
            .refuses(400, "UNSUPPORTED", &named);
        let fields = [&grant[..], &[("service", service)]].concat();
        post(&harness, &fields).send().await.refuses(400, "UNSUPPORTED", &named);
    }
}

#[tokio::test]
async fn each_registry_signs_in_its_own_admin_only() {
    let harness = Harness::new().await;
    let at_other = harness.ask("GET", TOKEN).host(&harness.other_host());
    at_other.clone().basic(ADMIN, PASSWORD).send().await.expect(401);
    let answer = at_other.basic(OTHER, OTHER_PASSWORD).send().await.expect(200);
    assert_eq!(claims(&access_token(&answer))["aud"], OTHER_LOGIN_SERVER);
    harness
        .ask("GET", TOKEN)
        .basic(OTHER, OTHER_PASSWORD)
        .send()
        .await
        .expect(401);
}

#[tokio::test]
async fn a_token_request_that_cannot_be_read_names_what_is_wrong() {
    let harness = Harness::new().await;
    for (fields, named) in [
        (&[][..], "grant_type \"\""),
        (&[("grant_type", "client_credentials")], "client_credentials"),
        (&[("grant_type", "refresh_token")], "parameter refresh_token"),
        (&[("grant_type", "password"), ("username", ADMIN)], "parameter password"),
    ] {
        post(&harness, fields).send().await.refuses(400, "UNSUPPORTED", named);
    }
    for (form, named) in [
        ("", "application/x-www-form-urlencoded"),
        ("grant_type=access_token", "parameter access_token"),
        ("grant_type=access_token_refresh_token", "parameter access_token"),
        ("grant_type=refresh_token", "parameter refresh_token"),
    ] {
        let answer = harness.ask("POST", "/oauth2/exchange").body(form).send().await;
        answer.refuses(400, "UNSUPPORTED", named);
    }
    let many = vec!["repository:a:pull"; 33];
    get(&harness, &many).send().await.refuses(400, "UNSUPPORTED", "32");
    let long = format!("repository:{}:pull", "a".repeat(1024));
    get(&harness, &[&long]).send().await.refuses(400, "UNSUPPORTED", "1024");
    let huge = harness.ask("POST", TOKEN).body(vec![b'a'; (64 << 10) + 1]);
    huge.send().await.refuses(413, "SIZE_INVALID", "65536");
    let huge = harness.ask("POST", TOKEN).chunked(vec![b'a'; (64 << 10) + 1]);
    huge.send().await.refuses(413, "SIZE_INVALID", "65536");
    // Not a form at all is a form without fields.
    let json = harness.ask("POST", TOKEN).body(r#"{"grant_type":"password"}"#);
    let refused = json.send().await;
    assert!(
        refused.text().contains("application/x-www-form-urlencoded"),
        "{refused:?}"
    );
    refused.refuses(400, "UNSUPPORTED", "grant_type");
    for method in ["PUT", "DELETE", "HEAD", "PATCH"] {
        let answer = harness.admin(method, TOKEN).send().await.expect(405);
        assert_eq!(answer.header("allow"), Some("GET, POST"));
    }
    harness.admin("GET", "/oauth2/other").send().await.expect(404);
}

#[tokio::test]
async fn a_wrong_password_is_unauthorized_not_a_bad_request() {
    let harness = Harness::new().await;
    for fields in [
        &[("grant_type", "password"), ("username", ADMIN), ("password", "wrong")][..],
        &[("grant_type", "password"), ("username", ""), ("password", PASSWORD)],
        &[("grant_type", "password"), ("username", "a\0b"), ("password", "c")],
        &[
            ("grant_type", "password"),
            ("username", NULL_GUID),
            ("password", PASSWORD),
        ],
        &[("grant_type", "refresh_token"), ("refresh_token", PASSWORD)],
    ] {
        let refused = post(&harness, fields)
            .peer(&Harness::stranger())
            .send()
            .await
            .expect(401);
        assert_eq!(refused.code(), "UNAUTHORIZED");
        assert_eq!(refused.json()["access_token"], Value::Null);
    }
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let harness = Harness::new().await;
    let mut answers = Vec::new();
    for (user, password) in [
        (ADMIN, "wrong"),
        ("stranger", "wrong"),
        ("stranger", PASSWORD),
        (OTHER, OTHER_PASSWORD),
    ] {
        let ask = harness
            .ask("GET", TOKEN)
            .basic(user, password)
            .peer(&Harness::stranger());
        let mut answer = ask.send().await.expect(401);
        answer.headers.retain(|(name, _)| name != "date");
        answers.push((answer.headers, answer.body));
    }
    harness.update(|registry| registry.admin_enabled = false).await;
    let mut closed = harness.admin("GET", TOKEN).send().await.expect(401);
    closed.headers.retain(|(name, _)| name != "date");
    answers.push((closed.headers, closed.body));
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
}

#[tokio::test]
async fn a_token_that_would_be_too_long_is_a_bad_request_not_a_failure() {
    let harness = Harness::new().await;
    let actions = "pull,push,delete,metadata_read,metadata_write";
    let name = |index: usize| format!("{}/{index:02}", "a".repeat(252));
    let scopes: Vec<String> = (0..32)
        .map(|index| format!("repository:{}:{actions}", name(index)))
        .collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let longest = get(&harness, &scopes).send().await.expect(200);
    let token = access_token(&longest);
    let target = format!("/v2/{}/tags/list", name(31));
    let used = harness.ask("GET", &target).bearer(&token).send().await;
    used.refuses(404, "NAME_UNKNOWN", "aaa");
    // A login server with a long domain leaves less room.
    let host = format!("othershop.{}registry.localhost", "domain.".repeat(40));
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(scopes.iter().map(|scope| ("scope", *scope)));
    let ask = harness.ask("GET", &format!("{TOKEN}?{}", query.finish())).host(&host);
    let answer = ask.basic(OTHER, OTHER_PASSWORD).send().await;
    answer.refuses(400, "UNSUPPORTED", "fewer");
}

#[tokio::test]
async fn guessing_is_slowed_down_and_nobody_else_feels_it() {
    let harness = Harness::new().await;
    let here = Harness::stranger();
    let wrong = |user: &str| harness.ask("GET", TOKEN).basic(user, "wrong").peer(&here);
    for _ in 0..FREE_FAILURES + 3 {
        let answer = wrong(ADMIN).send().await;
        assert!(matches!(answer.status, 401 | 429), "{answer:?}");
    }
    let form = [
        ("grant_type", "password"),
        ("username", "HOLDFAST"),
        ("password", "wrong"),
    ];
    for ask in [
        wrong(ADMIN),
        // Not the right password either, or the brake would tell who guessed right.
        harness.admin("GET", "/v2/").peer(&here),
        post(&harness, &form).peer(&here),
        harness.admin("PUT", "/v2/a/manifests/b").body("{}").peer(&here),
    ] {
        let answer = ask.send().await.expect(429);
        assert_eq!(answer.code(), "TOOMANYREQUESTS");
        let wait: i64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(answer.text().matches("too many").count(), 1, "{}", answer.text());
    }
    harness
        .admin("GET", "/v2/")
        .peer(&Harness::stranger())
        .send()
        .await
        .expect(200);
    wrong("somebody").send().await.expect(401);
    let token = harness.token("").await;
    harness
        .ask("GET", "/v2/")
        .bearer(&token)
        .peer(&here)
        .send()
        .await
        .expect(200);
}
