//! Reading of a body's properties one by one: a value of a wrong kind is told by its path, and names count without regard
//! to case, as in ARM. It refuses to know what the properties mean.

use holdfast_arm::Error as Arm;
use serde_json::{Map, Value};

/// An object in a body, with its path from the top.
#[derive(Debug, Clone)]
pub(crate) struct Object<'v> {
    fields: Option<&'v Map<String, Value>>,
    path: String,
}

impl<'v> Object<'v> {
    /// The body itself.
    pub(crate) fn of_body(body: &'v Value) -> Result<Self, Arm> {
        Self::of(Some(body), String::new())
    }

    fn of(value: Option<&'v Value>, path: String) -> Result<Self, Arm> {
        match value {
            None | Some(Value::Null) => Ok(Self { fields: None, path }),
            Some(Value::Object(fields)) => Ok(Self {
                fields: Some(fields),
                path,
            }),
            Some(other) => Err(wrong(&path, "an object", other)),
        }
    }

    /// The path of a property.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// A property, unless it is absent or null.
    pub(crate) fn value(&self, name: &str) -> Option<&'v Value> {
        let fields = self.fields?;
        let folded = || fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        let found = fields.get(name).or_else(|| folded().map(|(_, value)| value));
        found.filter(|value| !value.is_null())
    }

    /// An object; one that is absent has no properties.
    pub(crate) fn object(&self, name: &str) -> Result<Self, Arm> {
        Self::of(self.value(name), self.path_of(name))
    }

    /// The objects of a list.
    pub(crate) fn objects(&self, name: &str) -> Result<Option<Vec<Self>>, Arm> {
        let path = self.path_of(name);
        let values = self.read(name, "a list", Value::as_array)?;
        let object = |(index, value)| match value {
            &Value::Null => Err(wrong(&format!("{path}[{index}]"), "an object", value)),
            value => Self::of(Some(value), format!("{path}[{index}]")),
        };
        values
            .map(|values| values.iter().enumerate().map(object).collect())
            .transpose()
    }

    pub(crate) fn bool(&self, name: &str) -> Result<Option<bool>, Arm> {
        self.read(name, "true or false", Value::as_bool)
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'v str>, Arm> {
        self.read(name, "a text", Value::as_str)
    }

    /// A whole number between zero and a limit.
    pub(crate) fn number_up_to(&self, name: &str, most: u32) -> Result<Option<u32>, Arm> {
        let given = self.read(name, "a whole number", |value| value.as_i64())?;
        let Some(given) = given else { return Ok(None) };
        match u32::try_from(given) {
            Ok(number) if number <= most => Ok(Some(number)),
            _ => Err(Arm::invalid_parameter(
                &self.path_of(name),
                &format!("The value must be between 0 and {most}."),
            )),
        }
    }

    /// One of a few words, in any case, as what it stands for.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Arm> {
        let Some(given) = self.text(name)? else { return Ok(None) };
        match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(given)) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let why = format!("The value must be one of {}.", known.join(", "));
                Err(Arm::invalid_parameter(&self.path_of(name), &why))
            }
        }
    }

    fn read<T>(&self, name: &str, kind: &str, read: impl FnOnce(&'v Value) -> Option<T>) -> Result<Option<T>, Arm> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(wrong(&self.path_of(name), kind, value)),
        }
    }
}

fn wrong(path: &str, wanted: &str, found: &Value) -> Arm {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let what = if path.is_empty() { "the body" } else { path };
    Arm::invalid_request_content(&format!("{what} must be {wanted}, not {found}")).with_target(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wrong_kind_is_told_by_its_path() {
        let body = json!({ "a": { "On": true, "n": 3, "no": null, "list": [{ "x": "y" }, 7] } });
        let top = Object::of_body(&body).unwrap();
        let a = top.object("a").unwrap();
        assert_eq!(
            (a.bool("on").unwrap(), a.number_up_to("n", 3).unwrap()),
            (Some(true), Some(3))
        );
        assert_eq!((a.bool("no").unwrap(), a.text("absent").unwrap()), (None, None));
        for (told, error) in [
            ("a.On must be a text, not true or false", a.text("On").unwrap_err()),
            (
                "a.list[1] must be an object, not a number",
                a.objects("list").unwrap_err(),
            ),
            ("a.n must be an object, not a number", a.object("n").unwrap_err()),
            ("between 0 and 2", a.number_up_to("n", 2).unwrap_err()),
            (
                "the body must be an object, not a list",
                Object::of_body(&json!([])).unwrap_err(),
            ),
        ] {
            assert!(error.message().contains(told), "{error}");
        }
        let error = top.word("a", &[("x", 1)]).unwrap_err();
        assert_eq!(error.target(), Some("a"));
    }
}
