//! Pages of a list: `{"value":[…],"nextLink":"https://…"}`. What the link says is the face's; this knows only the form.

use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, never absent: clients iterate over it without asking.
    pub value: Vec<T>,
    /// The absolute URL of the next page; left out of the last one (ACR never sends `null` here).
    #[serde(rename = "nextLink", default, skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
}

impl<T> Page<T> {
    /// The one page of a list that fits into one.
    #[must_use]
    pub fn whole(value: Vec<T>) -> Self {
        Self { value, next_link: None }
    }

    /// A page with another one after it.
    #[must_use]
    pub fn followed(value: Vec<T>, next_link: String) -> Self {
        Self {
            value,
            next_link: Some(next_link),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_link() {
        assert_eq!(
            serde_json::to_string(&Page::whole(vec![1])).unwrap(),
            r#"{"value":[1]}"#
        );
        assert_eq!(
            serde_json::to_string(&Page::<u8>::whole(vec![])).unwrap(),
            r#"{"value":[]}"#
        );
    }

    #[test]
    fn another_page_is_linked() {
        let page = Page::followed(vec![1], "https://localhost/next".to_owned());
        let json = r#"{"value":[1],"nextLink":"https://localhost/next"}"#;
        assert_eq!(serde_json::to_string(&page).unwrap(), json);
        assert_eq!(serde_json::from_str::<Page<i32>>(json).unwrap(), page);
    }
}
