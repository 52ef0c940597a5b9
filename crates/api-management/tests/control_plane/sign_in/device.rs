//! The device flow.

use super::*;

pub(super) async fn start_device(cloud: &Cloud) -> Value {
    let body = form(&[("client_id", CLI), ("scope", SCOPE)]);
    json(&cloud.send("POST", "/common/oauth2/v2.0/devicecode", None, &body).await)
}

fn poll(device: &Value) -> [(&'static str, &str); 3] {
    [
        ("grant_type", "device_code"),
        ("client_id", CLI),
        ("device_code", device["device_code"].as_str().unwrap()),
    ]
}

#[tokio::test]
async fn a_device_is_signed_in_by_a_person_at_the_page() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let device = start_device(&cloud).await;
    assert_eq!(device["verification_uri"], format!("{BASE}/devicelogin"));
    let user_code = device["user_code"].as_str().unwrap();
    let refused = |answer: &(u16, Value), error: &str| {
        assert_eq!(
            (answer.0, answer.1["error"].as_str()),
            (400, Some(error)),
            "{}",
            answer.1
        );
    };
    refused(&cloud.token(&poll(&device)).await, "authorization_pending");
    refused(&cloud.token(&poll(&device)).await, "slow_down");

    let mut browser = Browser::new(&cloud);
    let first = browser.open("/devicelogin").await;
    let wrong = browser
        .send("/devicelogin", &first, &[("user_code", "BCDFGHJKL")], BASE)
        .await;
    assert!(wrong.text().contains("not right"), "{}", wrong.text());
    let second = browser
        .send("/devicelogin", &first, &[("user_code", user_code)], BASE)
        .await;
    assert!(second.text().contains("the Azure CLI"), "{}", second.text());
    let sign_in = |password| {
        [
            ("user_name", "Ann@example.org"),
            ("password", password),
            ("action", "sign-in"),
        ]
    };
    let again = browser
        .send("/devicelogin", &second, &sign_in("a wrong password"), BASE)
        .await;
    assert!(again.text().contains("AADSTS50126"), "{}", again.text());
    for origin in ["https://evil.example", "null"] {
        let foreign = browser.send("/devicelogin", &again, &sign_in(PASSWORD), origin).await;
        assert!(foreign.text().contains("AADSTS900561"), "{}", foreign.text());
    }
    let mut other = Browser::new(&cloud);
    other.open("/devicelogin").await;
    let foreign = other.send("/devicelogin", &again, &sign_in(PASSWORD), BASE).await;
    assert!(foreign.text().contains("AADSTS900561"), "a form of another browser");
    let done = browser.send("/devicelogin", &again, &sign_in(PASSWORD), BASE).await;
    assert!(done.text().contains("You are signed in"), "{}", done.text());

    let stranger = "1950a258-227b-4e31-a9cf-717495945fc2";
    let theft = [poll(&device)[0], ("client_id", stranger), poll(&device)[2]];
    refused(&cloud.token(&theft).await, "bad_verification_code");
    let (status, tokens) = cloud.token(&poll(&device)).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["scope"], "https://localhost:5443//.default openid profile");
    assert!(tokens["expires_in"].is_number() && tokens["client_info"].is_string());
    let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["preferred_username"], "ann@example.org");
    assert_eq!(cloud.opens(&tokens).await, 200);
    refused(&cloud.token(&poll(&device)).await, "bad_verification_code");
}

#[tokio::test]
async fn a_device_is_denied_or_forgotten() {
    let cloud = Cloud::start().await;
    let mut browser = Browser::new(&cloud);
    let device = start_device(&cloud).await;
    let first = browser.open("/common/oauth2/deviceauth").await;
    let user_code = device["user_code"].as_str().unwrap();
    let second = browser
        .send("/devicelogin", &first, &[("user_code", user_code)], BASE)
        .await;
    let denied = browser.send("/devicelogin", &second, &[("action", "deny")], BASE).await;
    assert!(denied.text().contains("Nobody was signed in"), "{}", denied.text());
    assert_eq!(cloud.token(&poll(&device)).await.1["error"], "access_denied");
    let device = start_device(&cloud).await;
    cloud.registry.advance(Duration::from_secs(15 * 60));
    assert_eq!(cloud.token(&poll(&device)).await.1["error"], "expired_token");
    let unknown = form(&[("client_id", "00000000-0000-0000-0000-000000000001")]);
    let refused = cloud
        .send("POST", "/common/oauth2/v2.0/devicecode", None, &unknown)
        .await;
    assert!(
        json(&refused)["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADSTS700016")
    );
}

#[tokio::test]
async fn a_device_keeps_a_bounded_scope() {
    let cloud = Cloud::start().await;
    for (length, status) in [(2048, 200), (2049, 400)] {
        let body = form(&[("client_id", CLI), ("scope", &"s".repeat(length))]);
        let answer = cloud.send("POST", "/common/oauth2/v2.0/devicecode", None, &body).await;
        assert_eq!(answer.status().as_u16(), status, "{length}");
    }
}
