//! The Azure SDKs for Python, JavaScript and Go against the real binary. Each program in `sdk/` is written as one for
//! Azure would be; all that differs are the addresses, which its environment holds. They print what they saw.

use std::fs;

use holdfast_e2e::{Sandbox, Server, project};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Runs a program as the owner of everything, with the name of a registry that it may make, and gives what it saw.
fn run(registry: &str, command: &str, more: &[(&str, &str)]) -> Value {
    let (server, sandbox) = (Server::start(), Sandbox::new());
    let json_of = |args: &[&str]| -> Value {
        let printed = server.operate(&[args, &["--output", "json"]].concat());
        serde_json::from_str(&printed).expect("operator's commands print JSON")
    };
    let status = json_of(&["status"]);
    let owner = json_of(&["principal", "create", "owner", "--role", "Owner"]);
    let hosts = format!("127.0.0.1 localhost {registry}.registry.localhost\n");
    let hosts = sandbox.write("hosts", hosts);
    let script = format!("mount --bind '{hosts}' /etc/hosts && exec {command}");
    let mut tool = sandbox.tool("unshare").args(["--mount", "sh", "-c", &script]);
    for (name, value) in [
        ("BASE_URL", &status["baseUrl"]),
        ("SUBSCRIPTION", &status["subscriptionId"]),
        ("RESOURCE_GROUP", &status["resourceGroup"]),
        ("REGISTRY", &json!(registry)),
        ("AZURE_TENANT_ID", &owner["tenant"]),
        ("AZURE_CLIENT_ID", &owner["appId"]),
        ("AZURE_CLIENT_SECRET", &owner["password"]),
    ] {
        tool = tool.env(name, value.as_str().unwrap_or_default());
    }
    // Where each language looks for authorities to trust.
    for name in ["REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"] {
        tool = tool.env(name, server.ca_file());
    }
    for (name, value) in more {
        tool = tool.env(name, value);
    }
    tool.run().json()
}

/// What each of them must see.
fn expected(registry: &str) -> Value {
    json!({
        "free": true, "state": "Succeeded", "taken": false, "sku": "Premium", "tags": {"a": "b"}, "listed": true,
        "user": registry, "passwords": 2, "repositories": ["team/app"], "repositoryTags": ["v1", "v2"], "size": true,
        "locked": true, "writable": true, "manifestTags": ["v1", "v2"], "tagsLeft": 1, "anonymousRefused": true,
        "anonymousTags": ["v1"], "tagsGone": [], "manifestGone": true, "repositoriesLeft": [], "gone": "ResourceNotFound",
    })
}

/// Compares what a program saw; `usages` grows with the service, so that only its first row is told.
fn check(mut seen: Value, expected: &Value) {
    assert_eq!(seen["usages"][0], "Size", "{seen}");
    seen.as_object_mut().map(|seen| seen.remove("usages"));
    assert_eq!(&seen, expected);
}

fn installed(name: &str) -> String {
    let path = project::root().join(".tools").join(name);
    assert!(path.exists(), "{name} is missing; run tools/install");
    path.display().to_string()
}

fn source(name: &str) -> String {
    let path = project::root().join("crates/e2e/tests/sdk").join(name);
    path.display().to_string()
}

#[test]
fn the_sdk_for_python_makes_uses_and_deletes_a_registry() {
    let python = installed("sdk-python/bin/python");
    let seen = run("pythonreg", &format!("'{python}' '{}'", source("program.py")), &[]);
    check(seen, &expected("pythonreg"));
}

#[test]
fn the_sdk_for_javascript_makes_uses_and_deletes_a_registry() {
    let modules = installed("sdk-js/node_modules");
    let command = format!("node '{}'", source("program.cjs"));
    let seen = run("scriptreg", &command, &[("NODE_PATH", &modules)]);
    check(seen, &expected("scriptreg"));
}

#[test]
fn the_sdk_for_go_makes_uses_and_deletes_a_registry() {
    let program = installed("bin/sdk-go");
    let mut sources = Sha256::new();
    for name in ["go.mod", "go.sum", "main.go"] {
        sources.update(fs::read(source(&format!("go/{name}"))).expect("the program's source is there"));
    }
    let built = fs::read_to_string(installed("stamps/sdk-go")).unwrap_or_default();
    let is_current = built.trim() == hex::encode(sources.finalize());
    assert!(is_current, "the program changed since it was built; run tools/install");
    let mut expected = expected("goreg");
    // This SDK's model is of a version of the API that cannot turn anonymous pull on.
    expected.as_object_mut().map(|seen| seen.remove("anonymousTags"));
    check(run("goreg", &format!("'{program}'"), &[]), &expected);
}
