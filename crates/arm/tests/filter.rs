//! Filters: those that Azure's clients are known to send, and what is refused.

use std::collections::BTreeMap;

use holdfast_arm::Filter;
use holdfast_arm::filter::{Error, MAX_BYTES, MAX_DEPTH};
use proptest::prelude::*;

fn filter(text: &str) -> Filter {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn equal(field: &str, value: &str) -> Filter {
    Filter::Equal {
        field: field.to_owned(),
        value: value.to_owned(),
    }
}

fn call(name: &str, arguments: &[&str]) -> Filter {
    Filter::Call {
        name: name.to_owned(),
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
    }
}

#[test]
fn what_clients_send_is_read() {
    for (text, read) in [
        (
            "resourceType eq 'Microsoft.ContainerRegistry/registries'",
            equal("resourceType", "Microsoft.ContainerRegistry/registries"),
        ),
        ("name eq 'my''s'", equal("name", "my's")),
        (
            "tagName eq 'env' and tagValue eq 'a and b'",
            Filter::And(vec![equal("tagName", "env"), equal("tagValue", "a and b")]),
        ),
        ("atScope()", call("atScope", &[])),
        ("principalId eq 'p'", equal("principalId", "p")),
        (
            "atScope() and assignedTo('p')",
            Filter::And(vec![call("atScope", &[]), call("assignedTo", &["p"])]),
        ),
        ("appId eq 'a'", equal("appId", "a")),
        (
            "servicePrincipalNames/any(c:c eq 'https://x')",
            Filter::Any {
                field: "servicePrincipalNames".to_owned(),
                value: "https://x".to_owned(),
            },
        ),
        ("displayName eq 'ci'", equal("displayName", "ci")),
        (
            "startswith(displayName,'ci')",
            Filter::StartsWith {
                field: "displayName".to_owned(),
                value: "ci".to_owned(),
            },
        ),
        ("roleName eq 'AcrPull'", equal("roleName", "AcrPull")),
        ("accountEnabled eq true", equal("accountEnabled", "true")),
        (
            "not (a ne 'b')",
            Filter::Not(Box::new(Filter::NotEqual {
                field: "a".to_owned(),
                value: "b".to_owned(),
            })),
        ),
        (
            "a eq '1' or b eq '2' and c eq '3'",
            Filter::Or(vec![
                equal("a", "1"),
                Filter::And(vec![equal("b", "2"), equal("c", "3")]),
            ]),
        ),
        (
            " ( a eq '1' OR b eq '2' ) AND c eq '3' ",
            Filter::And(vec![
                Filter::Or(vec![equal("a", "1"), equal("b", "2")]),
                equal("c", "3"),
            ]),
        ),
        ("notes eq ''", equal("notes", "")),
        ("orders eq 'x'", equal("orders", "x")),
    ] {
        assert_eq!(filter(text), read, "{text}");
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    for text in [
        "",
        " ",
        "name",
        "name eq",
        "name = 'x'",
        "name eq 'x",
        "name eq 'x' and",
        "name eq 'x' name eq 'y'",
        "(name eq 'x'",
        "name eq 'x')",
        "eq 'x'",
        "startswith(displayName)",
        "startswith('x',displayName)",
        "a/any(c:d eq 'x')",
        "a/any(c:c ne 'x')",
        "atScope(",
        "assignedTo('a',)",
        "'a' eq name",
        "name eq \"x\"",
        "résumé eq 'x'",
    ] {
        assert!(text.parse::<Filter>().is_err(), "{text:?}");
    }
    assert!(matches!(
        "a".repeat(MAX_BYTES + 1).parse::<Filter>(),
        Err(Error::TooLong { .. })
    ));
    let deep = format!("{}a eq 'b'{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert!(matches!(deep.parse::<Filter>(), Err(Error::TooDeep { .. })));
    let nots = "not ".repeat(500) + "a eq 'b'";
    assert!(matches!(nots.parse::<Filter>(), Err(Error::TooDeep { .. })));
}

#[test]
fn an_error_says_where() {
    let error = "name is 'x'".parse::<Filter>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "$filter \"name is 'x'\" breaks off at byte 5, where 'eq', 'ne' or '(' is due"
    );
}

fn passes(text: &str) -> bool {
    let item = BTreeMap::from([
        ("name", vec!["MyRegistry"]),
        ("tags", vec!["a", "b"]),
        ("empty", vec![]),
    ]);
    let values = |field: &str| -> Vec<String> {
        item.get(field)
            .into_iter()
            .flatten()
            .map(|&value| value.to_owned())
            .collect()
    };
    filter(text).passes(&values, &|name, arguments| name == "atscope" && arguments.is_empty())
}

#[test]
fn items_pass_or_not() {
    for (text, expected) in [
        ("name eq 'myregistry'", true),
        ("NAME eq 'MyRegistry'", true),
        ("name ne 'myregistry'", false),
        ("startswith(name,'myreg')", true),
        ("tags/any(t:t eq 'b')", true),
        ("tags/any(t:t eq 'c')", false),
        ("tags ne 'c'", true),
        ("empty eq ''", false),
        ("nothing eq 'x'", false),
        ("atScope()", true),
        ("atScope('x')", false),
        ("not atScope()", false),
        ("name eq 'x' or name eq 'myregistry'", true),
        ("name eq 'x' and name eq 'myregistry'", false),
    ] {
        assert_eq!(passes(text), expected, "{text}");
    }
}

#[test]
fn certain_demands_are_found_and_others_are_not() {
    assert_eq!(filter("appId eq 'a'").demanded("appid"), Some("a"));
    assert_eq!(filter("x eq 'y' and appId eq 'a'").demanded("appId"), Some("a"));
    assert_eq!(filter("x eq 'y' or appId eq 'a'").demanded("appId"), None);
    assert_eq!(filter("not appId eq 'a'").demanded("appId"), None);
    assert_eq!(filter("appId ne 'a'").demanded("appId"), None);
    for (text, prefix) in [
        ("startswith(displayName,'web')", Some("web")),
        ("appId eq 'a' and displayName eq 'w'", Some("w")),
        ("startswith(displayName,'web') or appId eq 'a'", None),
        ("not startswith(displayName,'web')", None),
    ] {
        assert_eq!(filter(text).demanded_prefix("displayname"), prefix, "{text}");
    }
    let assigned = filter("atScope() and assignedTo('p')");
    assert_eq!(assigned.demanded_call("assignedto"), Some(&["p".to_owned()][..]));
    assert_eq!(filter("atScope() or assignedTo('p')").demanded_call("assignedTo"), None);
    assert_eq!(assigned.fields(), ["atScope()", "assignedTo()"]);
}

/// The filter as OData writes it.
fn printed(filter: &Filter) -> String {
    let quote = |value: &str| format!("'{}'", value.replace('\'', "''"));
    let join = |parts: &[Filter], word: &str| {
        let parts: Vec<String> = parts.iter().map(|part| format!("({})", printed(part))).collect();
        parts.join(word)
    };
    match filter {
        Filter::And(parts) => join(parts, " and "),
        Filter::Or(parts) => join(parts, " or "),
        Filter::Not(inner) => format!("not ({})", printed(inner)),
        Filter::Equal { field, value } => format!("{field} eq {}", quote(value)),
        Filter::NotEqual { field, value } => format!("{field} ne {}", quote(value)),
        Filter::StartsWith { field, value } => format!("startswith({field},{})", quote(value)),
        Filter::Any { field, value } => format!("{field}/any(x:x eq {})", quote(value)),
        Filter::Call { name, arguments } => {
            let arguments: Vec<String> = arguments.iter().map(|value| quote(value)).collect();
            format!("{name}({})", arguments.join(","))
        }
    }
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let value = ".{0,6}";
    let leaf = prop_oneof![
        ("f[a-z]{0,5}", value).prop_map(|(field, value)| Filter::Equal { field, value }),
        ("f[a-z]{0,5}", value).prop_map(|(field, value)| Filter::NotEqual { field, value }),
        ("f[a-z]{0,5}", value).prop_map(|(field, value)| Filter::StartsWith { field, value }),
        ("f[a-z]{0,5}", value).prop_map(|(field, value)| Filter::Any { field, value }),
        ("f[a-z]{0,5}", proptest::collection::vec(value, 0..3))
            .prop_map(|(name, arguments)| Filter::Call { name, arguments }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..3).prop_map(Filter::And),
            proptest::collection::vec(inner.clone(), 2..3).prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn reading_never_panics(text in ".{0,80}") {
        let _ = text.parse::<Filter>();
    }

    #[test]
    fn reading_never_panics_near_the_grammar(
        text in "((a|eq|ne|not|and|or|any|'|\\(|\\)|,|:|/| |é|startswith){0,1}){0,30}",
    ) {
        let _ = text.parse::<Filter>();
    }

    #[test]
    fn what_is_printed_reads_back_equal(filter in any_filter()) {
        prop_assert_eq!(printed(&filter).parse::<Filter>().unwrap(), filter);
    }
}
