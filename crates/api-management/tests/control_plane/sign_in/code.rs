//! The authorization code flow, and the pages it shows.

use super::*;

#[tokio::test]
async fn a_code_is_redeemed_once_by_who_asked_for_it() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let here = "http://localhost:8400";
    let good = code(&cloud).await;
    let (status, tokens) = cloud.token(&redeem(&good, VERIFIER, here)).await;
    assert_eq!((status, cloud.opens(&tokens).await), (200, 200), "{tokens}");
    let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(
        (claims["nonce"].as_str(), claims["aud"].as_str()),
        (Some("n1"), Some(CLI))
    );
    assert_eq!(cloud.token(&redeem(&good, VERIFIER, here)).await.0, 400, "used");
    let other = VERIFIER.replace('d', "e");
    for (verifier, redirect) in [(other.as_str(), here), (VERIFIER, "http://localhost:8401"), ("", here)] {
        let stolen = code(&cloud).await;
        let refused = cloud.token(&redeem(&stolen, verifier, redirect)).await;
        assert_eq!((refused.0, refused.1["error"].as_str()), (400, Some("invalid_grant")));
        assert_eq!(
            cloud.token(&redeem(&stolen, VERIFIER, here)).await.0,
            400,
            "a failed try ends it"
        );
    }
    let late = code(&cloud).await;
    cloud.registry.advance(Duration::from_secs(5 * 60));
    assert_eq!(cloud.token(&redeem(&late, VERIFIER, here)).await.0, 400);
}

#[tokio::test]
async fn a_code_is_posted_to_the_program_without_a_script_if_need_be() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "form_post")).await;
    let sent = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    let text = sent.text();
    assert!(
        text.contains("action=\"http://localhost:8400\"") && text.contains("<button>Continue"),
        "{text}"
    );
    let values: HashMap<_, _> = sent.fields.into_iter().collect();
    assert_eq!(values["state"], "s&'1");
    let tokens = cloud
        .token(&redeem(&values["code"], VERIFIER, "http://localhost:8400"))
        .await;
    assert_eq!(tokens.0, 200);
    let denied = browser.send(AUTHORIZE, &page, &[("action", "deny")], BASE).await;
    assert!(denied.text().contains("access_denied"));
}

#[tokio::test]
async fn the_page_sends_nobody_elsewhere() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    for (redirect, number) in [
        ("https://evil.example", "AADSTS50011"),
        ("http://localhost@evil.example", "AADSTS50011"),
        ("http://localhost:1/\\evil.example", "AADSTS50011"),
    ] {
        let page = browser.open(&authorize(redirect, "query")).await;
        assert!(
            page.text().contains(number) && !page.text().contains("evil"),
            "{}",
            page.text()
        );
        assert!(!page.response.headers().contains_key(header::LOCATION));
    }
    // What the page carried along is checked again when it comes back.
    let mut page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let redirect = page.fields.iter_mut().find(|(name, _)| name == "redirect_uri").unwrap();
    redirect.1 = "https://evil.example".to_owned();
    let sent = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    assert!(sent.text().contains("AADSTS50011"));
    for (from, to, number) in [
        ("S256", "plain", "AADSTS50148"),
        ("response_type=code", "response_type=token", "AADSTS70005"),
        ("response_mode=query", "response_mode=fragment", "AADSTS70005"),
        (CLI, "00000000-0000-0000-0000-000000000001", "AADSTS700016"),
    ] {
        let page = browser
            .open(&authorize("http://localhost", "query").replace(from, to))
            .await;
        assert!(page.text().contains(number), "{}", page.text());
    }
}

#[tokio::test]
async fn what_the_page_carries_along_is_whole_or_refused() {
    let cloud = Cloud::start().await;
    for parameter in ["scope", "state", "nonce", "login_hint"] {
        for (length, status) in [(2048, 200), (2049, 400)] {
            let value = "v".repeat(length);
            let path = format!("{}&{parameter}={value}", authorize("http://localhost:8400/", "query"));
            let page = cloud.send("GET", &path, None, "").await;
            let text = str::from_utf8(page.body()).unwrap();
            assert_eq!(page.status(), status, "{parameter}: {text}");
            let told = format!("parameter &#39;{parameter}&#39; is longer than 2048 bytes");
            let told = if status == 200 { value } else { told };
            assert!(text.contains(&told), "{parameter} of {length}: {text}");
        }
    }
}
