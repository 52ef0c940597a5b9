//! Answers compared with Microsoft's API documents: the status must be one that the operation names, the body must have
//! the shape that the version says, with no member that it does not know. It refuses to judge what an answer says
//! beyond that, and knows of requests only which members a server must not take from them.

use std::path::Path;

use chrono::DateTime;
use serde_json::{Map, Value};

/// The versions of Azure Resource Manager's interface that there is a document of.
pub const ARM_VERSIONS: [&str; 6] = [
    "2017-10-01",
    "2019-05-01",
    "2021-09-01",
    "2022-12-01",
    "2023-07-01",
    "2023-11-01-preview",
];

/// One version of an interface.
#[derive(Debug)]
pub struct Document {
    operations: Map<String, Value>,
    definitions: Map<String, Value>,
}

/// What a document says of a method at a path.
#[derive(Debug)]
pub struct Operation<'d> {
    document: &'d Document,
    /// The method and the template of the path, as in the document.
    pub name: &'d str,
    answers: &'d Value,
}

impl Document {
    /// The document of Azure Resource Manager in a version of [`ARM_VERSIONS`].
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn arm(version: &str) -> Self {
        Self::read(&format!("arm-{version}"))
    }

    /// The document of the data plane.
    #[must_use]
    pub fn data_plane() -> Self {
        Self::read("dataplane-2021-07-01")
    }

    fn read(name: &str) -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi"));
        let text = std::fs::read_to_string(folder.join(format!("{name}.json")));
        let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
        let whole: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let part = |key: &str| whole[key].as_object().cloned().unwrap_or_default();
        Self {
            operations: part("operations"),
            definitions: part("definitions"),
        }
    }

    /// What the document says of a request; `None` when it does not know it. The path is as it was sent, without the
    /// query: a slash that is part of a name is encoded.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let mut found = self.operations.iter().filter(|(name, _)| {
            let known = name.split_once(' ');
            known.is_some_and(|(known, template)| known == method && fits(template, path))
        });
        found.next().map(|(name, answers)| Operation {
            document: self,
            name,
            answers,
        })
    }

    /// The methods and templates of all its operations below a path.
    pub fn operations_below<'d>(&'d self, path: &'d str) -> impl Iterator<Item = &'d str> {
        let names = self.operations.keys().map(String::as_str);
        names.filter(move |name| {
            name.split_once(' ')
                .is_some_and(|(_, template)| template.starts_with(path))
        })
    }

    /// A value of the definition `name` with every read-only text set to `text`: what a server must not take from a
    /// request.
    #[must_use]
    pub fn read_only(&self, name: &str, text: &str) -> Value {
        let mut value = Value::Object(Map::new());
        self.fill(&self.definitions[name], text, &mut value);
        value
    }

    fn fill(&self, schema: &Value, text: &str, value: &mut Value) {
        for (name, member) in self.members(schema) {
            let member = self.resolve(member);
            let is_text = member["type"] == "string";
            if member["readOnly"] == true && is_text {
                value[name] = Value::from(text);
            } else if member.get("properties").is_some() && member["readOnly"] != true {
                let mut inner = Value::Object(Map::new());
                self.fill(member, text, &mut inner);
                if inner.as_object().is_some_and(|inner| !inner.is_empty()) {
                    value[name] = inner;
                }
            }
        }
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let target = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next());
        match target {
            None => schema,
            Some(name) => self.resolve(&self.definitions[name]),
        }
    }

    /// The named members of an object, with those of the schemas it is made of.
    fn members<'s>(&'s self, schema: &'s Value) -> Vec<(&'s str, &'s Value)> {
        let schema = self.resolve(schema);
        let mut members = Vec::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            members.extend(self.members(part));
        }
        let own = schema["properties"].as_object().into_iter().flatten();
        members.extend(own.map(|(name, member)| (name.as_str(), member)));
        members
    }

    fn required<'s>(&'s self, schema: &'s Value) -> Vec<&'s str> {
        let schema = self.resolve(schema);
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let mut required: Vec<&str> = parts.flat_map(|part| self.required(part)).collect();
        required.extend(
            schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str),
        );
        required
    }

    fn compare(&self, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
        let schema = self.resolve(schema);
        let mut wrong = |what: &str| faults.push(format!("{path} is {value}, {what}"));
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            wrong("which is none of its values");
        }
        match schema["type"].as_str() {
            Some("string") => match value.as_str() {
                None => wrong("no text"),
                Some(text) if !has_format(text, schema["format"].as_str()) => wrong("not of its format"),
                Some(_) => {}
            },
            Some("integer") if !value.is_i64() => wrong("no integer"),
            Some("integer")
                if schema["format"] == "int32" && value.as_i64().is_some_and(|n| i32::try_from(n).is_err()) =>
            {
                wrong("beyond 32 bits");
            }
            Some("number") if !value.is_number() => wrong("no number"),
            Some("boolean") if !value.is_boolean() => wrong("neither true nor false"),
            Some("array") => match value.as_array() {
                None => wrong("no list"),
                Some(items) => {
                    for (index, item) in items.iter().enumerate() {
                        self.compare(&schema["items"], item, &format!("{path}[{index}]"), faults);
                    }
                }
            },
            Some("object") | None => self.compare_object(schema, value, path, faults),
            Some(_) => {}
        }
    }

    fn compare_object(&self, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
        let members = self.members(schema);
        if members.is_empty() && schema["type"] != "object" {
            return;
        }
        let Some(object) = value.as_object() else {
            faults.push(format!("{path} is {value}, no object"));
            return;
        };
        for name in self.required(schema) {
            if !object.contains_key(name) {
                faults.push(format!("{path} has no {name}"));
            }
        }
        let rest = schema.get("additionalProperties");
        for (name, item) in object {
            let path = format!("{path}.{name}");
            let member = members.iter().find(|(known, _)| known == name);
            match (member, rest) {
                (Some((_, member)), _) => {
                    let hidden = member["x-ms-mutability"].as_array();
                    if member["x-ms-secret"] == true || hidden.is_some_and(|all| !all.contains(&Value::from("read"))) {
                        faults.push(format!("{path} is not for answers"));
                    }
                    self.compare(member, item, &path, faults);
                }
                (None, Some(rest)) => self.compare(rest, item, &path, faults),
                (None, None) if members.is_empty() => {}
                (None, None) => faults.push(format!("{path} is unknown in this version")),
            }
        }
    }
}

impl Operation<'_> {
    /// What is wrong with an answer.
    #[must_use]
    pub fn faults(&self, status: u16, body: &[u8]) -> Vec<String> {
        let answer = self.answers.get(status.to_string());
        let answer = match answer {
            // That an error has no body means that its form is the usual one.
            None | Some(Value::Null) if status >= 400 => self.answers.get("default"),
            answer => answer,
        };
        match answer {
            None if status >= 400 => arm_error(body),
            None => vec![format!("the status {status} is unknown in this version")],
            // ACR writes null for nothing.
            Some(Value::Null) if body.is_empty() || body == b"null" => Vec::new(),
            Some(Value::Null) => vec![format!("the status {status} has no body in this version")],
            Some(schema) => match serde_json::from_slice::<Value>(body) {
                Err(error) => vec![format!("the body is no JSON: {error}")],
                Ok(mut value) => {
                    let mut faults = Vec::new();
                    // What resource providers add to ARM's form of an error, and no document tells of.
                    if let Some(error) = value.as_object_mut().filter(|_| status >= 400) {
                        error.retain(|name, value| name != "status" || value != "Failed");
                    }
                    self.document.compare(schema, &value, "body", &mut faults);
                    faults
                }
            },
        }
    }
}

/// Of errors the older documents say nothing; they all have ARM's form.
fn arm_error(body: &[u8]) -> Vec<String> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let has = |member: &str| value["error"][member].as_str().is_some_and(|text| !text.is_empty());
    let missing = ["code", "message"].into_iter().filter(|member| !has(member));
    missing
        .map(|member| format!("the error has no {member}: {value}"))
        .collect()
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted.starts_with('{') || wanted.eq_ignore_ascii_case(given) => {}
            _ => return false,
        }
    }
}

fn has_format(text: &str, format: Option<&str>) -> bool {
    match format {
        Some("date-time") => DateTime::parse_from_rfc3339(text).is_ok(),
        Some("uuid") => uuid::Uuid::try_parse(text).is_ok(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_a_wrong_shape_is_told() {
        let document = Document::arm("2019-05-01");
        let path = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ContainerRegistry/registries/r";
        let operation = document.find("GET", path).expect("a registry can be had");
        let body = r#"{"location":"local","sku":{"name":"Gold","tier":"Basic"},"tags":{"a":1},"properties":
            {"loginServer":5,"creationDate":"today","provisioningState":"Made","zoneRedundancy":"Disabled"}}"#;
        let faults = operation.faults(200, body.as_bytes());
        for (path, expected) in [
            ("body.sku.name", 1),
            ("body.sku.tier", 0),
            ("body.tags.a", 1),
            ("body.properties.loginServer", 1),
            ("body.properties.creationDate", 1),
            ("body.properties.provisioningState", 1),
            ("body.properties.zoneRedundancy is unknown", 1),
        ] {
            let found = faults.iter().filter(|fault| fault.starts_with(path)).count();
            assert_eq!(found, expected, "{path}: {faults:?}");
        }
        assert_eq!(operation.faults(200, b"{}").len(), 2, "location and sku are missing");
        assert_eq!(operation.faults(202, b"").len(), 1);
        assert_eq!(operation.faults(404, b"{}").len(), 2);
        assert!(document.find("POST", path).is_none());
    }

    #[test]
    fn what_a_server_must_not_take_is_known() {
        let value = Document::arm("2019-05-01").read_only("Registry", "x");
        assert_eq!(value["id"], "x");
        assert_eq!(value["properties"]["loginServer"], "x");
        assert!(value["properties"].get("adminUserEnabled").is_none());
    }
}
