//! `az acr import`: from a registry of the same server, from one of another make, and across the end of the process.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use holdfast_e2e::{Distribution, Random, Sandbox, image};
use serde_json::json;

use crate::shell::Shell;

/// Pushes an image to a registry of another make, and gives its digest.
fn push(shell: &Shell, to: &Distribution, name: &str, platforms: &[(&str, &str)], options: &str) -> String {
    let (layout, digest) = image::layout(&shell.sandbox, &name.replace(['/', ':'], "-"), "pushed", platforms);
    shell.run(&format!(
        "skopeo copy --all --dest-tls-verify=false {options} oci:{layout}:pushed docker://{}/{name}",
        to.address()
    ));
    digest
}

#[test]
fn az_imports_from_a_registry_of_the_same_server() {
    let shell = Shell::start(&["azfrom1", "azinto1"]);
    shell.run(
        "az group create -n rg1 -l local; az acr create -n azfrom1 -g rg1 --sku Basic; \
         az acr create -n azinto1 -g rg1 --sku Basic",
    );
    let (first, second) = (
        shell.push("azfrom1", "team/app:v1", "first"),
        shell.push("azfrom1", "team/app:v2", "second"),
    );
    let stored = shell.server.data().objects().len();
    shell.run(
        "source=$(az acr show -n azfrom1 --query loginServer -o tsv)\n\
         az acr import -n azinto1 --source $source/team/app:v1",
    );
    let digest_of = |tag: &str| {
        shell.json(&format!(
            "az acr manifest list-metadata -r azinto1 -n {tag} --query '[].digest'"
        ))
    };
    assert_eq!(digest_of("team/app"), json!([first]));
    assert_eq!(
        shell.server.data().objects().len(),
        stored,
        "bytes in one storage account are there once"
    );
    // By digest, under another name, without a tag and with one.
    shell.run(&format!(
        "az acr import -n azinto1 -r azfrom1 --source team/app@{second} --image other:latest --repository bare"
    ));
    assert_eq!(digest_of("bare"), json!([second]));
    assert_eq!(
        shell.json("az acr repository show-tags -n azinto1 --repository other"),
        json!(["latest"])
    );
    // A tag stays unless it is said to move.
    let move_it = "az acr import -n azinto1 -r azfrom1 --source team/app:v2 --image team/app:v1";
    shell
        .command(move_it)
        .fail()
        .says("Conflict")
        .says("team/app:v1 already exists");
    shell.run(&format!("{move_it} --force"));
    let tagged = shell.json("az acr repository show -n azinto1 --image team/app:v1 --query digest");
    assert_eq!(tagged, json!(second));
    let gone = shell
        .command("az acr import -n azinto1 -r azfrom1 --source team/app:v9 --image x:y")
        .fail();
    gone.says("InvalidParameters").says("v9");
    // Nothing outside: loopback is an inside address, whatever it is called.
    shell
        .command("az acr import -n azinto1 --source 127.0.0.1:1/app:v1 --image x:y")
        .fail()
        .says("--allow-outgoing 127.0.0.1");
    // Who may import there, and not pull here.
    let scope = shell.json("az acr show -n azinto1 --query id");
    let scope = scope.as_str().expect("an id is a text");
    let (source, importer) = (
        scope.replace("azinto1", "azfrom1"),
        shell.principal("importer", "Contributor", &["--scope", scope]),
    );
    shell
        .command(&format!(
            "export AZURE_CONFIG_DIR=$PWD/importer\n{}\n{}\n\
             az acr import -n azinto1 -r {source} --source team/app:v1 --image x:y",
            shell.cloud(),
            importer.login()
        ))
        .fail()
        .says("LinkedAuthorizationFailed")
        .says("registries/pull/read");
}

#[test]
fn az_imports_from_a_registry_of_another_make_and_goes_on_after_a_crash() {
    let sandbox = Sandbox::new();
    let (open, closed) = (
        Distribution::start(&sandbox, "open", true),
        Distribution::start(&sandbox, "closed", false),
    );
    let slow = Slow::start(open.address());
    let allowed = [open.address(), closed.address(), slow.address].map(|address| format!("http://{address}"));
    let [a, b, c] = allowed.each_ref().map(String::as_str);
    let flags = ["--allow-outgoing", a, "--allow-outgoing", b, "--allow-outgoing", c];
    let shell = Shell::with_flags(&flags, &["azinto2"]);
    shell.run("az group create -n rg1 -l local; az acr create -n azinto2 -g rg1 --sku Basic");
    // An index with its children, from a registry that is open.
    let platforms = [("amd64", "one"), ("arm64", "two")];
    let index = push(&shell, &open, "team/multi:v1", &platforms, "");
    shell.run(&format!(
        "az acr import -n azinto2 --source {}/team/multi:v1 --image multi:v1",
        open.address()
    ));
    let tagged = shell.json("az acr repository show -n azinto2 --image multi:v1 --query digest");
    assert_eq!(tagged, json!(index));
    let manifests = shell.json("az acr manifest list-metadata -r azinto2 -n multi --query 'length(@)'");
    assert_eq!(manifests, json!(3));
    // From one that is not.
    let users = "--dest-creds puller:secret";
    let digest = push(&shell, &closed, "app:v1", &[("amd64", "closed")], users);
    let import = format!(
        "az acr import -n azinto2 --source {}/app@{digest} --image app:v1",
        closed.address()
    );
    shell.command(&import).fail().says("InvalidParameters").says("401");
    shell
        .command(&format!("{import} -u puller -p wrong"))
        .fail()
        .says("401");
    shell.run(&format!("{import} -u puller -p secret"));
    let tagged = shell.json("az acr repository show -n azinto2 --image app:v1 --query digest");
    assert_eq!(tagged, json!(digest));

    // Killed while a layer comes in; what was fetched stays, and the rest is fetched after the start.
    let large: String = Random::new(7)
        .bytes(3 << 20)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let digest = push(&shell, &open, "big:v1", &[("amd64", &large)], "");
    slow.hold_after(1 << 20);
    shell.run(&format!(
        "az acr import -n azinto2 --source {}/big:v1 --image big:v1 --no-wait",
        slow.address
    ));
    slow.wait_until_held();
    let shell = shell.crash();
    shell.command("az acr repository show -n azinto2 --image big:v1").fail();
    slow.let_go();
    let wait =
        "for i in $(seq 60); do az acr repository show -n azinto2 --image big:v1 --query digest && exit; sleep 1; done";
    assert_eq!(shell.json(&format!("{{ {wait}; }} 2>/dev/null; exit 1")), json!(digest));
    assert!(shell.server.data().check().faults.is_empty());
}

/// Stands before a registry and can hold back what it sends.
struct Slow {
    address: SocketAddr,
    left: Arc<AtomicU64>,
    is_held: Arc<AtomicBool>,
}

impl Slow {
    fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system gives a port");
        let slow = Self {
            address: listener.local_addr().expect("a listener has an address"),
            left: Arc::new(AtomicU64::new(u64::MAX)),
            is_held: Arc::default(),
        };
        let (left, is_held) = (Arc::clone(&slow.left), Arc::clone(&slow.is_held));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (left, is_held) = (Arc::clone(&left), Arc::clone(&is_held));
                let Ok(server) = TcpStream::connect(to) else { return };
                let (Ok(mut from), Ok(mut into)) = (client.try_clone(), server.try_clone()) else {
                    return;
                };
                thread::spawn(move || {
                    std::io::copy(&mut from, &mut into).ok();
                    into.shutdown(Shutdown::Write).ok();
                });
                thread::spawn(move || pass(server, client, &left, &is_held));
            }
        });
        slow
    }

    fn hold_after(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    fn wait_until_held(&self) {
        for _ in 0..600 {
            if self.is_held.load(Ordering::SeqCst) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("nobody fetched enough");
    }

    fn let_go(&self) {
        self.left.store(u64::MAX, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut into: TcpStream, left: &AtomicU64, is_held: &AtomicBool) {
    let mut piece = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        while left.load(Ordering::SeqCst) < length as u64 {
            is_held.store(true, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(20));
        }
        if left.load(Ordering::SeqCst) != u64::MAX {
            left.fetch_sub(length as u64, Ordering::SeqCst);
        }
        if into.write_all(&piece[..length]).is_err() {
            return;
        }
    }
}
