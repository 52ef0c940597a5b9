//! Microsoft's `acr`: tags and manifests listed, deleted and purged as it does it.

use holdfast_e2e::{Connection, Sandbox, Server, Shared, http, image};
use serde_json::{Value, json};

use crate::program::{Acr, Purge, Purged};

mod program;

static SERVER: Shared<Server> = Shared::new(Server::start);

/// More than a page of `acr`, by less than a page.
const TAGS: usize = 105;
/// Exactly a page.
const FULL_PAGE: usize = 100;
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A repository being filled.
struct Repository {
    name: &'static str,
    connection: Connection,
}

impl Repository {
    fn new(server: &Server, name: &'static str) -> Self {
        let mut connection = server.connect().expect("the server listens");
        let path = format!("/v2/{name}/blobs/uploads/?digest={}", image::digest(b"{}"));
        let pushed = connection.ask("POST", &path, &[], b"{}").expect("it answers");
        assert_eq!(pushed.status, 201);
        Self { name, connection }
    }

    /// One with tags `t000`, `t001`, …, each of a manifest of its own, the last one the newest.
    fn filled(server: &Server, name: &'static str, tags: usize) -> Self {
        let mut repository = Self::new(server, name);
        for number in 0..tags {
            repository.push(&tag(number), image(&number.to_string()));
        }
        repository
    }

    /// Pushes a manifest by a tag, or by its digest where the reference is empty; gives its descriptor.
    fn push(&mut self, tag: &str, manifest: Value) -> Value {
        let media_type = manifest["mediaType"]
            .as_str()
            .expect("a manifest says its type")
            .to_owned();
        let content = manifest.to_string();
        let digest = image::digest(content.as_bytes());
        let reference = if tag.is_empty() { &digest } else { tag };
        let path = format!("/v2/{}/manifests/{reference}", self.name);
        let headers = [("Content-Type", media_type.as_str())];
        let pushed = self.connection.ask("PUT", &path, &headers, content.as_bytes());
        assert_eq!(pushed.expect("it answers").status, 201, "{path}");
        image::descriptor(&media_type, content.as_bytes())
    }

    fn lock(&mut self, tag: &str) {
        let path = format!("/acr/v1/{}/_tags/{tag}", self.name);
        let locked = self.connection.ask("PATCH", &path, &[], br#"{"deleteEnabled":false}"#);
        assert_eq!(locked.expect("it answers").status, 200);
    }
}

fn tag(number: usize) -> String {
    format!("t{number:03}")
}

fn tags(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(tag).collect()
}

fn image(mark: &str) -> Value {
    let config = image::descriptor(EMPTY, b"{}");
    json!({"schemaVersion": 2, "mediaType": image::MANIFEST, "config": config, "layers": [], "annotations": {"mark": mark}})
}

fn digest(descriptor: &Value) -> String {
    descriptor["digest"]
        .as_str()
        .expect("a descriptor has a digest")
        .to_owned()
}

/// The program with the admin account's password.
fn acr(server: &Server) -> Acr {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    Acr::new(server, format!("Basic {}", STANDARD.encode(server.login())))
}

#[test]
fn tags_and_manifests_are_listed_to_the_end_of_the_last_page() {
    let server = SERVER.get();
    for (name, count) in [("acr/beyond", TAGS), ("acr/full", FULL_PAGE), ("acr/one", 1)] {
        Repository::filled(&server, name, count);
        assert_eq!(acr(&server).tag_list(name), Ok(tags(0..count)));
        let manifests = acr(&server).manifest_list(name).expect("they are listed");
        assert!(manifests.is_sorted(), "{manifests:?}");
        assert_eq!(manifests.len(), count);
    }
}

#[test]
fn a_repository_that_is_not_there_is_said_to_be_unknown() {
    let server = SERVER.get();
    let unknown = (404, "NAME_UNKNOWN".to_owned());
    assert_eq!(acr(&server).tag_list("acr/none"), Err(unknown.clone()));
    assert_eq!(acr(&server).manifest_list("acr/none"), Err(unknown));
}

#[test]
fn deleted_tags_leave_their_manifests() {
    let server = SERVER.get();
    let name = "acr/deleted";
    Repository::filled(&server, name, 5);
    let acr = acr(&server);
    assert_eq!(acr.tag_delete(name, &["t001", "t003"]), Ok(()));
    assert_eq!(acr.tag_list(name), Ok(tags([0, 2, 4])));
    let unknown = (404, "TAG_UNKNOWN".to_owned());
    assert_eq!(acr.tag_delete(name, &["t001", "t004"]), Err(unknown));
    assert_eq!(acr.tag_delete(name, &["t000", "t002", "t004"]), Ok(()));
    // Nothing is left to list, and that is no empty array.
    assert_eq!(acr.tag_list(name), Ok(Vec::new()));
    let manifests = acr.manifest_list(name).expect("they are listed");
    assert_eq!(manifests.len(), 5);
    let manifests: Vec<&str> = manifests.iter().map(String::as_str).collect();
    assert_eq!(acr.manifest_delete(name, &manifests[..4]), Ok(()));
    assert_eq!(acr.manifest_list(name), Ok(vec![manifests[4].to_owned()]));
}

#[test]
fn a_purge_of_more_than_a_page_keeps_exactly_the_newest() {
    let server = SERVER.get();
    for (name, keep) in [("acr/purge/three", 3), ("acr/purge/a/page", 100), ("acr/purge/none", 0)] {
        let mut repository = Repository::filled(&server, name, TAGS);
        // Written again, so that the order of time is not the order of names.
        repository.push(&tag(0), image("again"));
        let purge = Purge {
            repository: name,
            keep,
            untagged: false,
            include_locked: false,
        };
        let purged = acr(&server).purge(&purge);
        let deleted = TAGS - keep;
        assert_eq!(
            purged,
            Ok(Purged {
                tags: deleted,
                manifests: 0
            }),
            "{name}"
        );
        let mut kept: Vec<usize> = (deleted + 1..TAGS).collect();
        if keep > 0 {
            kept.insert(0, 0);
        }
        assert_eq!(acr(&server).tag_list(name), Ok(tags(kept)), "{name}");
        let manifests = acr(&server).manifest_list(name).expect("they are listed");
        assert_eq!(manifests.len(), TAGS + 1, "{name}");
    }
}

#[test]
fn a_purge_of_the_untagged_leaves_what_something_needs() {
    let server = SERVER.get();
    let name = "acr/untagged";
    let mut repository = Repository::filled(&server, name, TAGS);
    let child = repository.push("", image("of an index"));
    let index = json!({"schemaVersion": 2, "mediaType": image::INDEX, "manifests": [child]});
    let index = repository.push("index", index);
    let mut referrer = image("about the index");
    referrer["subject"] = index.clone();
    let referrer = repository.push("", referrer);
    let purge = Purge {
        repository: name,
        keep: 2,
        untagged: true,
        include_locked: false,
    };
    let acr = acr(&server);
    // Two tags are kept, `index` and the newest of the others; and of the manifests that lost their tags two more.
    let (tags_gone, manifests_gone) = (TAGS - 1, TAGS - 3);
    let expected = Purged {
        tags: tags_gone,
        manifests: manifests_gone,
    };
    assert_eq!(acr.purge(&purge), Ok(expected));
    assert_eq!(acr.tag_list(name), Ok(vec!["index".to_owned(), tag(TAGS - 1)]));
    let left = acr.manifest_list(name).expect("they are listed");
    for needed in [&child, &index, &referrer] {
        assert!(left.contains(&digest(needed)), "{needed} is gone");
    }
    assert_eq!(left.len(), 3 + 1 + 2);
}

#[test]
fn a_purge_passes_over_what_is_locked_unless_it_is_told_to_unlock_it() {
    let server = SERVER.get();
    let name = "acr/locked";
    let mut repository = Repository::filled(&server, name, 5);
    repository.lock(&tag(1));
    let mut purge = Purge {
        repository: name,
        keep: 1,
        untagged: false,
        include_locked: false,
    };
    let acr = acr(&server);
    assert_eq!(acr.purge(&purge), Ok(Purged { tags: 3, manifests: 0 }));
    assert_eq!(acr.tag_list(name), Ok(tags([1, 4])));
    purge.include_locked = true;
    purge.keep = 0;
    assert_eq!(acr.purge(&purge), Ok(Purged { tags: 2, manifests: 0 }));
    assert_eq!(acr.tag_list(name), Ok(Vec::new()));
}

/// `acr` inside an ACR task has a refresh token, and asks for a token of everything in the registry.
#[test]
fn a_purge_with_a_refresh_token_does_the_same() {
    let server = SERVER.get();
    let name = "acr/refreshed";
    Repository::filled(&server, name, 5);
    let acr = Acr::new(&server, format!("Bearer {}", access_token(&server)));
    let purge = Purge {
        repository: name,
        keep: 1,
        untagged: true,
        include_locked: false,
    };
    assert_eq!(acr.purge(&purge), Ok(Purged { tags: 4, manifests: 3 }));
    assert_eq!(acr.tag_list(name), Ok(tags([4])));
}

/// A principal's token of the directory, exchanged for a refresh token, exchanged for what `acr` asks for.
fn access_token(server: &Server) -> String {
    let sandbox = Sandbox::new();
    let post = |path: &str, form: &[(&str, &str)], wanted: &str| {
        let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut options = vec!["--cacert", server.ca_file()];
        form.iter().for_each(|pair| options.extend(["--data-urlencode", pair]));
        let answer = http::send(&sandbox, &options, &format!("https://{}{path}", server.https()));
        assert_eq!(answer.status, 200, "{path}");
        answer.json()[wanted].as_str().expect("a token").to_owned()
    };
    let create = ["principal", "create", "purger", "--role", "Owner", "--output", "json"];
    let principal: Value = serde_json::from_str(&server.operate(&create)).expect("a principal is printed as JSON");
    let text = |key: &str| principal[key].as_str().expect("a principal has it").to_owned();
    let (host, scope) = (server.https(), format!("https://{}/.default", server.https()));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &text("appId")),
        ("client_secret", &text("password")),
        ("scope", &scope),
    ];
    let token = post(&format!("/{}/oauth2/v2.0/token", text("tenant")), &form, "access_token");
    let form = [
        ("grant_type", "access_token"),
        ("service", &host),
        ("access_token", &token),
    ];
    let token = post("/oauth2/exchange", &form, "refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("service", &host),
        ("scope", "registry:catalog:* repository:*:*"),
        ("refresh_token", &token),
    ];
    post("/oauth2/token", &form, "access_token")
}
