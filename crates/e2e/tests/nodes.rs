//! Several nodes of one service, over one PostgreSQL and one object store: whatever one does, each of the others knows.

use std::thread;
use std::time::{Duration, Instant};

use holdfast_e2e::http::Response;
use holdfast_e2e::{Connection, Data, Sandbox, Server, image};
use holdfast_testkit::object_server::ObjectServer;
use holdfast_testkit::postgres;
use rustix::process::Signal;
use serde_json::Value;

/// More than leases, keys and silent nodes need to run out.
const PATIENCE: Duration = Duration::from_secs(180);

/// What nodes share.
struct Service {
    store: ObjectServer,
    bucket: String,
    database: String,
    // Holds the master key.
    folder: Sandbox,
}

impl Service {
    fn new() -> Self {
        let (store, cluster) = (ObjectServer::s3(), postgres::shared());
        let bucket = store.url(&store.make_bucket(), None);
        Self {
            store,
            bucket,
            database: cluster.url(&cluster.database()),
            folder: Sandbox::new(),
        }
    }

    /// One more node.
    fn node(&self, flags: &[&str]) -> Server {
        let master_key = self.folder.path("master.key");
        let mut variables = self.store.variables();
        variables.extend([
            ("HOLDFAST_DATABASE", self.database.as_str()),
            ("HOLDFAST_MASTER_KEY", &master_key),
            ("HOLDFAST_STORAGE", &self.bucket),
        ]);
        Server::open(Data::new().with_variables(&variables), flags)
    }

    fn two(&self) -> [Server; 2] {
        [self.node(&[]), self.node(&[])]
    }
}

fn ask(
    node: &Server,
    login: Option<&str>,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut connection = Connection::open(&node.http(), login).expect("it listens");
    connection.ask(method, path, headers, body).expect("it answers")
}

/// A token for pulling from a repository.
fn token(node: &Server, login: &str, repository: &str) -> Response {
    let path = format!(
        "/oauth2/token?service={}&scope=repository:{repository}:pull",
        node.http()
    );
    ask(node, Some(login), "GET", &path, &[], b"")
}

fn issued(response: &Response) -> String {
    let token = response.json()["access_token"]
        .as_str()
        .map(|token| format!("Bearer {token}"));
    token.unwrap_or_else(|| panic!("no token: {}", response.status))
}

fn tags(node: &Server, bearer: &str, repository: &str) -> Response {
    let path = format!("/v2/{repository}/tags/list");
    ask(node, None, "GET", &path, &[("Authorization", bearer)], b"")
}

/// Pushes an image of one layer that is an object, through this node.
fn push(node: &Server, sandbox: &Sandbox, name: &str) -> String {
    let (layout, digest) = image::layout(sandbox, &name.replace(['/', ':'], "-"), "1", &[("amd64", name)]);
    let to = format!("docker://{}", node.image(name));
    copy(node, sandbox, &format!("oci:{layout}:1"), &to);
    digest
}

fn copy(node: &Server, sandbox: &Sandbox, from: &str, to: &str) {
    let plain = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    let credentials = node.login();
    let login = ["--src-creds", &credentials, "--dest-creds", &credentials];
    sandbox.tool("skopeo").args(plain).args(login).args([from, to]).run();
}

/// Looks until there is something to see.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen");
        thread::sleep(Duration::from_millis(200));
    }
}

/// The nodes that this one sees.
fn nodes(node: &Server) -> Vec<Value> {
    let status = node.data().operate_json(&["status"]);
    status["nodes"].as_array().expect("it lists nodes").clone()
}

/// The id of the node that collects garbage for all.
fn collector(node: &Server) -> Option<String> {
    let does = |node: &&Value| {
        let does = node["does"].as_array().into_iter().flatten();
        does.into_iter().any(|work| work == "collect garbage")
    };
    let found = nodes(node).iter().find(does).map(|node| node["id"].clone())?;
    found.as_str().map(str::to_owned)
}

#[test]
fn what_is_pushed_to_one_is_pulled_from_the_other() {
    let (service, sandbox) = (Service::new(), Sandbox::new());
    let [one, two] = service.two();
    assert_eq!(one.login(), two.login());
    let digest = push(&one, &sandbox, "team/app:1");
    let from = format!("docker://{}", two.image("team/app:1"));
    copy(&two, &sandbox, &from, &format!("oci:{}:1", sandbox.path("back")));
    let (_, hex) = digest.split_once(':').expect("a digest has a colon");
    let manifest = sandbox.read(&format!("back/blobs/sha256/{hex}"));
    assert_eq!(image::digest(&manifest), digest);
    // Deleted through the one, it is gone for the other.
    let path = format!("/v2/team/app/manifests/{digest}");
    let login = one.login();
    assert_eq!(ask(&two, Some(&login), "GET", &path, &[], b"").status, 200);
    assert_eq!(ask(&one, Some(&login), "DELETE", &path, &[], b"").status, 202);
    assert_eq!(ask(&two, Some(&login), "GET", &path, &[], b"").status, 404);
}

#[test]
fn an_upload_goes_from_node_to_node() {
    let service = Service::new();
    let [one, two] = service.two();
    let login = one.login();
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let began = ask(&one, Some(&login), "POST", "/v2/team/app/blobs/uploads/", &[], b"");
    assert_eq!(began.status, 202);
    let path = |response: &Response| {
        let location = response.header("location").expect("it says where").to_owned();
        location
            .find("/v2/")
            .map_or(location.clone(), |at| location[at..].to_owned())
    };
    let mut at = path(&began);
    let mut sent = 0;
    for (piece, node) in content
        .chunks(content.len() / 5)
        .zip([&two, &one, &two, &one, &two].into_iter().cycle())
    {
        let range = format!("{sent}-{}", sent + piece.len() - 1);
        let answer = ask(node, Some(&login), "PATCH", &at, &[("Content-Range", &range)], piece);
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
        (at, sent) = (path(&answer), sent + piece.len());
    }
    let digest = image::digest(&content);
    let mark = if at.contains('?') { '&' } else { '?' };
    let finished = ask(
        &one,
        Some(&login),
        "PUT",
        &format!("{at}{mark}digest={digest}"),
        &[],
        b"",
    );
    assert_eq!(finished.status, 201, "{}", String::from_utf8_lossy(&finished.body));
    for node in [&one, &two] {
        let got = ask(
            node,
            Some(&login),
            "GET",
            &format!("/v2/team/app/blobs/{digest}"),
            &[],
            b"",
        );
        assert!(got.status == 200 && got.body == content, "{}", got.status);
    }
}

#[test]
fn what_is_revoked_through_one_is_refused_by_the_other_at_once() {
    let (service, sandbox) = (Service::new(), Sandbox::new());
    let [one, two] = service.two();
    push(&one, &sandbox, "team/app:1");
    let login = one.login();
    let bearer = issued(&token(&two, &login, "team/app"));
    // Both have seen it, so whatever they keep they have.
    for node in [&one, &two] {
        assert_eq!(tags(node, &bearer, "team/app").status, 200);
        assert_eq!(ask(node, Some(&login), "GET", "/v2/", &[], b"").status, 200);
    }
    one.operate(&["credentials", "--renew", "password"]);
    for node in [&two, &one] {
        assert_eq!(tags(node, &bearer, "team/app").status, 401);
        assert_eq!(ask(node, Some(&login), "GET", "/v2/", &[], b"").status, 401);
    }
    let fresh = one.data().operate_json(&["credentials"]);
    let password = fresh["passwords"][0]["value"].as_str().expect("there is one");
    let bearer = issued(&token(&two, &format!("holdfast:{password}"), "team/app"));
    assert_eq!(tags(&one, &bearer, "team/app").status, 200);
    one.operate(&["registry", "update", "--admin-enabled", "false"]);
    assert_eq!(tags(&two, &bearer, "team/app").status, 401);
}

#[test]
fn a_rotation_of_the_keys_breaks_no_token_on_any_node() {
    let (service, sandbox) = (Service::new(), Sandbox::new());
    let [one, two] = service.two();
    push(&one, &sandbox, "team/app:1");
    let login = one.login();
    let before = issued(&token(&two, &login, "team/app"));
    one.operate(&["keys", "rotate"]);
    let signing = |node: &Server| {
        let keys = node.data().operate_json(&["keys", "list"]);
        keys[0]["kid"].as_str().map(str::to_owned).expect("a key signs")
    };
    let old = signing(&two);
    // While the nodes go over to the new key, each at its own moment, what one signs the other takes.
    until("the rotation", || {
        for (signer, other) in [(&one, &two), (&two, &one)] {
            let bearer = issued(&token(signer, &login, "team/app"));
            assert_eq!(tags(other, &bearer, "team/app").status, 200);
        }
        (signing(&one) != old && signing(&two) != old).then_some(())
    });
    assert_eq!(tags(&one, &before, "team/app").status, 200);
    // And when the old ones are to be forgotten, no node takes what they signed.
    let bearer = issued(&token(&two, &login, "team/app"));
    one.operate(&["keys", "rotate", "--forget-old"]);
    for node in [&two, &one] {
        for bearer in [&before, &bearer] {
            assert_eq!(tags(node, bearer, "team/app").status, 401);
        }
        let bearer = issued(&token(node, &login, "team/app"));
        assert_eq!(tags(&two, &bearer, "team/app").status, 200);
    }
}

#[test]
fn another_node_goes_on_for_one_that_is_killed() {
    let service = Service::new();
    let often = ["--gc-interval", "1s"];
    let one = service.node(&often);
    let first = until("a collector", || collector(&one));
    let two = service.node(&often);
    assert_eq!(nodes(&two).len(), 2);
    assert_eq!(collector(&two).as_ref(), Some(&first), "one has it at a time");
    drop(one.kill());
    let next = until("another collector", || collector(&two).filter(|next| *next != first));
    let shown = nodes(&two);
    assert!(shown.iter().any(|node| node["id"] == next.as_str()), "{shown:?}");
    until("the end of the silent one", || (nodes(&two).len() == 1).then_some(()));
}

#[test]
fn a_node_that_is_about_to_end_says_so_serves_and_goes() {
    let service = Service::new();
    let one = service.node(&[]);
    let mut two = service.node(&["--drain", "10m"]);
    let draining = |node: &Server| {
        let nodes = nodes(node);
        nodes.iter().filter(|node| node["isDraining"] == true).count()
    };
    assert_eq!((nodes(&one).len(), draining(&one)), (2, 0));
    two.daemon().signal(Signal::TERM);
    until("the drain", || (draining(&one) == 1).then_some(()));
    let told = one.operate(&["status"]);
    assert!(told.contains("about to end"), "{told}");
    let login = one.login();
    assert_eq!(ask(&two, None, "GET", "/readyz", &[], b"").status, 503);
    assert_eq!(
        ask(&two, Some(&login), "GET", "/v2/", &[], b"").status,
        200,
        "it serves as before"
    );
    two.daemon().signal(Signal::TERM);
    until("its end", || (nodes(&one).len() == 1).then_some(()));
    assert_eq!(ask(&one, Some(&login), "GET", "/v2/", &[], b"").status, 200);
}

#[test]
fn no_tag_is_lost_that_several_nodes_write_at_once() {
    const EACH: usize = 25;
    let (service, sandbox) = (Service::new(), Sandbox::new());
    let nodes = [service.node(&[]), service.node(&[]), service.node(&[])];
    let digest = push(&nodes[0], &sandbox, "team/app:1");
    let login = nodes[0].login();
    let path = format!("/v2/team/app/manifests/{digest}");
    let manifest = ask(&nodes[1], Some(&login), "GET", &path, &[], b"");
    let media_type = manifest.header("content-type").expect("it has a type").to_owned();
    thread::scope(|scope| {
        for (number, node) in nodes.iter().enumerate() {
            let (login, manifest, media_type) = (&login, &manifest.body, &media_type);
            scope.spawn(move || {
                for tag in 0..EACH {
                    for name in [format!("n{number}-{tag}"), "latest".to_owned()] {
                        let path = format!("/v2/team/app/manifests/{name}");
                        let headers = [("Content-Type", media_type.as_str())];
                        assert_eq!(ask(node, Some(login), "PUT", &path, &headers, manifest).status, 201);
                    }
                }
            });
        }
    });
    for node in &nodes {
        let listed = ask(node, Some(&login), "GET", "/v2/team/app/tags/list", &[], b"").json();
        // And those that were there before: `1` and `latest`.
        assert_eq!(
            listed["tags"].as_array().map(Vec::len),
            Some(nodes.len() * EACH + 2),
            "{listed}"
        );
    }
    assert_eq!(nodes[0].data().check().faults, Vec::<String>::new());
}
