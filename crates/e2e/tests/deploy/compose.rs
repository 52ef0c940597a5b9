//! The commands of docs/deploying.md for the image and for a container, typed one after the other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use holdfast_e2e::page::Page;
use holdfast_e2e::{Dockerd, Output, Sandbox, free_address, image};

use crate::checkout::{MAKING, becomes_ready, checkout};

/// Debian has compose as a program of its own; `docker compose` finds it as a plugin.
const PLUGIN: &str = r#"#!/bin/sh
[ "$1" = docker-cli-plugin-metadata ] && exec echo '{"SchemaVersion":"0.1.0","Vendor":"Debian","Version":"1.29"}'
shift
exec docker-compose "$@"
"#;

/// Somebody with Docker and a checkout.
struct User {
    dockerd: Dockerd,
    sandbox: Sandbox,
    port: String,
}

impl User {
    fn new() -> Self {
        let sandbox = checkout();
        let plugin = sandbox.write("docker/cli-plugins/docker-compose", PLUGIN);
        fs::set_permissions(plugin, fs::Permissions::from_mode(0o755)).expect("the sandbox is writable");
        Self {
            dockerd: Dockerd::start(),
            sandbox,
            port: free_address().port().to_string(),
        }
    }

    /// Types a line, but for the port.
    fn type_in(&self, line: &str) -> Output {
        let line = line.replace("localhost:5443", &format!("localhost:{}", self.port));
        let shell = self.sandbox.tool("bash").args(["-euo", "pipefail", "-c", &line]);
        let shell = shell
            .env("DOCKER_HOST", self.dockerd.host())
            .env("DOCKER_CONFIG", self.sandbox.path("docker"))
            .env("DOCKER_BUILDKIT", "0")
            .env("PORT", &self.port);
        shell.within(MAKING).run()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // Where a test fails: the network that compose makes would outlive the engine.
        let down = self
            .sandbox
            .tool("docker-compose")
            .args(["--file", "deploy/compose.yaml", "down"]);
        drop(down.env("DOCKER_HOST", self.dockerd.host()).finish());
    }
}

#[test]
fn every_command_for_a_container_works_as_it_stands_there() {
    let user = User::new();
    let context = image::build_context(&user.sandbox, "context", "my-image");
    user.type_in(&format!("docker build --quiet --network=none --tag my-image {context}"));
    let page = Page::read("docs/deploying.md");
    for line in &page.section("The image").commands {
        user.type_in(line);
    }
    let lines = page.section("In a container").commands;
    for line in &lines {
        user.type_in(line);
        if line.ends_with("up --detach") {
            let host = format!("localhost:{}", user.port);
            assert!(
                becomes_ready(&user.sandbox, &host),
                "{}",
                user.type_in("docker logs holdfast")
            );
            assert_hardened(&user);
        }
    }
    let last = lines.last().expect("there are commands");
    assert!(last.ends_with(" down"), "the last command stops it: {last}");
    user.type_in("docker volume inspect holdfast-data");
    assert_eq!(user.type_in("docker ps --all --quiet").text(), "");
}

/// Asserts that compose.yaml gives the container what the image needs and nothing else.
fn assert_hardened(user: &User) {
    let inspected = user.type_in("docker inspect holdfast").json();
    let host = &inspected[0]["HostConfig"];
    assert_eq!(host["ReadonlyRootfs"], true);
    assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]));
    assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges:true"]));
    assert_eq!(inspected[0]["Config"]["User"], "65532:65532");
    let health = inspected[0]["Config"]["Healthcheck"]["Test"].clone();
    assert_eq!(health, serde_json::json!(["CMD", "holdfast", "status"]));
}

#[test]
fn commands_of_the_page_stand_where_a_test_runs_them() {
    let page = Page::read("docs/deploying.md");
    let tested = [
        "The image",
        "In a container",
        "As a service of systemd",
        "Without a public endpoint",
        "In Kubernetes",
    ];
    let mut lines: Vec<String> = tested.iter().flat_map(|title| page.section(title).commands).collect();
    // The program under test is built already.
    lines.insert(0, "cargo build --release".to_owned());
    assert_eq!(lines, page.commands);
}
