//! What the documentation says is so: every command in README.md and docs/ is run as it stands there, on a fresh data
//! folder; every flag and setting they name exists; commands for developers name what there is. The commands that install
//! Holdfast for good are the test `deploy`'s.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use holdfast_e2e::daemon::Daemon;
use holdfast_e2e::page::{Page, pages};
use holdfast_e2e::{Containerd, Dockerd, Output, Sandbox, Shared, image, project};

static WORKSTATION: Shared<Workstation> = Shared::new(Workstation::new);

/// How README.md starts the registry. The test starts the same binary, which is built already, on free ports.
const START: &str = "cargo run --release --bin holdfast -- serve";
/// The page whose commands need machines of their own.
const DEPLOYING: &str = "docs/deploying.md";
/// What no setting takes that has a form.
const NONSENSE: &str = "?!=?!";
/// Commands that are not run, and why.
const NOT_RUN: [(&str, &str); 2] = [
    ("tools/test", "it runs this very test"),
    ("tools/install", "the tests begin with it"),
];

/// A user's machine: the built binary, a registry started with it, and the container engines.
struct Workstation {
    // In the order in which they must end.
    registry: Daemon,
    dockerd: Dockerd,
    containerd: Containerd,
    trusted: PathBuf,
    http: String,
    https: String,
    sandbox: Sandbox,
}

impl Drop for Workstation {
    fn drop(&mut self) {
        // It is there only once the documentation's commands made it.
        fs::remove_dir_all(&self.trusted).ok();
    }
}

impl Workstation {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        fs::create_dir_all(sandbox.work().join("target/release")).expect("the sandbox is writable");
        fs::create_dir(sandbox.work().join("bin")).expect("the sandbox is writable");
        let binary = fs::canonicalize(project::holdfast()).expect("the binary is there");
        for place in ["target/release/holdfast", "bin/holdfast"] {
            symlink(&binary, sandbox.work().join(place)).expect("the sandbox takes links");
        }
        // The tests run as root; a machine for tests may have no sudo.
        let sudo = sandbox.write("bin/sudo", "#!/bin/sh\nexec \"$@\"\n");
        fs::set_permissions(sudo, fs::Permissions::from_mode(0o755)).expect("the sandbox is writable");
        // Podman's storage where any file system will do.
        let storage = "[storage]\ndriver = \"vfs\"\ngraphroot = \"podman/root\"\nrunroot = \"podman/run\"\n";
        let storage = storage.replace("podman/", &format!("{}/", sandbox.path("podman")));
        sandbox.write("storage.conf", storage);

        let mut command = Command::new("target/release/holdfast");
        command
            .arg("serve")
            .current_dir(sandbox.work())
            .env("HOLDFAST_HTTP", "127.0.0.1:0")
            .env("HOLDFAST_HTTPS", "127.0.0.1:0");
        let mut registry = Daemon::start("holdfast serve", command, &sandbox.work().join("serve.log"));
        let port = |scheme: &str| {
            let prefix = format!("listening on {scheme}://127.0.0.1:");
            move |registry: &Daemon| {
                let log = registry.log();
                let line = log.lines().find_map(|line| line.strip_prefix(&prefix));
                line.and_then(|port| port.parse::<u16>().ok())
            }
        };
        let [http, https] = ["http", "https"].map(|scheme| {
            let port = registry.wait_until(Duration::from_secs(60), port(scheme));
            format!("localhost:{port}")
        });
        let workstation = Self {
            registry,
            dockerd: Dockerd::start(),
            containerd: Containerd::start(),
            trusted: PathBuf::from(format!("/etc/docker/certs.d/{https}")),
            http,
            https,
            sandbox,
        };
        let context = image::build_context(&workstation.sandbox, "context", "my-image");
        let build = ["build", "--quiet", "--network=none", "--tag", "my-image", &context];
        workstation.dockerd.docker(&workstation.sandbox).args(build).run();
        workstation
    }

    /// Types a line at a shell, but for the ports.
    fn type_in(&self, line: &str) -> Output {
        let line = line
            .replace("localhost:5000", &self.http)
            .replace("localhost:5443", &self.https);
        let path = format!("{}:{}", self.sandbox.path("bin"), project::search_path());
        let shell = self.sandbox.tool("bash").args(["-euo", "pipefail", "-c", &line]);
        let shell = shell
            .env("PATH", path)
            .env("DOCKER_HOST", self.dockerd.host())
            .env("CONTAINERD_ADDRESS", self.containerd.address())
            .env("CONTAINERS_STORAGE_CONF", self.sandbox.path("storage.conf"))
            .env("COSIGN_PASSWORD", "secret");
        shell.run()
    }

    /// What the first start told its user to type.
    fn told(&self) -> Vec<String> {
        let log = self.registry.log();
        let commands = log.lines().filter_map(|line| line.strip_prefix("  "));
        commands.map(str::to_owned).collect()
    }
}

#[test]
fn every_command_in_the_documentation_works_as_it_stands_there() {
    let workstation = WORKSTATION.get();
    let told = workstation.told();
    assert_eq!(
        told.len(),
        4,
        "the first start says how to sign in, tag, push and pull: {told:?}"
    );
    for line in &told {
        workstation.type_in(line);
    }
    let mut starts = 0;
    for page in pages().iter().filter(|page| page.name != DEPLOYING) {
        for line in &page.commands {
            if line == START {
                starts += 1;
            } else if line.starts_with("cargo ") {
                exists(&page.name, line);
            } else if !NOT_RUN.iter().any(|(command, _)| command == line) {
                eprintln!("{}: {line}", page.name);
                workstation.type_in(line);
            }
        }
    }
    assert_eq!(starts, 1, "one command starts the registry");
    let containers = workstation.type_in("docker run --rm --network=none localhost:5000/my-image");
    assert_eq!(containers.text(), "my-image");
}

#[test]
fn the_readme_repeats_what_the_first_start_says() {
    let readme = Page::read("README.md");
    let workstation = WORKSTATION.get();
    for line in workstation.told() {
        let line = line.replace(&workstation.http, "localhost:5000");
        assert!(readme.commands.contains(&line), "README.md does not say: {line}");
    }
}

#[test]
fn commands_for_developers_name_what_there_is() {
    let mut checked = 0;
    let others = ["CONTRIBUTING.md", "ARCHITECTURE.md"].map(Page::read);
    for page in pages().iter().chain(&others) {
        for command in page.commands.iter().chain(&page.words) {
            let is_ours = ["cargo ", "cd ", "tools/", ".ci/"]
                .iter()
                .any(|prefix| command.starts_with(prefix));
            if is_ours {
                exists(&page.name, command);
                checked += 1;
            }
        }
    }
    assert!(checked > 5, "only {checked} commands were found");
}

/// Expects that what a developer's command names is there.
fn exists(page: &str, command: &str) {
    let root = project::root();
    let mut package = String::new();
    let words: Vec<&str> = command.split_whitespace().collect();
    for pair in words.windows(2) {
        let path = match *pair {
            ["-p" | "--package" | "--exclude", name] => {
                package = name.replacen("holdfast-", "", 1);
                format!("crates/{package}/Cargo.toml")
            }
            // A test is a file, or a folder that begins with `main.rs`.
            ["--test", name] if root.join(format!("crates/{package}/tests/{name}/main.rs")).exists() => continue,
            ["--test", name] => format!("crates/{package}/tests/{name}.rs"),
            ["--bin", name] => {
                assert_eq!(name, "holdfast", "{page}: {command}");
                continue;
            }
            ["fuzz", "run"] => format!("fuzz/fuzz_targets/{}.rs", words.last().expect("there are two words")),
            ["cd", folder] => folder.to_owned(),
            _ => continue,
        };
        assert!(root.join(&path).exists(), "{page}: {command}: there is no {path}");
    }
    for word in words {
        if word.starts_with("tools/") || word.starts_with(".ci/") {
            let path = root.join(word);
            let metadata = fs::metadata(&path).unwrap_or_else(|error| panic!("{page}: {command}: {error}"));
            assert!(
                metadata.permissions().mode() & 0o111 != 0,
                "{page}: {word} cannot be run"
            );
        }
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let others = ["CONTRIBUTING.md", "ARCHITECTURE.md"].map(Page::read);
    for page in pages().iter().chain(&others) {
        let links = page.text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (link, _) in links.filter(|(link, _)| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or(link);
            let path = project::root().join(&page.name).with_file_name(file);
            assert!(path.exists(), "{}: {link} leads nowhere", page.name);
        }
    }
}

#[test]
fn the_readme_asks_for_the_rust_that_the_manifest_asks_for() {
    let manifest = fs::read_to_string(project::root().join("Cargo.toml")).expect("the project has a manifest");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.expect("the manifest names a Rust version").trim_matches('"');
    let readme = Page::read("README.md");
    assert!(
        readme.text.contains(&format!("Rust {version} ")),
        "README.md does not ask for Rust {version}"
    );
}

/// What `holdfast WORDS --help` prints, without its line breaks.
fn help(words: &[&str]) -> String {
    let output = Command::new(project::holdfast()).args(words).arg("--help").output();
    let output = output.expect("holdfast starts");
    assert!(output.status.success(), "there is no command {words:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The flags in a text.
fn flags(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("--") {
        let rest = &text[start + 2..];
        let is_first = !text[..start].ends_with(|c: char| c == '-' || c.is_alphanumeric());
        let end = rest
            .find(|c: char| !c.is_ascii_lowercase() && c != '-')
            .unwrap_or(rest.len());
        if is_first && end > 0 && !rest[..end].starts_with('-') {
            found.push(rest[..end].to_owned());
        }
    }
    found
}

#[test]
fn every_flag_that_is_named_exists() {
    let serve = flags(&help(&["serve"]));
    for page in pages() {
        let commands = page.words.iter().chain(&page.commands);
        for command in commands.clone().filter(|command| command.starts_with("holdfast ")) {
            // Of a pipe, only our end.
            let own = command.split(['|', '>', ')']).next().unwrap_or(command);
            let words = own.split_whitespace().skip(1);
            let words: Vec<&str> = words
                .take_while(|word| word.bytes().all(|b| b.is_ascii_lowercase()))
                .collect();
            let known = flags(&help(&words));
            for flag in flags(own) {
                assert!(known.contains(&flag), "{}: {command}: there is no --{flag}", page.name);
            }
        }
        if page.name == "docs/running.md" {
            for word in page.words.iter().filter(|word| word.starts_with("--")) {
                let flag = flags(word).swap_remove(0);
                assert!(serve.contains(&flag), "{}: holdfast serve has no --{flag}", page.name);
            }
            let variables = page.text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
            for variable in variables.filter(|word| word.starts_with("HOLDFAST_")) {
                assert!(
                    help(&["serve"]).contains(variable),
                    "{}: there is no {variable}",
                    page.name
                );
            }
        }
    }
}

#[test]
fn every_flag_of_the_server_has_a_variable_that_counts() {
    let help = help(&["serve"]);
    let own = |flag: &&String| !["help", "version"].contains(&flag.as_str());
    let mut variables: Vec<(String, String)> = Vec::new();
    for flag in flags(&help).iter().filter(own) {
        let variable = format!("HOLDFAST_{}", flag.to_uppercase().replace('-', "_"));
        let is_said = help.contains(&format!("[env: {variable}]"));
        assert!(is_said, "the help of --{flag} does not name {variable}");
        variables.push((flag.clone(), variable));
    }
    assert!(variables.len() > 15, "{variables:?}");
    // Any text is a path; everything else has a form, and all that is wrong is told at once.
    let takes_anything = ["data-dir", "master-key", "tls-cert", "tls-key", "outgoing-ca", "config"];
    let formed = variables
        .iter()
        .filter(|(flag, _)| !takes_anything.contains(&flag.as_str()));
    let formed: Vec<&String> = formed.map(|(_, variable)| variable).collect();
    let sandbox = Sandbox::new();
    let mut command = Command::new(project::holdfast());
    command.arg("serve").current_dir(sandbox.work());
    command.envs(formed.iter().map(|variable| (variable.as_str(), NONSENSE)));
    let output = command.output().expect("holdfast starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    for variable in formed {
        // A secret is not repeated.
        let ways = [format!("{variable} \"{NONSENSE}\""), format!("{variable}: ")];
        assert!(
            ways.iter().any(|way| told.contains(way)),
            "{variable} does not count: {told}"
        );
    }
}
