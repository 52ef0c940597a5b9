//! The documented quick start, with a real Docker engine, and the other ways to sign an engine in.

use holdfast_e2e::image;
use serde_json::json;

use crate::shell::Shell;

#[test]
fn the_quick_start_leads_from_a_group_to_a_running_container() {
    let shell = Shell::with_docker(&["myregistry"]);
    shell.run("az group create --name rg1 --location local");
    let made = shell.json("az acr create --resource-group rg1 --name myregistry --sku Standard");
    let host = made["loginServer"].as_str().expect("a registry has a login server");
    shell.run("az acr login --name myregistry").says("Login Succeeded");

    let context = image::build_context(&shell.sandbox, "hello", "hello from the registry");
    let build = format!("docker build --quiet --network=none --tag hello-world {context}");
    shell.run(&build);
    shell.run(&format!("docker tag hello-world {host}/hello-world:v1"));
    shell
        .run(&format!("docker push {host}/hello-world:v1"))
        .says("v1: digest: sha256:");
    let table = shell.run("az acr repository list --name myregistry --output table");
    assert_eq!(table.lines(), ["Result", "-----------", "hello-world"]);
    let tags = "az acr repository show-tags --name myregistry --repository hello-world --output table";
    assert_eq!(shell.run(tags).lines(), ["Result", "--------", "v1"]);
    shell.run(&format!("docker rmi --force {host}/hello-world:v1 hello-world"));
    let run = format!("docker run --rm --network=none {host}/hello-world:v1");
    shell.run(&run).says("hello from the registry");

    // The name in capitals is the same registry.
    shell.run("az acr login -n MyRegistry -g RG1").says("Login Succeeded");
    shell.forget_docker_logins();
    shell
        .command(&format!("docker pull {host}/hello-world:v1"))
        .fail()
        .says("unauthorized");
    shell.run("az group delete --name rg1 --yes");
    let gone = shell.command("az acr login --name myregistry").fail();
    gone.says("Unable to authenticate");
}

#[test]
fn the_token_that_az_exposes_signs_podman_and_skopeo_in() {
    let shell = Shell::start(&[]);
    let digest = shell.push("holdfast", "team/app:v1", "for podman");
    let token = "az acr login -n holdfast --expose-token";
    let exposed = shell.json(token);
    assert_eq!(exposed["username"], "00000000-0000-0000-0000-000000000000");
    assert_eq!(exposed["accessToken"], exposed["refreshToken"]);
    let host = exposed["loginServer"].as_str().expect("it names the login server");
    let secret = format!("{token} --query accessToken -o tsv");
    for client in ["podman", "skopeo"] {
        let login = format!(
            "{secret} | {client} login --tls-verify=false -u 00000000-0000-0000-0000-000000000000 --password-stdin {host}"
        );
        shell.run(&login).says("Login Succeeded");
        let inspect =
            format!("skopeo inspect --tls-verify=false --format '{{{{.Digest}}}}' docker://{host}/team/app:v1");
        assert_eq!(shell.run(&inspect).text(), digest);
        shell.run(&format!("{client} logout {host}"));
        shell.command(&inspect).fail();
    }

    // Signed out of the directory, with the admin account.
    let admin = format!("-n holdfast -u holdfast -p '{}'", shell.server.password());
    let signed_out = "export AZURE_CONFIG_DIR=\"$HOME/nobody\"\n";
    shell.run(&format!("{signed_out}{}", shell.cloud()));
    let list = |admin: &str| shell.command(&format!("{signed_out}az acr repository list {admin}"));
    assert_eq!(list(&admin).run().json(), json!(["team/app"]));
    list("-n holdfast -u holdfast -p wrong").fail();
}

#[test]
fn a_data_plane_role_allows_what_it_says_and_no_more() {
    let shell = Shell::with_docker(&[]);
    shell.push("holdfast", "team/app:v1", "with a role");
    let host = shell.json("az acr show -n holdfast --query loginServer");
    let host = host.as_str().expect("it has a login server");
    let image = format!("{host}/team/app:v1");
    // Name, may pull, may push, may delete, may see the registry in ARM. The one that deletes comes last.
    let roles = [
        ("AcrPull", true, false, false, false),
        ("AcrPush", true, true, false, false),
        ("Reader", true, false, false, true),
        ("AcrDelete", false, false, true, false),
    ];
    for (role, may_pull, may_push, may_delete, may_show) in roles {
        let principal = shell.principal(role, role, &[]);
        let expect = |may: bool, script: &str| {
            let output = shell.command(script).finish();
            assert_eq!(output.success(), may, "{role}: {output}");
            output
        };
        let login = format!("docker login -u {} -p {} {host}", principal.app_id, principal.password);
        shell.run(&login).says("Login Succeeded");
        shell.run("docker image prune --all --force");
        let pulled = expect(may_pull, &format!("docker pull {image}"));
        if may_pull {
            shell.run(&format!("docker tag {image} {host}/team/copy:{}", role.to_lowercase()));
            let pushed = expect(
                may_push,
                &format!("docker push {host}/team/copy:{}", role.to_lowercase()),
            );
            assert!(may_push || pushed.stderr.contains("denied"), "{pushed}");
        } else {
            pulled.says("denied");
        }
        shell.forget_docker_logins();
        if role == "AcrPush" {
            continue;
        }

        // The same through az, which needs no right in ARM to sign in.
        let as_principal = format!("export AZURE_CONFIG_DIR=\"$HOME/{role}\"\n");
        shell.run(&format!("{as_principal}{}\n{}", shell.cloud(), principal.login()));
        let login = format!("{as_principal}az acr login -n holdfast");
        shell.run(&login).says("Login Succeeded");
        expect(may_pull, &format!("docker pull {image}"));
        expect(may_show, &format!("{as_principal}az acr show -n holdfast"));
        expect(may_pull, &format!("{as_principal}az acr repository list -n holdfast"));
        // To delete an image az reads its tags first, which AcrDelete alone does not allow, in Azure neither.
        let delete = format!("{as_principal}az acr repository untag -n holdfast --image team/app:v1");
        expect(may_delete, &delete);
        shell.forget_docker_logins();
    }
    let copies = shell.json("az acr repository show-tags -n holdfast --repository team/copy");
    assert_eq!(copies, json!(["acrpush"]));
}
