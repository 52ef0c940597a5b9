//! The manifests and the chart, by Kubernetes' schemas and by the restricted profile of its Pod Security Standards:
//! https://kubernetes.io/docs/concepts/security/pod-security-standards/

use std::fs;

use holdfast_e2e::page::Page;
use holdfast_e2e::{Output, Sandbox, project};
use serde_json::{Value, json};

use crate::checkout::checkout;

/// The oldest and the newest Kubernetes that everything must be right for.
const VERSIONS: [&str; 2] = ["1.27", "1.37"];
/// Labels that Helm wants, and plain manifests do without.
const HELMS_LABELS: [&str; 2] = ["app.kubernetes.io/managed-by", "helm.sh/chart"];
/// Values that change as much as one release can have.
const EVERYTHING: &str = r#"
image: {repository: images.example.com/team/holdfast, tag: "7", pullPolicy: Always}
imagePullSecrets: [{name: pull}]
domain: registry.corp.example
settings: {gc-grace: 48h, metrics-from: [10.0.0.0/8, "fd00::/8"], max-blob-size: 5GiB, hostname: [a.example, b.example]}
tls: {secretName: certificate}
storage: {size: 1Ti, className: fast}
service: {type: LoadBalancer, annotations: {internal: "true"}}
ingress:
  enabled: true
  className: nginx
  annotations: {nginx.ingress.kubernetes.io/proxy-body-size: "0"}
  secretName: public
  trustedProxies: [10.0.0.0/8]
resources: {requests: {cpu: "2", memory: 1Gi}, limits: {memory: 2Gi}}
terminationGracePeriodSeconds: 90
podAnnotations: {team: a}
nodeSelector: {disk: fast}
tolerations: [{key: registry, operator: Exists, effect: NoSchedule}]
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a]}]}]
"#;
const REFUSED: [&str; 7] = [
    "domain=one-label",
    "typo=1",
    "settings.data-dir=/elsewhere",
    "settings.http=off",
    "ingress.enabled=true",
    "storage.size=much",
    "image.repository=",
];

/// A program of the tool that has Kubernetes' schemas.
fn program(name: &str) -> String {
    let path = project::root().join(".tools/kubernetes-validate/bin").join(name);
    assert!(path.exists(), "there is no kubernetes-validate: run tools/install");
    path.display().to_string()
}

/// The documents of a YAML file.
fn documents(sandbox: &Sandbox, text: &str) -> Vec<Value> {
    let script = "import json, sys, yaml; print(json.dumps([d for d in yaml.safe_load_all(sys.stdin) if d]))";
    let line = format!("exec {} -c \"$0\"", program("python"));
    let parsed = sandbox.tool("bash").args(["-c", &line, script]).stdin(text).run();
    parsed.json().as_array().expect("the script prints a list").clone()
}

/// Asserts that Kubernetes takes it.
fn assert_valid(sandbox: &Sandbox, name: &str, text: &str) {
    let file = sandbox.write(&format!("{name}.yaml"), text);
    for version in VERSIONS {
        let line = format!(
            "exec {} --strict --kubernetes-version {version} {file}",
            program("kubernetes-validate")
        );
        sandbox.run("bash", ["-c", &line]);
    }
}

/// The manifests of deploy/kubernetes, one after the other.
fn manifests() -> String {
    let folder = project::root().join("deploy/kubernetes");
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("the folder can be listed")
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.file_name().is_some_and(|name| name != "kustomization.yaml"))
        .collect();
    names.sort();
    let texts = names
        .iter()
        .map(|path| fs::read_to_string(path).expect("a manifest is text"));
    texts.collect::<Vec<_>>().join("---\n")
}

/// What the chart makes of values.
fn template(sandbox: &Sandbox, options: &[&str]) -> Output {
    let helm = sandbox
        .tool("helm")
        .args(["template", "holdfast", "deploy/helm/holdfast"]);
    helm.args(options).run()
}

fn of_kind<'d>(documents: &'d [Value], kind: &str) -> &'d Value {
    let found = documents.iter().find(|document| document["kind"] == kind);
    found.unwrap_or_else(|| panic!("there is no {kind}"))
}

/// Asserts what the restricted profile asks of a pod.
fn assert_restricted(documents: &[Value]) {
    let pod = &of_kind(documents, "StatefulSet")["spec"]["template"]["spec"];
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(pod[key], Value::Null);
    }
    let security = &pod["securityContext"];
    assert_eq!(security["runAsNonRoot"], true);
    assert_eq!(
        (&security["runAsUser"], &security["fsGroup"]),
        (&json!(65532), &json!(65532))
    );
    assert_eq!(security["fsGroupChangePolicy"], "OnRootMismatch");
    assert_eq!(security["seccompProfile"], json!({"type": "RuntimeDefault"}));
    for sysctl in security["sysctls"].as_array().into_iter().flatten() {
        assert_eq!(
            sysctl["name"], "net.ipv4.ip_unprivileged_port_start",
            "it is one of the safe ones"
        );
    }
    let volumes = pod["volumes"].as_array().into_iter().flatten();
    assert!(volumes.clone().all(|volume| volume["hostPath"].is_null()));
    for container in pod["containers"].as_array().expect("a pod has containers") {
        let security = &container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}));
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert_eq!(container[probe]["httpGet"]["scheme"], "HTTPS", "{probe}");
        }
        assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
        assert!(container["resources"]["limits"]["memory"].is_string());
    }
}

/// The value of a variable that the container is given.
fn variable<'d>(documents: &'d [Value], name: &str) -> &'d str {
    let container = &of_kind(documents, "StatefulSet")["spec"]["template"]["spec"]["containers"][0];
    let mut variables = container["env"].as_array().expect("there are variables").iter();
    let found = variables.find(|variable| variable["name"] == name);
    let value = found.and_then(|variable| variable["value"].as_str());
    value.unwrap_or_else(|| panic!("there is no {name}"))
}

#[test]
fn kubernetes_takes_the_manifests() {
    let sandbox = checkout();
    let text = manifests();
    assert_valid(&sandbox, "manifests", &text);
    assert_restricted(&documents(&sandbox, &text));
}

#[test]
fn a_manifest_that_is_wrong_is_found() {
    let sandbox = checkout();
    let wrong = manifests().replace("replicas: 1", "replica: 1");
    let file = sandbox.write("wrong.yaml", wrong);
    let line = format!("exec {} --strict {file}", program("kubernetes-validate"));
    sandbox.tool("bash").args(["-c", &line]).fail();
}

#[test]
fn the_kustomization_names_every_manifest() {
    let sandbox = checkout();
    let folder = project::root().join("deploy/kubernetes");
    let text = fs::read_to_string(folder.join("kustomization.yaml")).expect("there is one");
    let listed = documents(&sandbox, &text).remove(0)["resources"].clone();
    let listed: Vec<String> = serde_json::from_value(listed).expect("they are names");
    let texts = listed
        .iter()
        .map(|name| fs::read_to_string(folder.join(name)).expect("it is there"));
    assert_eq!(
        texts.map(|text| documents(&sandbox, &text).len()).sum::<usize>(),
        listed.len()
    );
    assert_eq!(documents(&sandbox, &manifests()).len(), listed.len());
}

#[test]
fn the_chart_makes_the_manifests_where_no_value_says_otherwise() {
    let sandbox = checkout();
    sandbox.run("helm", ["lint", "--strict", "deploy/helm/holdfast"]);
    let text = template(&sandbox, &[]).text();
    assert_valid(&sandbox, "defaults", &text);
    let mut made = documents(&sandbox, &text);
    for document in &mut made {
        let labels = document["metadata"]["labels"]
            .as_object_mut()
            .expect("everything has labels");
        for label in HELMS_LABELS {
            assert!(labels.remove(label).is_some(), "no {label}");
        }
    }
    let expected = documents(&sandbox, &manifests());
    assert_eq!(made.len(), expected.len());
    for document in expected {
        let kind = document["kind"].as_str().expect("a manifest has a kind");
        assert_eq!(*of_kind(&made, kind), document, "{kind}");
    }
}

#[test]
fn every_value_of_the_chart_counts() {
    let sandbox = checkout();
    let values = sandbox.write("values.yaml", EVERYTHING);
    sandbox.run(
        "helm",
        ["lint", "--strict", "deploy/helm/holdfast", "--values", &values],
    );
    let text = template(&sandbox, &["--values", &values, "--namespace", "team"]).text();
    assert_valid(&sandbox, "everything", &text);
    let made = documents(&sandbox, &text);
    assert_restricted(&made);
    let given = documents(&sandbox, EVERYTHING).remove(0);
    let pod = &of_kind(&made, "StatefulSet")["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["image"], "images.example.com/team/holdfast:7");
    assert_eq!(container["resources"], given["resources"]);
    for key in [
        "imagePullSecrets",
        "terminationGracePeriodSeconds",
        "nodeSelector",
        "tolerations",
        "affinity",
    ] {
        assert_eq!(pod["spec"][key], given[key], "{key}");
    }
    assert_eq!(pod["metadata"]["annotations"], given["podAnnotations"]);
    assert_eq!(
        of_kind(&made, "Service")["metadata"]["annotations"],
        given["service"]["annotations"]
    );
    assert_eq!(of_kind(&made, "Service")["spec"]["type"], "LoadBalancer");
    let claim = &of_kind(&made, "StatefulSet")["spec"]["volumeClaimTemplates"][0]["spec"];
    assert_eq!(
        (&claim["storageClassName"], &claim["resources"]["requests"]["storage"]),
        (&json!("fast"), &json!("1Ti"))
    );
    assert_settings(&made);
    assert_ingress(&made, &given["ingress"]);
}

/// Asserts the variables that [`EVERYTHING`] makes.
fn assert_settings(made: &[Value]) {
    for (name, value) in [
        ("HOLDFAST_DOMAIN", "registry.corp.example"),
        ("HOLDFAST_GC_GRACE", "48h"),
        ("HOLDFAST_DRAIN", "10s"),
        ("HOLDFAST_METRICS_FROM", "10.0.0.0/8,fd00::/8"),
        ("HOLDFAST_MAX_BLOB_SIZE", "5GiB"),
        ("HOLDFAST_HOSTNAME", "a.example,b.example"),
        ("HOLDFAST_TLS_CERT", "/etc/holdfast/tls/tls.crt"),
        ("HOLDFAST_TLS_KEY", "/etc/holdfast/tls/tls.key"),
        ("HOLDFAST_HTTP", "0.0.0.0:80"),
        ("HOLDFAST_ALLOW_PLAIN_HTTP", "true"),
        ("HOLDFAST_TRUSTED_PROXY", "10.0.0.0/8"),
    ] {
        assert_eq!(variable(made, name), value, "{name}");
    }
}

/// Asserts the Ingress that [`EVERYTHING`] makes.
fn assert_ingress(made: &[Value], given: &Value) {
    let ingress = of_kind(made, "Ingress");
    let hosts = json!(["registry.corp.example", "*.registry.corp.example"]);
    assert_eq!(
        ingress["spec"]["tls"],
        json!([{"secretName": "public", "hosts": hosts}])
    );
    assert_eq!(ingress["spec"]["ingressClassName"], "nginx");
    assert_eq!(ingress["metadata"]["annotations"], given["annotations"]);
}

#[test]
fn values_that_are_wrong_are_refused() {
    let sandbox = checkout();
    for value in REFUSED {
        let helm = sandbox
            .tool("helm")
            .args(["template", "holdfast", "deploy/helm/holdfast", "--set", value]);
        helm.fail().says("don't meet the specifications");
    }
}

#[test]
fn every_command_for_kubernetes_works_as_it_stands_there() {
    let sandbox = checkout();
    for line in Page::read("docs/deploying.md").section("In Kubernetes").commands {
        let made = sandbox.tool("bash").args(["-euo", "pipefail", "-c", &line]).run();
        assert_valid(&sandbox, "page", &made.text());
    }
}
