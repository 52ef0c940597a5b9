//! Every text that a caller has stored, at its greatest length and one longer: the one is read back whole wherever it is
//! shown, the other is refused by the name of the input, and what was there stays.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use holdfast_access::RoleId;
use serde_json::{Value, json};

use super::{A, Cloud, R, REGISTRY, SCOPE_MAP, V, json as body_of, role::ASSIGNMENTS};

/// Container Registry Repository Reader, whose assignments may have conditions.
const READER: &str = "b93aa761-3e63-49ed-ac28-beffa264f7ac";

/// What is sent for a text, and where it is shown; `{T}` stands for the text where it is a name in a path.
struct Input {
    /// What a refusal names.
    named: &'static str,
    longest: String,
    over: String,
    method: &'static str,
    path: String,
    body: Box<dyn Fn(&str) -> Value>,
    shown: Vec<String>,
}

impl Input {
    /// A text whose length is counted in these letters.
    fn of(named: &'static str, (letter, most): (&str, usize), (method, path): (&'static str, &str)) -> Self {
        Self {
            named,
            longest: letter.repeat(most),
            over: letter.repeat(most + 1),
            method,
            path: path.to_owned(),
            body: Box::new(|_| Value::Null),
            shown: Vec::new(),
        }
    }

    fn with(mut self, body: impl Fn(&str) -> Value + 'static) -> Self {
        self.body = Box::new(body);
        self
    }

    fn seen<const N: usize>(mut self, shown: [&str; N]) -> Self {
        self.shown = shown.map(str::to_owned).into();
        self
    }
}

/// Tags of a resource at a path, and where they are listed.
fn tags(path: &str, lists: &[String]) -> [Input; 2] {
    [("é", 512, true), ("é", 256, false)].map(|(letter, most, is_name)| {
        let tagged = move |text: &str| {
            if is_name {
                json!({ text: "v" })
            } else {
                json!({ "n": text })
            }
        };
        let mut input =
            Input::of("tag", (letter, most), ("PATCH", path)).with(move |text| json!({ "tags": tagged(text) }));
        input.shown = [path.to_owned()].into_iter().chain(lists.iter().cloned()).collect();
        input
    })
}

fn registry() -> Value {
    serde_json::from_str(&REGISTRY.replace("Basic", "Premium")).unwrap()
}

fn resources(subscription: &str) -> Vec<Input> {
    let s = |rest: &str| format!("{subscription}/{rest}{V}");
    let of = |provider: &str, rest: &str| format!("{}{rest}{V}", provider.replace("{S}", subscription));
    let (group, resources) = (s("resourceGroups/{T}"), s("resources"));
    let local = |_: &str| json!({ "location": "local" });
    let registries = s("providers/Microsoft.ContainerRegistry/registries");
    let accounts = s("providers/Microsoft.Storage/storageAccounts");
    let mut inputs = vec![
        Input::of("resource group", ("g", 90), ("PUT", &group))
            .with(local)
            .seen([&group, &s("resourceGroups")]),
        Input::of("resource name", ("r", 50), ("PUT", &of(R, "{T}")))
            .with(|_| registry())
            .seen([&of(R, "{T}"), &registries, &resources]),
        Input::of("resource name", ("a", 24), ("PUT", &of(A, "{T}")))
            .with(local)
            .seen([&of(A, "{T}"), &accounts, &resources]),
    ];
    inputs.extend(tags(&s("resourceGroups/rg"), &[s("resourceGroups")]));
    inputs.extend(tags(&of(R, "mine1"), &[registries, resources.clone()]));
    inputs.extend(tags(&of(A, "store1"), &[accounts, resources]));
    inputs
}

fn in_registry(subscription: &str, principal: &str) -> Vec<Input> {
    let r = |rest: &str| format!("{R}mine1{rest}{V}").replace("{S}", subscription);
    let (maps, map, token) = (r("/scopeMaps"), r("/scopeMaps/{T}"), r("/tokens/{T}"));
    let system = format!("{R}mine1/scopeMaps/_repositories_pull").replace("{S}", subscription);
    let role = r(&format!("{ASSIGNMENTS}/00000000-0000-4000-8000-000000000001"));
    let roles = r(ASSIGNMENTS);
    let assigned = |name: &'static str| {
        let principal = principal.to_owned();
        move |text: &str| {
            let mut properties = json!({
                "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{READER}"),
                "principalId": principal, "principalType": "ServicePrincipal", "conditionVersion": "2.0",
            });
            properties[name] = json!(text);
            json!({ "properties": properties })
        }
    };
    let condition = |length: usize| {
        let text = "ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'}";
        format!("({}{text})", " ".repeat(length - 2 - text.len()))
    };
    let mut condition_input = Input::of("condition", ("", 0), ("PUT", &role))
        .with(assigned("condition"))
        .seen([&role, &roles]);
    (condition_input.longest, condition_input.over) = (condition(8192), condition(8193));
    let action = |name: usize| format!("repositories/{}/metadata/write", "n".repeat(name));
    let mut action_input = Input::of("actions", ("", 0), ("PATCH", &r("/scopeMaps/pullers")))
        .with(|text| json!({ "properties": { "actions": [text] } }))
        .seen([&r("/scopeMaps/pullers"), &maps]);
    (action_input.longest, action_input.over) = (action(255), action(256));
    let imported = |field: fn(&str) -> (&'static str, Value)| {
        move |text: &str| {
            let (name, value) = field(text);
            let mut source = json!({ "registryUri": "up.example", "sourceImage": "app:v1" });
            source[name] = value;
            json!({ "source": source, "targetTags": ["app:v1"] })
        }
    };
    let imports = r("/importImage");
    let import = |named, most| Input::of(named, ("n", most), ("POST", &imports));
    vec![
        Input::of("resource name", ("m", 50), ("PUT", &map))
            .with(|_| serde_json::from_str(SCOPE_MAP).unwrap())
            .seen([&map, &maps]),
        Input::of("description", ("d", 2048), ("PATCH", &r("/scopeMaps/pullers")))
            .with(|text| json!({ "properties": { "description": text } }))
            .seen([&r("/scopeMaps/pullers"), &maps]),
        action_input,
        Input::of("resource name", ("t", 50), ("PUT", &token))
            .with(move |_| json!({ "properties": { "scopeMapId": system } }))
            .seen([&token, &r("/tokens")]),
        Input::of("properties.description", ("é", 1024), ("PUT", &role))
            .with(assigned("description"))
            .seen([&role, &roles]),
        condition_input,
        import("source", 255).with(imported(|text| ("registryUri", json!(text)))),
        import("source", 255).with(imported(|text| {
            ("credentials", json!({ "username": text, "password": "p" }))
        })),
        import("source", 16 << 10).with(imported(|text| ("credentials", json!({ "password": text })))),
        import("source.sourceImage", 255).with(imported(|text| ("sourceImage", json!(text)))),
        import("source.sourceImage", 128).with(imported(|text| ("sourceImage", json!(format!("app:{text}"))))),
        import("targetTags", 128).with(|text| {
            json!({ "source": { "registryUri": "up.example", "sourceImage": "app:v1" },
                "targetTags": [format!("app:{text}")] })
        }),
    ]
}

fn in_directory(app: &str) -> Vec<Input> {
    let application = format!("/v1.0/applications/{app}");
    let all = "/v1.0/applications";
    let federated = format!("{application}/federatedIdentityCredentials");
    let one = format!("{federated}/ci-1");
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    let certificate = STANDARD.encode(made.der());
    let expression = |text: &str| json!({ "value": format!("claims['sub'] matches '{text}'") });
    let change = |named, most, field: fn(&str) -> Value| {
        let input = Input::of(named, ("é", most), ("PATCH", &one)).with(field);
        input.seen([&one, &federated])
    };
    let mut issuer = change("issuer", 1, |text| json!({ "issuer": text }));
    let url = |length: usize| format!("https://{}", "i".repeat(length - 8));
    (issuer.longest, issuer.over) = (url(600), url(601));
    let mut name = Input::of("name", ("n", 120), ("POST", &federated)).with(
        |text| json!({ "name": text, "issuer": "https://other.example", "subject": "s", "audiences": ["api://x"] }),
    );
    name.shown = vec![format!("{federated}/{{T}}"), federated.clone()];
    vec![
        Input::of("displayName", ("é", 256), ("PATCH", &application))
            .with(|text| json!({ "displayName": text }))
            .seen([&application, all, "/v1.0/servicePrincipals"]),
        Input::of(
            "displayName",
            ("é", 120),
            ("POST", &format!("{application}/addPassword")),
        )
        .with(|text| json!({ "passwordCredential": { "displayName": text } }))
        .seen([&application, all, "/v1.0/servicePrincipals"]),
        Input::of("displayName", ("é", 120), ("PATCH", &application))
            .with(move |text| json!({ "keyCredentials": [{ "displayName": text, "key": certificate }] }))
            .seen([&application, all, "/v1.0/servicePrincipals"]),
        name,
        issuer,
        change("subject", 600, |text| json!({ "subject": text })),
        change("audiences", 600, |text| json!({ "audiences": [text] })),
        change("description", 600, |text| json!({ "description": text })),
        Input {
            body: Box::new(move |text| json!({ "claimsMatchingExpression": expression(text) })),
            ..change("claimsMatchingExpression", 600, |_| Value::Null)
        },
    ]
}

/// A group, a registry and an account, a scope map in the registry, and an application with a federated credential.
async fn start() -> (Cloud, String, [String; 2]) {
    let cloud = Cloud::start().await;
    let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
    for (path, body) in [
        (
            format!("{{S}}/resourceGroups/rg{V}"),
            r#"{"location":"local"}"#.to_owned(),
        ),
        (format!("{R}mine1{V}"), registry().to_string()),
        (format!("{A}store1{V}"), r#"{"location":"local"}"#.to_owned()),
        (format!("{R}mine1/scopeMaps/pullers{V}"), SCOPE_MAP.to_owned()),
    ] {
        let made = cloud.send("PUT", &path, Some(&owner), &body).await;
        assert!(made.status().is_success(), "{path}: {}", body_of(&made));
    }
    let (app, principal, _) = cloud.application(&owner, "one").await;
    let [app, principal] = [app, principal].map(|object| object["id"].as_str().unwrap().to_owned());
    let credential = json!({
        "name": "ci-1", "issuer": "https://issuer.example", "subject": "repo:a", "audiences": ["api://x"],
    });
    let path = format!("/applications/{app}/federatedIdentityCredentials");
    assert_eq!(cloud.graph("POST", &path, &owner, credential).await.0, 201);
    (cloud, owner, [app, principal])
}

/// Whether a text stands in a document: as a value, as a name, or as the end of a path.
fn shows(document: &Value, text: &str) -> bool {
    match document {
        Value::String(value) => value == text || value.contains(text),
        Value::Array(items) => items.iter().any(|item| shows(item, text)),
        Value::Object(fields) => fields.iter().any(|(name, value)| name == text || shows(value, text)),
        _ => false,
    }
}

#[tokio::test]
async fn the_longest_texts_are_shown_whole_and_longer_ones_are_refused_by_name() {
    let (cloud, owner, [app, principal]) = start().await;
    let subscription = cloud.subscription.clone();
    let inputs = resources(&subscription)
        .into_iter()
        .chain(in_registry(&subscription, &principal));
    let mut faults = Vec::new();
    for input in inputs.chain(in_directory(&app)) {
        let send = async |text: &str| {
            let body = (input.body)(text).to_string();
            let path = input.path.replace("{T}", text);
            let answer = cloud.send(input.method, &path, Some(&owner), &body).await;
            (answer.status().as_u16(), body_of(&answer))
        };
        let read = async |text: &str| {
            let mut shown = Vec::new();
            for path in &input.shown {
                let answer = cloud.send("GET", &path.replace("{T}", text), Some(&owner), "").await;
                assert_eq!(answer.status(), 200, "{path}: {}", body_of(&answer));
                shown.push(body_of(&answer));
            }
            shown
        };
        let place = format!("{} of {} {}", input.named, input.method, input.path);
        let (status, answer) = send(&input.longest).await;
        assert!((200..300).contains(&status), "{place}: {status} {answer}");
        let kept = read(&input.longest).await;
        for (document, path) in kept.iter().zip(&input.shown) {
            assert!(shows(document, &input.longest), "{place} in {path}: {document}");
        }
        let (status, answer) = send(&input.over).await;
        let told = answer["error"].to_string().to_lowercase();
        if status != 400 || !told.contains(&input.named.to_lowercase()) {
            faults.push(format!("{place}: {status} {answer}"));
        }
        assert_eq!(read(&input.longest).await, kept, "{place}");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
