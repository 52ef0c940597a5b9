//! Every list of ARM and Graph walked in pages while its rows are deleted and renamed and others are made
//! (ARCHITECTURE.md, law 9). A new list fails the test until it is walked, or said to be one page always.

use std::collections::BTreeSet;

use holdfast_access::{ControlCaller, RoleId, decide_control};
use holdfast_api_management::{GraphRoute, Route};
use holdfast_arm::ResourceId;
use holdfast_directory::NewPerson;
use holdfast_face::Served;
use serde_json::{Value, json};

use super::{A, Cloud, R, REGISTRY, SCOPE_MAP, V, json as body_of, role::ASSIGNMENTS};

const BASE: &str = "https://localhost:5443";
/// Rows that a list gets, besides those that are there.
const ROWS: usize = 8;
/// Pages after which rows are changed.
const DISTURBED_PAGES: usize = 2;
/// Pages after which a walk does not end.
const MOST_PAGES: usize = 40;
/// What becomes of rows between two pages.
const CHANGES: [&str; 3] = ["delete", "change", "make"];

/// Lists of what is always few: one page, whatever is asked for.
const WHOLE: [&str; 11] = [
    "arm.tenants.list",
    "arm.subscriptions.list",
    "arm.locations.list",
    "arm.providers.list",
    "arm.registries.list-credentials",
    "arm.registries.list-usages",
    "arm.registries.list-policies",
    "arm.replications.list",
    "arm.unserved.list",
    "arm.role-definitions.list",
    "arm.deny-assignments.list",
];
/// Of these, an application has 20 at most.
const FEDERATED: &str = "graph.federated-credentials.list";

/// What a list's rows are, and the list.
fn lists() -> Vec<(&'static str, String)> {
    let of_subscription = |rest: &str| format!("{{S}}/{rest}{V}");
    let of_group = |rest: &str| format!("{{S}}/resourceGroups/rg/{rest}{V}");
    let of_registry = |rest: &str| format!("{R}mine1/{rest}{V}");
    let (registries, accounts) = (
        "providers/Microsoft.ContainerRegistry/registries",
        "providers/Microsoft.Storage/storageAccounts",
    );
    vec![
        ("group", of_subscription("resourceGroups")),
        ("registry", of_subscription("resources")),
        ("account", of_subscription("resources")),
        ("registry", of_group("resources")),
        ("account", of_group("resources")),
        ("registry", of_subscription(registries)),
        ("registry", of_group(registries)),
        ("account", of_subscription(accounts)),
        ("account", of_group(accounts)),
        ("scope map", of_registry("scopeMaps")),
        ("token", of_registry("tokens")),
        ("assignment", format!("{{S}}{ASSIGNMENTS}{V}")),
        ("application", "/v1.0/applications?".to_owned()),
        ("principal", "/v1.0/servicePrincipals?".to_owned()),
        ("person", "/v1.0/users?".to_owned()),
    ]
}

struct Stage {
    cloud: Cloud,
    owner: String,
    labels: BTreeSet<&'static str>,
}

impl Stage {
    async fn set() -> Self {
        let cloud = Cloud::start().await;
        let (_, owner) = cloud.principal(RoleId::OWNER, &cloud.subscription).await;
        let mut stage = Self {
            cloud,
            owner,
            labels: BTreeSet::new(),
        };
        stage
            .put(&format!("{{S}}/resourceGroups/rg{V}"), r#"{"location":"local"}"#)
            .await;
        stage
            .put(&format!("{R}mine1{V}"), &REGISTRY.replace("Basic", "Premium"))
            .await;
        stage
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.cloud.send(method, path, Some(&self.owner), body).await;
        let served: &Served = answer.extensions().get().unwrap();
        self.labels.insert(served.route);
        assert!(answer.status().is_success(), "{method} {path}: {}", body_of(&answer));
        body_of(&answer)
    }

    async fn put(&mut self, path: &str, body: &str) {
        self.ask("PUT", path, body).await;
    }

    /// Makes the row of a number.
    async fn make(&mut self, kind: &str, number: usize) {
        // In both cases of letters, and on both sides of what lies between them: a name keeps its own and is sorted
        // without.
        let name = format!("{}row{number}", ["R_", "r", "0"][number % 3]);
        let plain: String = name.replace('_', "").to_lowercase();
        let local = r#"{"location":"local"}"#;
        match kind {
            "group" => self.put(&format!("{{S}}/resourceGroups/{name}{V}"), local).await,
            "registry" => self.put(&format!("{R}{plain}{V}"), REGISTRY).await,
            "account" => self.put(&format!("{A}{plain}{V}"), local).await,
            "scope map" => self.put(&format!("{R}mine1/scopeMaps/{name}{V}"), SCOPE_MAP).await,
            "token" => {
                let map = format!("{R}mine1/scopeMaps/_repositories_pull").replace("{S}", &self.cloud.subscription);
                let body = json!({ "properties": { "scopeMapId": map } }).to_string();
                self.put(&format!("{R}mine1/tokens/{}{V}", name.replace('_', "-")), &body)
                    .await;
            }
            "assignment" => drop(self.cloud.principal(RoleId::READER, &self.cloud.subscription).await),
            "person" => self.person(&name).await,
            _ => {
                let body = json!({ "displayName": name }).to_string();
                let made = self.ask("POST", "/v1.0/applications", &body).await;
                let body = json!({ "appId": made["appId"] }).to_string();
                self.ask("POST", "/v1.0/servicePrincipals", &body).await;
            }
        }
    }

    async fn person(&self, name: &str) {
        let (operator, cloud) = (ControlCaller::operator(), &self.cloud);
        let new = NewPerson {
            user_name: format!("{name}@example.org").parse().unwrap(),
            display_name: name.to_owned(),
            verifier: "nobody signs in".to_owned(),
        };
        let everywhere = decide_control(&operator, &ResourceId::root()).unwrap();
        cloud
            .registry
            .operator()
            .directory()
            .create_person(&everywhere, None, new)
            .await
            .unwrap();
    }

    /// Ends a row or writes it again, as a change says.
    async fn change(&mut self, kind: &str, change: &str, row: &Value) {
        let id = row["id"].as_str().unwrap();
        let (method, path, body) = match (kind, change) {
            ("person", _) => return self.change_person(change, row).await,
            ("application", "change") => (
                "PATCH",
                format!("/v1.0/applications/{id}"),
                json!({ "displayName": "zz" }),
            ),
            ("application", _) => ("DELETE", format!("/v1.0/applications/{id}"), Value::Null),
            ("principal", "change") => {
                let (path, body) = (
                    format!("/v1.0/servicePrincipals/{id}"),
                    json!({ "accountEnabled": false }),
                );
                ("PATCH", path, body)
            }
            ("principal", _) => ("DELETE", format!("/v1.0/servicePrincipals/{id}"), Value::Null),
            ("assignment", "change") => {
                let mut properties = row["properties"].clone();
                properties["description"] = json!("again");
                ("PUT", format!("{id}{V}"), json!({ "properties": properties }))
            }
            ("scope map", "change") => (
                "PATCH",
                format!("{id}{V}"),
                json!({ "properties": { "description": "d" } }),
            ),
            ("token", "change") => (
                "PATCH",
                format!("{id}{V}"),
                json!({ "properties": { "status": "disabled" } }),
            ),
            (_, "change") => ("PATCH", format!("{id}{V}"), json!({ "tags": { "a": "b" } })),
            _ => ("DELETE", format!("{id}{V}"), Value::Null),
        };
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.ask(method, &path, &body).await;
    }

    async fn change_person(&self, change: &str, row: &Value) {
        let (registry, operator) = (&self.cloud.registry, ControlCaller::operator());
        let name = row["userPrincipalName"].as_str().unwrap().parse().unwrap();
        if change == "change" {
            let grant = decide_control(&operator, &ResourceId::root()).unwrap();
            registry.directory().enable_person(&grant, name, false).await.unwrap();
        } else {
            let grant = decide_control(&operator, &ResourceId::root()).unwrap();
            registry.directory().delete_person(&grant, name).await.unwrap();
        }
    }

    /// A page, and where the next one is.
    async fn read(&mut self, path: &str) -> (Vec<Value>, Option<String>) {
        let page = self.ask("GET", path, "").await;
        let link = page["nextLink"].as_str().or(page["@odata.nextLink"].as_str());
        let next = link.map(|link| link.strip_prefix(BASE).expect("the link is absolute").to_owned());
        (page["value"].as_array().expect("a page has a list").clone(), next)
    }
}

fn id(row: &Value) -> &str {
    row["id"].as_str().expect("a row has an id")
}

/// Whether a row may be changed: not what everything else stands on.
fn is_made_here(row: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let name = text(&row["name"]) + &text(&row["displayName"]);
    name.contains("row") || text(&row["properties"]["roleDefinitionId"]).ends_with(&RoleId::READER.to_string())
}

/// The list in pages of `top`, with changes after the first ones: of their last row, one before it and one behind it.
async fn walk(kind: &str, list: &str, change: &str, top: usize) -> BTreeSet<&'static str> {
    let mut stage = Stage::set().await;
    for number in 0..ROWS {
        // Not in the order of their names.
        stage.make(kind, number * 3 % ROWS).await;
    }
    let (whole, next) = stage.read(list).await;
    assert!(whole.len() >= ROWS && next.is_none(), "{list}: {whole:?}");
    let place = format!("{list}, {change}, by {top}");
    let (mut seen, mut victims, mut pages) = (Vec::new(), BTreeSet::new(), 0);
    let mut next = Some(format!("{list}&$top={top}"));
    while let Some(path) = next {
        pages += 1;
        assert!(pages < MOST_PAGES, "{place} never ends: {seen:?}");
        let (rows, link) = stage.read(&path).await;
        next = link;
        assert!(
            rows.len() <= top && (next.is_none() || !rows.is_empty()),
            "{place}: {rows:?}"
        );
        seen.extend(rows.iter().map(|row| id(row).to_owned()));
        let marker = whole
            .iter()
            .position(|row| Some(id(row)) == seen.last().map(String::as_str));
        let Some(marker) = marker.filter(|_| victims.len() < 3 * DISTURBED_PAGES) else {
            continue;
        };
        if change == "make" && pages <= DISTURBED_PAGES {
            for number in 0..3 {
                stage.make(kind, pages * ROWS + number).await;
            }
        }
        for row in [Some(marker), marker.checked_sub(1), Some(marker + 2)]
            .into_iter()
            .flatten()
        {
            let row = whole.get(row).filter(|row| change != "make" && is_made_here(row));
            if let Some(row) = row.filter(|row| victims.insert(id(row))) {
                stage.change(kind, change, row).await;
            }
        }
    }
    assert!(change == "make" || !victims.is_empty(), "{place}: nothing was changed");
    // Another name moves an application, and nothing else.
    let is_steady = |row: &&Value| !victims.contains(id(row)) || change == "change" && kind != "application";
    for row in whole.iter().filter(is_steady) {
        let times = seen.iter().filter(|found| *found == id(row)).count();
        assert_eq!(times, 1, "{} in {place}: {seen:?}", id(row));
    }
    stage.labels
}

#[tokio::test]
async fn every_list_shows_once_what_stays_whatever_becomes_of_other_rows() {
    let mut labels = BTreeSet::new();
    for (kind, list) in lists() {
        for change in CHANGES {
            for top in [1, 3] {
                labels.extend(walk(kind, &list, change, top).await);
            }
        }
    }
    let walked: BTreeSet<&str> = labels.into_iter().filter(|label| label.contains(".list")).collect();
    let all = Route::labels().chain(GraphRoute::LABELS.iter().copied());
    let paged = all.filter(|label| label.contains(".list") && !WHOLE.contains(label) && *label != FEDERATED);
    assert_eq!(walked, paged.collect());
}
