//! `az acr check-health`, on a server whose login servers need no port: the command looks their names up with it.

use crate::shell::Shell;

#[test]
fn check_health_finds_nothing_wrong_with_the_registry() {
    let shell = Shell::on_the_standard_port(&[]);
    shell.push("holdfast", "team/app:v1", "healthy");
    // It prints what it finds as warnings. The engine's pull from Microsoft's registry needs the Internet.
    let check = |more: &str| {
        let script =
            format!("AZURE_CORE_ONLY_SHOW_ERRORS=false az acr check-health -n holdfast --yes --ignore-errors {more}");
        shell.run(&script)
    };
    let host = "holdfast.registry.localhost";
    let all = check("");
    all.says("Docker daemon status: available");
    all.says(&format!("DNS lookup to {host} at IP 127.44."));
    all.says(&format!("Challenge endpoint https://{host}/v2/ : OK"));
    all.says(&format!("Fetch refresh token for registry '{host}' : OK"));
    all.says(&format!("Fetch access token for registry '{host}' : OK"));
    assert!(!all.stderr.contains("CONNECTIVITY"), "{all}");
    let one = check("--repository team/app");
    one.says(&format!(
        "Fetch access token for repository 'team/app' in registry '{host}' : OK"
    ));

    let reader = shell.principal("reader", "AcrPull", &[]);
    shell.run(&reader.login());
    let refused = check("--repository team/app");
    refused.says("You are lacking push, metadata_write and delete repository permissions");
}
