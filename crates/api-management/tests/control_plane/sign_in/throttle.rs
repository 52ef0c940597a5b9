//! Guessing and crowds.

use super::*;

#[tokio::test]
async fn guessing_passwords_is_throttled() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let wrong = [
        ("user_name", "ann@example.org"),
        ("password", "wrong"),
        ("action", "sign-in"),
    ];
    for _ in 0..10 {
        assert_eq!(
            browser.send(AUTHORIZE, &page, &wrong, BASE).await.response.status(),
            400
        );
    }
    let braked = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    assert_eq!(braked.response.status(), 429, "{}", braked.text());
    cloud.registry.advance(Duration::from_secs(60));
    assert_eq!(
        browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await.response.status(),
        303
    );
}

#[tokio::test]
async fn made_up_names_are_braked_together() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let guess = |name: String| {
        let (cloud, page) = (&cloud, &page);
        let cookie = browser.cookie.clone();
        async move {
            let mut browser = Browser { cloud, cookie };
            let wrong = [
                ("user_name", name.as_str()),
                ("password", "wrong"),
                ("action", "sign-in"),
            ];
            browser
                .send(AUTHORIZE, page, &wrong, BASE)
                .await
                .response
                .status()
                .as_u16()
        }
    };
    let burst = futures_util::future::join_all((0..100).map(|index| guess(format!("nobody{index}")))).await;
    let looked_at = burst.iter().filter(|status| **status == 400).count();
    assert_eq!(looked_at, MAX_PASSWORDS_AT_ONCE as usize, "{burst:?}");
    for index in MAX_PASSWORDS_AT_ONCE..FREE_PASSWORDS {
        assert_eq!(guess(format!("somebody{index}")).await, 400);
    }
    assert_eq!(guess("yet another".to_owned()).await, 429);
    cloud.registry.advance(Duration::from_secs(60));
    assert_eq!(
        browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await.response.status(),
        303
    );
}

#[tokio::test]
async fn a_crowd_is_told_at_once_that_there_is_no_room_to_wait() {
    const MAX_QUEUED: usize = 64;
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let page = browser.open(&authorize("http://localhost:8400", "query")).await;
    let guesses = (1..=6u8).flat_map(|host| (0..MAX_PASSWORDS_AT_ONCE).map(move |index| (host, index)));
    let crowd = futures_util::future::join_all(guesses.map(|(host, index)| {
        let (cloud, page) = (&cloud, &page);
        let cookie = browser.cookie.clone();
        async move {
            cloud.host.store(host, Ordering::Relaxed);
            let name = format!("nobody{index}");
            let wrong = [
                ("user_name", name.as_str()),
                ("password", "wrong"),
                ("action", "sign-in"),
            ];
            let mut browser = Browser { cloud, cookie };
            browser
                .send(AUTHORIZE, page, &wrong, BASE)
                .await
                .response
                .status()
                .as_u16()
        }
    }));
    let crowd = crowd.await;
    let looked_at = crowd.iter().filter(|status| **status == 400).count();
    let turned_away = crowd.iter().filter(|status| **status == 429).count();
    assert_eq!(looked_at + turned_away, crowd.len());
    // A slow machine turns away some of those who wait too, when they have waited too long.
    assert!((1..=MAX_QUEUED).contains(&looked_at), "{looked_at}");
    let right = browser.send(AUTHORIZE, &page, &SIGN_IN, BASE).await;
    assert_eq!(right.response.status(), 303, "it is no failure to be turned away");
}

#[tokio::test]
async fn those_behind_one_address_do_not_lock_each_other_out() {
    let cloud = Cloud::start().await;
    cloud.ann().await;
    let mut browser = Browser::new(&cloud);
    let first = browser.open("/devicelogin").await;
    for _ in 0..30 {
        let stray = [
            ("grant_type", "authorization_code"),
            ("client_id", CLI),
            ("code", "stray"),
            ("redirect_uri", "http://localhost:8400"),
            ("code_verifier", VERIFIER),
        ];
        let (status, refused) = cloud.token(&stray).await;
        assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
        assert!(start_device(&cloud).await["device_code"].is_string());
        let typed = browser
            .send("/devicelogin", &first, &[("user_code", "BCDFGHJKL")], BASE)
            .await;
        assert!(typed.text().contains("That code is not right"), "{}", typed.text());
    }
}
