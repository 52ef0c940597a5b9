//! Every way in which `az login` proves who it is: a certificate, a token of another issuer, a person at the sign-in page.

use holdfast_e2e::{Data, Sandbox, Server};
use serde_json::Value;

use crate::shell::Shell;

/// An issuer of tokens: it publishes its key over HTTPS, writes a token and then its own address into the folder, and
/// serves until it is ended.
const ISSUER: &str = r#"
import http.server, json, pathlib, ssl, sys, time
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
folder = pathlib.Path(sys.argv[1])
key = rsa.generate_private_key(65537, 2048)
jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "k1", "use": "sig"}
pages = {}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(pages.get(self.path, {})).encode()
        self.send_response(200 if self.path in pages else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(folder / "issuer.pem", folder / "issuer.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
issuer = f"https://localhost:{server.server_address[1]}"
pages["/.well-known/openid-configuration"] = {"issuer": issuer, "jwks_uri": issuer + "/keys"}
pages["/keys"] = {"keys": [jwk]}
now = int(time.time())
claims = {"iss": issuer, "sub": "system:serviceaccount:ci:builder", "aud": "api://AzureADTokenExchange", "iat": now, "exp": now + 600}
(folder / "token").write_text(jwt.encode(claims, key, algorithm="RS256", headers={"kid": "k1"}))
(folder / "address.new").write_text(issuer)
(folder / "address.new").rename(folder / "address")
server.serve_forever()
"#;

/// A browser that signs a person in: it opens a page, sends its form filled in, and goes where that leads. It keeps
/// cookies and knows no script.
const BROWSER: &str = r#"
import html, http.cookiejar, os, re, ssl, sys, urllib.parse, urllib.request
tls = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
browser = urllib.request.build_opener(urllib.request.HTTPSHandler(context=tls), jar)
def read(answer):
    text = answer.read().decode()
    hidden = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', text)
    action = re.search(r'action="([^"]*)"', text)
    action = urllib.parse.urljoin(answer.url, html.unescape(action[1])) if action else None
    return text, {name: html.unescape(value) for name, value in hidden}, action
def send(page, filled):
    _, fields, action = page
    action = action.split("?")[0]
    origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(action))
    body = urllib.parse.urlencode(fields | filled).encode()
    return read(browser.open(urllib.request.Request(action, body, {"Origin": origin})))
person = {"user_name": os.environ["PERSON"], "password": os.environ["PASSWORD"], "action": "sign-in"}
page = read(browser.open(sys.argv[1]))
if len(sys.argv) > 2:
    page = send(page, {"user_code": sys.argv[2]})
    assert "You are signed in" in send(page, person)[0]
else:
    send(send(page, person), {})
"#;

#[test]
fn az_signs_in_with_a_certificate_and_with_a_token_of_another_issuer() {
    let folder = Sandbox::new();
    let place = folder.work().display().to_string();
    folder.write("issuer.py", ISSUER);
    let make = format!(
        "cd '{place}'; for name in issuer app; do openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
         -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost \
         -keyout $name.key -out $name.pem 2>&1; done; cat app.key app.pem >both.pem"
    );
    folder.tool("bash").args(["-ec", &make]).run();
    let root = format!("{place}/issuer.pem");
    let server = Server::open(Data::new(), &["--allow-outgoing", "localhost", "--outgoing-ca", &root]);
    let shell = Shell::signed_out_at(server, &["azcert1"]);
    let (owner, app) = (
        shell.principal("owner", "Owner", &[]),
        shell.principal("app", "Reader", &[]),
    );
    shell.run(&owner.login());
    let app_id = &app.app_id;
    shell.run(&format!(
        "az ad app credential reset --id {app_id} --cert @'{place}/app.pem' --append"
    ));
    let certificate = format!(
        "az login --service-principal -u {app_id} --tenant {} --certificate",
        app.tenant
    );
    shell.run("az logout");
    shell
        .command(&format!(
            "cat '{place}/issuer.key' '{place}/issuer.pem' >other.pem; {certificate} other.pem"
        ))
        .fail()
        .says("AADSTS700027");
    shell.run(&format!("{certificate} '{place}/both.pem'"));
    assert_eq!(
        shell.json("az acr list --query '[].name'"),
        serde_json::json!(["holdfast"])
    );
    assert_eq!(shell.json("az acr repository list -n holdfast"), serde_json::json!([]));

    // Another application: az keeps the tokens of one that it signed out.
    let ci = shell.principal("ci", "Reader", &[]);
    let ci_id = &ci.app_id;
    let with_issuer = |script: &str| {
        format!(
            "python3 '{place}/issuer.py' '{place}' & trap \"kill $!\" EXIT\n\
             until [ -s '{place}/address' ]; do sleep 0.1; done; issuer=$(cat '{place}/address')\n\
             login=\"az login --service-principal -u {ci_id} --tenant {} --federated-token $(cat '{place}/token')\"\n{script}",
            ci.tenant
        )
    };
    let trust = |subject: &str| {
        format!(
            "az ad app federated-credential create --id {ci_id} --parameters \
             \"{{\\\"name\\\":\\\"builder\\\",\\\"issuer\\\":\\\"$issuer\\\",\\\"subject\\\":\\\"{subject}\\\",\
             \\\"audiences\\\":[\\\"api://AzureADTokenExchange\\\"]}}\" >&2"
        )
    };
    let script = format!(
        "{}\nif $login 2>refusal; then exit 1; fi; grep -q AADSTS700211 refusal\n{}\naz logout; $login >&2\n\
         az acr list --query '[].name' >names; az acr repository list -n holdfast >&2; cat names",
        owner.login() + " >&2",
        trust("system:serviceaccount:ci:builder")
    );
    assert_eq!(shell.json(&with_issuer(&script)), serde_json::json!(["holdfast"]));
}

#[test]
fn az_signs_a_person_in_at_the_page() {
    let shell = Shell::signed_out(&[]);
    let place = shell.sandbox.work().display().to_string();
    shell.sandbox.write("person.py", BROWSER);
    let made = shell.server.operate(&[
        "user",
        "create",
        "ann@example.org",
        "--role",
        "Reader",
        "--output",
        "json",
    ]);
    let made: Value = serde_json::from_str(&made).expect("a user is printed as JSON");
    let password = made["password"].as_str().unwrap_or_default();
    let person = format!("export PERSON=ann@example.org PASSWORD='{password}'");
    // The code is in a warning.
    let device = format!(
        "{person}\nAZURE_CORE_ONLY_SHOW_ERRORS=false az login --use-device-code >accounts 2>said & login=$!\n\
         until grep -q 'enter the code' said; do sleep 0.2; done\n\
         page=$(grep -o 'https://[^ ]*/devicelogin' said | head -n 1); code=$(grep -o 'code [B-Z]*' said | cut -d' ' -f2 | head -n 1)\n\
         python3 '{place}/person.py' \"$page\" \"$code\"\nwait $login; cat accounts"
    );
    let accounts = shell.json(&device);
    assert_eq!(
        accounts[0]["user"],
        serde_json::json!({ "name": "ann@example.org", "type": "user" })
    );
    assert_eq!(
        shell.json("az acr list --query '[].name'"),
        serde_json::json!(["holdfast"])
    );
    assert_eq!(shell.json("az acr repository list -n holdfast"), serde_json::json!([]));
    shell
        .command("az group create -n rg1 -l local")
        .fail()
        .says("AuthorizationFailed");

    // What az opens as a browser comes back at once; the person takes a while.
    let browser = format!("#!/bin/sh\npython3 '{place}/person.py' \"$1\" >'{place}/browser.log' 2>&1 &\n");
    shell.sandbox.write("browser", browser);
    let login = format!("{person}\nchmod +x '{place}/browser'; az logout; BROWSER='{place}/browser' az login");
    let accounts = shell.json(&login);
    assert_eq!(accounts[0]["user"]["name"], "ann@example.org");
    assert_eq!(shell.json("az acr repository list -n holdfast"), serde_json::json!([]));
    shell.server.operate(&["user", "disable", "ann@example.org"]);
    shell.command("az acr list").fail();
}
