//! What paths mean, in which spellings, and what names nothing.

use super::*;

fn get(target: &str) -> Result<Route, Error> {
    Route::parse(&Method::GET, target)
}

fn content(route: ContentRoute) -> Route {
    Route::Content(route)
}

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn what_acr_has_and_this_server_does_not_says_so() {
    for (rest, feature) in [
        ("_deleted/_catalog", "soft delete"),
        ("_deleted/a/b/_tags", "soft delete"),
        ("a/b/_streaming", "artifact streaming"),
        (&format!("a/_streaming/{DIGEST}"), "artifact streaming"),
        ("a/_operations/1", "artifact streaming"),
        ("a/_operations/1:cancel", "artifact streaming"),
    ] {
        for method in [Method::GET, Method::POST] {
            let parsed = Route::parse(&method, &format!("/acr/v1/{rest}"));
            assert!(
                matches!(parsed, Err(Error::Unserved { feature: found }) if found == feature),
                "{rest}"
            );
        }
    }
}

#[test]
fn a_name_may_hold_every_word_of_the_api() {
    for repository in [
        "a",
        "a/b/c",
        "tags/list",
        "manifests",
        "a/manifests/b",
        "blobs/uploads",
        "v2/acr/v1",
    ] {
        let route = get(&format!("/v2/{repository}/manifests/latest")).unwrap();
        assert_eq!(
            route,
            content(ContentRoute::ManifestGet(name(repository), reference("latest"))),
            "{repository}"
        );
        let route = get(&format!("/v2/{repository}/blobs/{DIGEST}")).unwrap();
        assert_eq!(
            route,
            content(ContentRoute::BlobGet(name(repository), DIGEST.parse().unwrap())),
            "{repository}"
        );
    }
}

#[test]
fn both_spellings_of_a_slash_and_a_colon_are_one_route() {
    let encoded = DIGEST.replace(':', "%3A");
    assert_eq!(
        get(&format!("/v2/team%2Fapp/manifests/{encoded}")).unwrap(),
        get(&format!("/v2/team/app/manifests/{DIGEST}")).unwrap()
    );
    assert_eq!(
        get("/acr/v1/team%2fapp/_tags/v1").unwrap(),
        get("/acr/v1/team/app/_tags/v1").unwrap()
    );
}

#[test]
fn no_other_encoding_is_accepted() {
    for target in [
        "/v2/privat%65/manifests/a",
        "/v2/%2e%2e/manifests/a",
        "/v2/a%252Fb/manifests/a",
        "/v2/a%00/manifests/a",
        "/v2/a%5Cb/manifests/a",
        "/v2/a%2/manifests/a",
        "/v2/a%/manifests/a",
        "/v2/a%é/manifests/a",
        "/v2/a\\b/manifests/a",
    ] {
        assert!(matches!(get(target), Err(Error::Encoding { .. })), "{target}");
    }
}

#[test]
fn names_out_of_grammar_are_refused() {
    let long = "a".repeat(256);
    for bad in [
        "..",
        "a/../b",
        "a//b",
        "A",
        "-a",
        "a-",
        "a__-b",
        ".a",
        "_a",
        long.as_str(),
        "%2F%2Fa",
        "a%2F",
    ] {
        let target = format!("/v2/{bad}/manifests/latest");
        assert!(matches!(get(&target), Err(Error::Name(_))), "{bad}");
    }
}

#[test]
fn a_missing_name_is_no_route() {
    for target in [
        "/v2/manifests/latest",
        "/v2/tags/list",
        "/v2/blobs/uploads/",
        "/v2x",
        "/v2/_oci/ext/discover",
    ] {
        assert!(matches!(get(target), Err(Error::NotFound)), "{target}");
    }
}

#[test]
fn uploads_are_told_from_blobs() {
    let id = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    let parse = |method: Method, target: String| Route::parse(&method, &target);
    for start in ["/v2/a/blobs/uploads/", "/v2/a/blobs/uploads"] {
        assert_eq!(
            parse(Method::POST, start.to_owned()).unwrap(),
            content(ContentRoute::UploadStart(name("a"), UploadStart::Session(None)))
        );
    }
    let finish = parse(Method::PUT, format!("/v2/a/blobs/uploads/{id}?digest={DIGEST}")).unwrap();
    assert_eq!(
        finish,
        content(ContentRoute::UploadFinish(
            name("a"),
            UploadId(id.parse().unwrap()),
            DIGEST.parse().unwrap()
        ))
    );
    assert!(matches!(
        parse(Method::PUT, format!("/v2/a/blobs/uploads/{id}")),
        Err(Error::DigestMissing)
    ));
    assert!(matches!(
        parse(Method::PATCH, "/v2/a/blobs/uploads/x".to_owned()),
        Err(Error::UploadId { .. })
    ));
}

#[test]
fn an_unknown_method_names_the_known_ones() {
    let Err(Error::Method { allow, .. }) = Route::parse(&Method::PUT, "/v2/_catalog") else {
        panic!("PUT of a catalog is no route")
    };
    assert_eq!(allow, "GET, HEAD");
}

#[test]
fn page_numbers_are_clamped_or_refused() {
    let limit = |query: &str| match get(&format!("/v2/_catalog?{query}")) {
        Ok(Route::Content(ContentRoute::CatalogList(page))) => Some(page.limit),
        _ => None,
    };
    assert_eq!(limit(""), Some(page::V2_DEFAULT));
    assert_eq!(limit("n=0"), Some(0));
    assert_eq!(limit("n=7"), Some(7));
    assert_eq!(limit("n=99999999999999999999999"), Some(page::MAX_PAGE));
    assert_eq!(limit("n="), Some(page::V2_DEFAULT));
    for bad in ["n=-1", "n=x", "n=1.5", "n=+1"] {
        assert_eq!(limit(bad), None, "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn no_target_panics(target in ".{0,200}") {
        for method in [Method::GET, Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
            _ = Route::parse(&method, &target);
        }
    }

    #[test]
    fn a_parsed_name_is_the_name_in_the_path(repository in "[a-z0-9]{1,5}(/[a-z0-9]{1,5}){0,3}", tag in "[A-Za-z0-9_]{1,8}") {
        let route = get(&format!("/v2/{repository}/manifests/{tag}")).unwrap();
        proptest::prop_assert_eq!(route.repository().unwrap().as_str(), repository);
    }
}
