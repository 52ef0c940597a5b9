//! The OCI distribution specification's own conformance program, every check turned on: nothing may fail, be skipped,
//! or be left out. Its versions 1.1 and dev differ in defaults only, so one goes over plain HTTP and one over HTTP/2.

use std::time::Duration;

use holdfast_e2e::{Data, Output, Sandbox, Server, Shared};
use holdfast_testkit::postgres;

static SERVER: Shared<Server> = Shared::new(Server::start);
static SPARSE: Shared<Server> = Shared::new(Server::start_accepting_sparse_manifests);
static OVER_POSTGRES: Shared<Server> = Shared::new(|| {
    let cluster = postgres::shared();
    Server::open(Data::new(), &["--database", &cluster.url(&cluster.database())])
});

/// Every switch of the program except the one for sparse manifests.
const SWITCHES: [&str; 29] = [
    "API_PING",
    "API_PULL",
    "API_PUSH",
    "API_BLOBS_ATOMIC",
    "API_BLOBS_DELETE",
    "API_BLOBS_DIGEST_HEADER",
    "API_BLOBS_MOUNT_ANONYMOUS",
    "API_BLOBS_UPLOAD_CANCEL",
    "API_MANIFESTS_ATOMIC",
    "API_MANIFESTS_DELETE",
    "API_MANIFESTS_DIGEST_HEADER",
    "API_MANIFESTS_TAG_PARAM",
    "API_TAGS_ATOMIC",
    "API_TAGS_DELETE",
    "API_TAGS_LIST",
    "API_REFERRER",
    "DATA_IMAGE",
    "DATA_INDEX",
    "DATA_INDEX_LIST",
    "DATA_ARTIFACT",
    "DATA_SUBJECT",
    "DATA_SUBJECT_MISSING",
    "DATA_ARTIFACT_LIST",
    "DATA_SUBJECT_LIST",
    "DATA_DATA_FIELD",
    "DATA_NONDISTRIBUTABLE",
    "DATA_CUSTOM_FIELDS",
    "DATA_NO_LAYERS",
    "DATA_EMPTY_BLOB",
];

/// The checks in the program's pinned version when everything but sparse manifests is on.
const CHECKS: usize = 986;
/// The checks when sparse manifests are on too.
const CHECKS_WITH_SPARSE: usize = 1032;

/// Lines of complaint that a failed test shows; the causes come first.
const SHOWN: usize = 60;

/// What one run found: the program's counts, and what it says of the checks that did not pass.
#[derive(Debug)]
struct Findings {
    counts: Vec<(String, usize)>,
    complaints: String,
}

impl Findings {
    fn count(&self, status: &str) -> usize {
        let found = self.counts.iter().find(|(name, _)| name == status);
        found
            .unwrap_or_else(|| panic!("the program counts no {status}: {self:?}"))
            .1
    }

    fn assert_complete(&self, checks: usize) {
        for status in ["FAIL", "Error", "Skip", "Disabled"] {
            assert_eq!(
                self.count(status),
                0,
                "{status}, counts {:?}\n{}",
                self.counts,
                self.complaints
            );
        }
        assert_eq!(self.count("Pass"), checks, "not every check ran");
    }
}

fn run(version: &str, host: &str, server: &Server, sparse: bool) -> Findings {
    let sandbox = Sandbox::new();
    let tls = if host == server.http() { "disabled" } else { "enabled" };
    let name = format!(
        "conformance/v{}/{}",
        version.replace('.', "-"),
        if sparse { "sparse" } else { "whole" }
    );
    let mut tool = sandbox
        .tool("conformance")
        .within(Duration::from_secs(300))
        .env("SSL_CERT_FILE", server.ca_file())
        .env("OCI_REGISTRY", host)
        .env("OCI_TLS", tls)
        .env("OCI_USERNAME", server.username())
        .env("OCI_PASSWORD", server.password())
        .env("OCI_VERSION", version)
        .env("OCI_REPO1", format!("{name}/one"))
        .env("OCI_REPO2", format!("{name}/two"))
        .env("OCI_RESULTS_DIR", sandbox.path("results"))
        .env("OCI_LOG", "error")
        .env("OCI_DATA_SHA512", "true")
        .env("OCI_DATA_SPARSE", sparse.to_string());
    for switch in SWITCHES {
        tool = tool.env(&format!("OCI_{switch}"), "true");
    }
    findings(&tool.finish())
}

/// Reads the report: a tree of `NAME: STATUS` with ` - reason` lines, then `STATUS......: COUNT` under the result.
fn findings(output: &Output) -> Findings {
    let text = output.text();
    let (tree, rest) = text
        .split_once("Configuration:")
        .unwrap_or_else(|| panic!("no report: {output}"));
    let bad = |line: &&str| {
        let line = line.trim();
        line.starts_with("- ")
            || ["FAIL", "Skip", "Error"]
                .iter()
                .any(|status| line.ends_with(&format!(": {status}")))
    };
    let complaints: Vec<&str> = tree.lines().filter(bad).take(SHOWN).collect();
    let (_, counts) = rest
        .split_once("OCI Conformance Result:")
        .unwrap_or_else(|| panic!("no result: {output}"));
    let count = |line: &str| {
        let (name, number) = line.split_once(':')?;
        Some((
            name.trim().trim_end_matches('.').to_owned(),
            number.trim().parse().ok()?,
        ))
    };
    let counts = counts.lines().skip(1).map_while(count).collect();
    Findings {
        counts,
        complaints: complaints.join("\n"),
    }
}

#[test]
fn version_1_1_passes_without_a_failure_or_a_skip() {
    let server = SERVER.get();
    run("1.1", &server.http(), &server, false).assert_complete(CHECKS);
}

#[test]
fn version_dev_passes_over_http2_without_a_failure_or_a_skip() {
    let server = SERVER.get();
    run("dev", &server.https(), &server, false).assert_complete(CHECKS);
}

#[test]
fn version_1_1_passes_where_sparse_manifests_are_accepted() {
    let server = SPARSE.get();
    run("1.1", &server.http(), &server, true).assert_complete(CHECKS_WITH_SPARSE);
}

#[test]
fn version_dev_passes_over_http2_where_sparse_manifests_are_accepted() {
    let server = SPARSE.get();
    run("dev", &server.https(), &server, true).assert_complete(CHECKS_WITH_SPARSE);
}

#[test]
fn version_1_1_passes_with_the_rows_in_postgresql() {
    let server = OVER_POSTGRES.get();
    run("1.1", &server.http(), &server, false).assert_complete(CHECKS);
}
