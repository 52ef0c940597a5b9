//! Applications and people of the directory at a registry: by secret, and by what the directory gave them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_access::{ControlCaller, ControlGrant, RoleId, control, decide_control};
use holdfast_arm::ResourceId;
use holdfast_directory::{NewPerson, NewPrincipal, NewSecret};
use holdfast_identity::directory::{DirectoryGrant, SignedIn};
use holdfast_identity::refresh::RefreshToken;
use holdfast_model::{PersonRecord, PrincipalRecord, Timestamp};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::harness::{ADMIN, Harness};
use crate::named_token::Owner;
use crate::wire::Ask;

pub(crate) const SECRET: &str = "a secret of an application";
const AUDIENCE: &str = "https://containerregistry.azure.net";

fn everywhere() -> ControlGrant<control::PrincipalsWrite> {
    decide_control(&ControlCaller::operator(), &ResourceId::root()).unwrap()
}

async fn application(harness: &Harness, role: RoleId) -> PrincipalRecord {
    application_until(harness, role, 3600).await
}

/// The id of an application that may push; its secret is [`SECRET`].
pub(crate) async fn pusher(harness: &Harness) -> Uuid {
    application(harness, RoleId::ACR_PUSH).await.app_id
}

/// An application whose secret is good for so many seconds.
async fn application_until(harness: &Harness, role: RoleId, secs: u64) -> PrincipalRecord {
    let new = NewPrincipal {
        display_name: "an application".to_owned(),
        secret: NewSecret {
            display_name: None,
            hint: "a s".to_owned(),
            verifier: harness.sealer.verifier(SECRET),
            starts_at: harness.operator.now(),
            expires_at: harness.operator.now().plus(Duration::from_secs(secs)),
        },
        role,
    };
    let scope = harness.record(ADMIN).await.scope();
    let assign = decide_control(&ControlCaller::operator(), &scope.parse().unwrap()).unwrap();
    harness
        .operator
        .directory()
        .create_principal(&everywhere(), &assign, new)
        .await
        .unwrap()
}

async fn person(harness: &Harness, role: RoleId) -> PersonRecord {
    let new = NewPerson {
        user_name: "ann@example.org".parse().unwrap(),
        display_name: "Ann".to_owned(),
        verifier: "not asked for here".to_owned(),
    };
    let scope = harness.record(ADMIN).await.scope();
    let assign = decide_control(&ControlCaller::operator(), &scope.parse().unwrap()).unwrap();
    harness
        .operator
        .directory()
        .create_person(&everywhere(), Some((role, assign)), new)
        .await
        .unwrap()
}

fn exchange(harness: &Harness, form: &str) -> Ask {
    harness.ask("POST", "/oauth2/exchange").body(form.to_owned())
}

/// Whether a refresh token of the registry gets one that may push.
async fn may_push(harness: &Harness, refresh_token: &str) -> bool {
    let form = format!("grant_type=refresh_token&scope=repository:team/app:push&refresh_token={refresh_token}");
    let issued = harness
        .ask("POST", "/oauth2/token")
        .body(form)
        .send()
        .await
        .expect(200)
        .json();
    let bearer = format!("Bearer {}", issued["access_token"].as_str().unwrap());
    let start = harness
        .ask("POST", "/v2/team/app/blobs/uploads/")
        .header("Authorization", &bearer);
    start.send().await.status == 202
}

#[tokio::test]
async fn an_application_signs_in_with_its_id_and_secret_and_has_its_role() {
    let harness = Harness::new().await;
    let reader = application(&harness, RoleId::ACR_PULL).await.app_id.to_string();
    let writer = application(&harness, RoleId::ACR_PUSH).await.app_id.to_string();
    for (user, expected) in [(&reader, 401), (&writer, 202)] {
        harness.ask("GET", "/v2/").basic(user, SECRET).send().await.expect(200);
        let start = harness.ask("POST", "/v2/team/app/blobs/uploads/").basic(user, SECRET);
        start.send().await.expect(expected);
    }
    for (user, secret) in [
        (reader.as_str(), "wrong"),
        ("00000000-0000-4000-8000-000000000001", SECRET),
    ] {
        let refused = harness
            .ask("GET", "/v2/")
            .basic(user, secret)
            .peer(&Harness::stranger());
        refused.send().await.expect(401);
    }
}

#[tokio::test]
async fn tokens_of_applications_and_people_are_exchanged_until_they_are_void() {
    let harness = Harness::new().await;
    let (app, ann) = (
        application(&harness, RoleId::ACR_PULL).await,
        person(&harness, RoleId::ACR_PUSH).await,
    );
    let issuer = "https://localhost:5443/t/v2.0".to_owned();
    let grant = DirectoryGrant {
        audience: AUDIENCE.to_owned(),
        issuer: issuer.clone(),
        app_id: app.app_id,
        object_id: app.id,
        generation: app.generation,
        source_ends_at: None,
    };
    let client_id = Uuid::from_u128(4);
    let who = SignedIn {
        issuer,
        client_id,
        object_id: ann.principal.id,
        user_name: ann.user_name.to_string(),
        display_name: "Ann".to_owned(),
        generation: ann.principal.generation,
        source_ends_at: None,
    };
    let refresh = |expires_at| {
        let token = RefreshToken {
            object_id: ann.principal.id,
            client_id,
            generation: ann.principal.generation,
            expires_at,
        };
        token.seal(&harness.sealer).expose_secret().to_owned()
    };
    let of_app = harness.directory.issue(grant, harness.now()).unwrap();
    let of_ann = harness
        .directory
        .issue_signed_in(&who, AUDIENCE, harness.now())
        .unwrap();
    let kept = refresh(harness.now() + 60);
    let by_app = format!("grant_type=access_token&service={ADMIN}.registry.localhost&access_token={of_app}");
    let by_ann = [
        format!("grant_type=access_token&tenant=t&access_token={of_ann}"),
        format!("grant_type=access_token_refresh_token&access_token={of_ann}&refresh_token={kept}"),
        format!("grant_type=refresh_token&refresh_token={kept}"),
    ];
    for (form, pushes) in [
        (&by_app, false),
        (&by_ann[0], true),
        (&by_ann[1], true),
        (&by_ann[2], true),
    ] {
        let exchanged = exchange(&harness, form).send().await.expect(200).json();
        let refresh_token = exchanged["refresh_token"].as_str().unwrap();
        assert_eq!(may_push(&harness, refresh_token).await, pushes, "{form}");
    }
    let id = harness.directory.issue_id(&who, None, harness.now()).unwrap();
    for bad in [
        format!("grant_type=refresh_token&refresh_token={}", refresh(harness.now())),
        format!("grant_type=refresh_token&refresh_token={of_ann}"),
        format!("grant_type=access_token&access_token={kept}"),
        format!("grant_type=access_token&access_token={id}"),
    ] {
        exchange(&harness, &bad).send().await.expect(401);
    }
    exchange(&harness, "grant_type=password").send().await.expect(400);
    harness
        .operator
        .directory()
        .enable_person(&everywhere(), ann.user_name.clone(), false)
        .await
        .unwrap();
    for form in &by_ann {
        exchange(&harness, form).send().await.expect(401);
    }
    exchange(&harness, &by_app).send().await.expect(200);
}

/// When a token says that it ends.
fn end_of(token: &str) -> i64 {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["exp"].as_i64().unwrap()
}

/// A token that lives for some minutes only, by its text and its end.
fn short_directory_token(harness: &Harness, app: &PrincipalRecord, end: i64) -> String {
    let grant = DirectoryGrant {
        audience: AUDIENCE.to_owned(),
        issuer: "https://localhost:5443/t/v2.0".to_owned(),
        app_id: app.app_id,
        object_id: app.id,
        generation: app.generation,
        source_ends_at: Some(end),
    };
    harness.directory.issue(grant, harness.now()).unwrap()
}

/// What `/oauth2/token` gives for a form, also when it gives no refresh token.
async fn issue(harness: &Harness, form: &str) -> (String, Option<String>) {
    let asked = harness.ask("POST", "/oauth2/token").body(form.to_owned());
    let issued = asked.send().await.expect(200).json();
    let text = |name: &str| issued[name].as_str().map(str::to_owned);
    (text("access_token").unwrap(), text("refresh_token"))
}

#[tokio::test]
async fn no_token_outlives_what_it_came_from_however_often_it_is_renewed() {
    let harness = Harness::new().await;
    let app = application_until(&harness, RoleId::ACR_PUSH, 900).await;
    let ann = person(&harness, RoleId::ACR_PUSH).await;
    let end = harness.now() + 600;
    let kept = RefreshToken {
        object_id: ann.principal.id,
        client_id: Uuid::from_u128(4),
        generation: ann.principal.generation,
        expires_at: end,
    };
    let kept = kept.seal(&harness.sealer).expose_secret().to_owned();
    let of_directory = short_directory_token(&harness, &app, end);
    let by_password = format!(
        "grant_type=password&access_type=offline&username={}&password={SECRET}",
        app.app_id
    );
    let mut first = Vec::new();
    for form in [
        format!("grant_type=access_token&access_token={of_directory}"),
        format!("grant_type=refresh_token&refresh_token={kept}"),
    ] {
        let exchanged = exchange(&harness, &form).send().await.expect(200).json();
        first.push((exchanged["refresh_token"].as_str().unwrap().to_owned(), end));
    }
    let secret_end = harness.now() + 900;
    let (access, refresh) = issue(&harness, &by_password).await;
    assert!(end_of(&access) <= secret_end, "an access token ends with the secret");
    first.push((refresh.unwrap(), secret_end));
    let owner = Owner::of(&harness, ADMIN).await;
    owner.put_map("map", &["repositories/app/content/read"]).await;
    owner.put_token("build", "map").await;
    let password_end = harness.now() + 300;
    let expires_at = Timestamp(password_end * 1_000_000);
    owner
        .set_password("build", 1, "the-password-of-build", Some(expires_at))
        .await;
    let by_password =
        "grant_type=password&access_type=offline&username=build&password=the-password-of-build".to_owned();
    let (access, refresh) = issue(&harness, &by_password).await;
    assert!(
        end_of(&access) <= password_end,
        "an access token ends with the token's password"
    );
    first.push((refresh.unwrap(), password_end));
    let admin = harness.refresh_token().await;
    let admin_end = end_of(&admin);
    first.push((admin, admin_end));
    for (token, end) in first {
        let mut token = token;
        assert!(end_of(&token) <= end);
        for _ in 0..3 {
            let form = format!("grant_type=refresh_token&access_type=offline&refresh_token={token}");
            let (access, renewed) = issue(&harness, &form).await;
            token = renewed.unwrap();
            assert!(end_of(&access) <= end && end_of(&token) <= end);
        }
    }
}
