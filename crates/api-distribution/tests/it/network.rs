//! The network rules of a registry before every other answer, and tokens for ARM where they are not wanted.

use std::time::Duration;

use holdfast_access::{ControlCaller, NetworkAction, NetworkRules, RoleId, decide_control};
use holdfast_arm::ResourceId;
use holdfast_directory::{NewPrincipal, NewSecret};
use holdfast_identity::directory::DirectoryGrant;

use crate::{
    caller::SAMPLES,
    harness::{ADMIN, Harness, PASSWORD, sha256},
};

const INSIDE: &str = "192.0.2.7";
const OUTSIDE: &str = "198.51.100.1";

async fn deny_but(harness: &Harness, rules: &[&str]) {
    let ip_rules: Vec<_> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    harness
        .update(move |registry| {
            registry.anonymous_pull = true;
            registry.network = NetworkRules {
                public_access: true,
                default_action: NetworkAction::Deny,
                ip_rules: ip_rules.clone(),
            };
        })
        .await;
}

#[tokio::test]
async fn a_client_outside_of_the_rules_gets_the_same_answer_everywhere() {
    let harness = Harness::new().await;
    deny_but(&harness, &["192.0.2.0/24", "2001:db8::/32"]).await;
    let digest = sha256("any");
    let targets = SAMPLES.iter().map(|sample| (sample.method, sample.target));
    for (method, target) in targets.chain([("GET", "/v2/nothing/here"), ("POST", "/v2/A/tags/list")]) {
        let target = target
            .replace("{R}", "team/app")
            .replace("{T}", "v1")
            .replace("{U}", "00000000-0000-4000-8000-000000000000");
        let target = ["{M}", "{L}", "{B}", "{N}"]
            .iter()
            .fold(target, |target, name| target.replace(name, &digest));
        let good = harness.ask(method, &target).basic(ADMIN, PASSWORD).peer(OUTSIDE);
        let bad = harness.ask(method, &target).basic(ADMIN, "wrong").peer(OUTSIDE);
        let nobody = harness.ask(method, &target).peer(OUTSIDE);
        for ask in [good, bad, nobody] {
            let answer = ask.send().await.expect(403);
            assert!(answer.header("www-authenticate").is_none(), "{method} {target}");
            if method != "HEAD" {
                let error = answer.json()["errors"][0].clone();
                assert_eq!(error["code"], "DENIED");
                let told = format!(
                    "client with IP '{OUTSIDE}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
                );
                assert_eq!(error["message"], told);
            }
        }
    }
    assert_eq!(harness.remains().await.objects(), 0, "nothing was begun");
}

#[tokio::test]
async fn the_rules_of_now_count_for_every_form_of_an_address() {
    let harness = Harness::new().await;
    deny_but(&harness, &["192.0.2.0/24", "2001:db8::/32"]).await;
    let ask = |peer: &str| harness.admin("GET", "/v2/_catalog").peer(peer);
    for peer in [INSIDE, "::ffff:192.0.2.9", "2001:db8:1::2"] {
        ask(peer).send().await.expect(200);
    }
    // What was issued inside does not open the door outside.
    let token = harness.token("registry:catalog:*").await;
    let with_token = |peer: &str| harness.ask("GET", "/v2/_catalog").bearer(&token).peer(peer);
    with_token(INSIDE).send().await.expect(200);
    for peer in [OUTSIDE, "127.0.0.1", "::1", "2001:db9::1"] {
        with_token(peer).send().await.expect(403);
    }
    deny_but(&harness, &[OUTSIDE]).await;
    ask(INSIDE).send().await.expect(403);
    ask(OUTSIDE).send().await.expect(200);
    harness.update(|registry| registry.network.public_access = false).await;
    ask(OUTSIDE).send().await.expect(403);
    harness
        .update(|registry| registry.network = NetworkRules::default())
        .await;
    ask(INSIDE).send().await.expect(200);
    // The rules of one registry are not those of another.
    deny_but(&harness, &[]).await;
    harness
        .ask("GET", "/v2/")
        .host(&harness.other_host())
        .peer(OUTSIDE)
        .send()
        .await
        .expect(401);
}

#[tokio::test]
async fn a_token_for_arm_is_exchanged_only_where_the_policy_allows_it() {
    let harness = Harness::new().await;
    let operator = ControlCaller::operator();
    let principal = harness
        .operator
        .directory()
        .create_principal(
            &decide_control(&operator, &ResourceId::root()).unwrap(),
            &decide_control(&operator, &harness.record(ADMIN).await.scope().parse().unwrap()).unwrap(),
            NewPrincipal {
                display_name: "somebody".to_owned(),
                secret: NewSecret {
                    display_name: None,
                    hint: "a s".to_owned(),
                    verifier: harness.sealer.verifier("a secret"),
                    starts_at: harness.operator.now(),
                    expires_at: harness.operator.now().plus(Duration::from_secs(3600)),
                },
                role: RoleId::ACR_PULL,
            },
        )
        .await
        .unwrap();
    let exchange = |audience: &str| {
        let grant = DirectoryGrant {
            audience: audience.to_owned(),
            issuer: "https://localhost:5443/t/v2.0".to_owned(),
            app_id: principal.app_id,
            object_id: principal.id,
            generation: principal.generation,
            source_ends_at: None,
        };
        let token = harness.directory.issue(grant, harness.now()).unwrap();
        let form = format!("grant_type=access_token&access_token={token}");
        harness.ask("POST", "/oauth2/exchange").body(form)
    };
    let (arm, registries) = ("https://localhost:5443/", "https://containerregistry.azure.net");
    for audience in [arm, "https://management.azure.com", registries] {
        exchange(audience).send().await.expect(200);
    }
    for audience in ["https://vault.azure.net", "https://graph.microsoft.com"] {
        exchange(audience).send().await.expect(401);
    }
    harness.update(|registry| registry.accept_arm_tokens = false).await;
    exchange(registries).send().await.expect(200);
    let refused = exchange(arm).send().await.expect(401);
    let message = refused.json()["errors"][0]["message"].clone();
    assert!(message.as_str().unwrap().contains("not tokens for ARM"), "{message}");
}
