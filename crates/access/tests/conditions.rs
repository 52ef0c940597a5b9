//! Conditions: those that az, the portal and people write, what they allow, and what is refused.

#![expect(clippy::unwrap_used, reason = "tests panic on purpose")]

use holdfast_access::condition::{Error, MAX_BYTES, MAX_DEPTH, MAX_NAMES};
use holdfast_access::role::data_action::{CATALOG_READ, CONTENT_DELETE, CONTENT_READ, CONTENT_WRITE, METADATA_READ};
use holdfast_access::{Condition, RepositoryPattern};
use holdfast_oci::RepositoryName;
use proptest::prelude::*;

const NAME: &str = "@Request[Microsoft.ContainerRegistry/registries/repositories:name]";

fn condition(text: &str) -> Condition {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn holds(condition: &Condition, action: &str, repository: &str) -> bool {
    let name: RepositoryName = repository.parse().unwrap();
    condition
        .repositories_for(action)
        .iter()
        .any(|pattern| pattern.covers(&name))
}

/// What the portal writes for a reader of one repository.
fn of_the_portal(comparison: &str) -> String {
    format!(
        "(\n (\n  !(ActionMatches{{'{CONTENT_READ}'}})\n  AND\n  !(ActionMatches{{'{METADATA_READ}'}})\n )\n OR \n \
         (\n  {NAME} {comparison}\n )\n)"
    )
}

#[test]
fn one_repository() {
    let condition = condition(&of_the_portal("StringEqualsIgnoreCase 'Hello-World'"));
    assert!(holds(&condition, CONTENT_READ, "hello-world") && holds(&condition, METADATA_READ, "hello-world"));
    for other in ["hello", "hello-world/x", "hello-world2", "x/hello-world"] {
        assert!(!holds(&condition, CONTENT_READ, other), "{other}");
    }
}

#[test]
fn a_prefix_with_a_slash_and_one_without() {
    let slash = condition(&of_the_portal("StringStartsWithIgnoreCase 'Backend/'"));
    let plain = condition(&of_the_portal("StringStartsWith 'backend'"));
    for (repository, with_slash, without) in [
        ("backend/app", true, true),
        ("backend/team/app", true, true),
        ("backend", false, true),
        ("backends/app", false, true),
        ("frontend/app", false, false),
    ] {
        assert_eq!(holds(&slash, CONTENT_READ, repository), with_slash, "{repository}");
        assert_eq!(holds(&plain, CONTENT_READ, repository), without, "{repository}");
    }
}

#[test]
fn an_action_that_is_not_named_is_not_limited() {
    let condition = condition(&of_the_portal("StringEquals 'a'"));
    assert_eq!(condition.repositories_for(CONTENT_DELETE), [RepositoryPattern::All]);
    assert!(condition.holds_without_repository(CATALOG_READ));
    assert!(!condition.holds_without_repository(CONTENT_READ));
}

#[test]
fn each_action_may_have_its_own_repositories() {
    let text = format!(
        "((!(ActionMatches{{'{CONTENT_READ}'}})) OR ({NAME} StringStartsWith 'team/'))
         AND ((!(ActionMatches{{'{CONTENT_WRITE}'}})) OR ({NAME} StringEquals 'team/app' OR {NAME} StringEquals 'x'))"
    );
    let condition = condition(&text);
    for (action, repository, expected) in [
        (CONTENT_READ, "team/app", true),
        (CONTENT_READ, "team/web", true),
        (CONTENT_READ, "x", false),
        (CONTENT_WRITE, "team/app", true),
        (CONTENT_WRITE, "team/web", false),
        (CONTENT_WRITE, "x", true),
    ] {
        assert_eq!(holds(&condition, action, repository), expected, "{action} {repository}");
    }
}

#[test]
fn parts_joined_by_and_must_all_hold() {
    let both = |a: &str, b: &str| condition(&format!("{NAME} {a} && {NAME} {b}"));
    for (a, b, repository, expected) in [
        ("StringStartsWith 'a/'", "StringStartsWith 'a/b/'", "a/b/c", true),
        ("StringStartsWith 'a/'", "StringStartsWith 'a/b/'", "a/c", false),
        ("StringStartsWith 'a/'", "StringStartsWith 'b/'", "a/b", false),
        ("StringStartsWith 'a/'", "StringEquals 'a/b'", "a/b", true),
        ("StringStartsWith 'a/'", "StringEquals 'a/b'", "a/c", false),
        ("StringEquals 'a'", "StringEquals 'b'", "a", false),
        ("StringEquals 'a'", "StringEquals 'a'", "a", true),
    ] {
        assert_eq!(
            holds(&both(a, b), CONTENT_READ, repository),
            expected,
            "{a} {b} {repository}"
        );
    }
}

#[test]
fn sets_patterns_and_other_spellings_are_read() {
    for text in [
        &format!("{NAME} ForAnyOfAnyValues:StringEquals {{'a', 'b'}}"),
        &format!("{NAME} foranyofanyvalues:stringequalsignorecase {{'A','B'}}"),
        &format!("{NAME} StringEquals 'a' || {NAME} StringEquals 'b'"),
        &format!(
            "@request[ MICROSOFT.ContainerRegistry/registries/repositories:NAME ]StringEquals'a' or {NAME} \
             StringEquals 'b'"
        ),
    ] {
        let condition = condition(text);
        assert!(
            holds(&condition, CONTENT_READ, "a") && holds(&condition, CONTENT_READ, "b"),
            "{text}"
        );
        assert!(!holds(&condition, CONTENT_READ, "c"), "{text}");
        assert_eq!(condition.as_str(), text);
    }
    let every_action = "Microsoft.ContainerRegistry/registries/repositories/*";
    let wild = condition(&format!(
        "!(ActionMatches{{'{every_action}'}}) OR {NAME} StringEquals 'a'"
    ));
    assert!(!holds(&wild, CONTENT_DELETE, "b") && holds(&wild, CONTENT_DELETE, "a"));
    assert!(wild.holds_without_repository(CATALOG_READ));
    let nots = condition(&format!("NOT (NOT (ActionMatches{{'{CONTENT_READ}'}}))"));
    assert!(holds(&nots, CONTENT_READ, "a") && !holds(&nots, CONTENT_WRITE, "a"));
}

#[test]
fn what_cannot_be_kept_is_refused_with_the_reason() {
    let named = |comparison: &str| format!("{NAME} {comparison}");
    for (text, reason) in [
        (String::new(), "breaks off at byte 0"),
        ("true".to_owned(), "breaks off at byte 0"),
        (named(""), "uses \"\""),
        (named("StringEquals"), "a quote is due"),
        (named("StringEquals 'a"), "a closing quote is due"),
        (named("StringEquals 'a' StringEquals 'b'"), "AND, OR or the end is due"),
        (named("StringEquals {}"), "a quote is due"),
        (named("StringNotEquals 'a'"), "uses \"StringNotEquals\""),
        (named("StringLike 'a*'"), "uses \"StringLike\""),
        (
            named("ForAllOfAnyValues:StringEquals {'a'}"),
            "uses \"ForAllOfAnyValues:StringEquals\"",
        ),
        (format!("!({NAME} StringEquals 'a')"), "negates a comparison"),
        (
            format!("!(ActionMatches{{'a'}} AND {NAME} StringEquals 'a')"),
            "negates a comparison",
        ),
        (named("StringEquals 'Hello'"), "names are lower case"),
        (named("StringStartsWith 'Hello/'"), "names are lower case"),
        (named("StringEquals 'a b'"), "is not a repository name"),
        (named("StringEquals 'a/'"), "is not a repository name"),
        (named("StringEquals ''"), "is not a repository name"),
        (named("StringStartsWith ''"), "no repository name begins with"),
        (named("StringStartsWith '/'"), "no repository name begins with"),
        (named("StringStartsWith '*'"), "no repository name begins with"),
        (
            "@Resource[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'a'".to_owned(),
            "asks for the attribute",
        ),
        (
            "@Request[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'a'".to_owned(),
            "asks for the attribute",
        ),
        ("@Principal[x] StringEquals 'a'".to_owned(), "asks for the attribute"),
        ("@Request[x".to_owned(), "']' is due"),
        ("ActionMatches{a}".to_owned(), "a quote is due"),
        ("SubOperationMatches{'a'}".to_owned(), "breaks off at byte 0"),
        ("(ActionMatches{'a'}".to_owned(), "')' is due"),
        ("ActionMatches{'a'})".to_owned(), "the end is due"),
        ("ActionMatches{'a'} XOR ActionMatches{'b'}".to_owned(), "the end is due"),
    ] {
        let error = Condition::parse(&text).expect_err(&text);
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn size_depth_and_names_are_bounded() {
    let long = " ".repeat(MAX_BYTES + 1);
    assert!(matches!(Condition::parse(&long), Err(Error::TooLong { .. })));
    for open in ["(", "!", "NOT "] {
        let deep = format!("{}ActionMatches{{'a'}}", open.repeat(MAX_DEPTH));
        assert_eq!(Condition::parse(&deep), Err(Error::TooDeep), "{open}");
    }
    let values = |count: usize| {
        let list: Vec<String> = (0..count).map(|index| format!("'n{index}'")).collect();
        format!("{NAME} ForAnyOfAnyValues:StringEquals {{{}}}", list.join(","))
    };
    assert_eq!(
        condition(&values(MAX_NAMES)).repositories_for(CONTENT_READ).len(),
        MAX_NAMES
    );
    assert_eq!(Condition::parse(&values(MAX_NAMES + 1)), Err(Error::TooManyNames));
}

/// A condition to generate: what it says, and the same as a function, written here a second time.
#[derive(Clone, Debug)]
enum Plan {
    Action(&'static str),
    Equals(String),
    Starts(String),
    And(Box<Plan>, Box<Plan>),
    Or(Box<Plan>, Box<Plan>),
    NotAction(&'static str),
}

impl Plan {
    fn text(&self) -> String {
        match self {
            Self::Action(action) => format!("ActionMatches{{'{action}'}}"),
            Self::NotAction(action) => format!("!(ActionMatches{{'{action}'}})"),
            Self::Equals(name) => format!("({NAME} StringEquals '{name}')"),
            Self::Starts(name) => format!("({NAME} StringStartsWithIgnoreCase '{name}')"),
            Self::And(a, b) => format!("({} AND {})", a.text(), b.text()),
            Self::Or(a, b) => format!("({} OR {})", a.text(), b.text()),
        }
    }

    fn holds(&self, action: &str, repository: &str) -> bool {
        match self {
            Self::Action(own) => *own == action,
            Self::NotAction(own) => *own != action,
            Self::Equals(name) => name == repository,
            Self::Starts(name) => repository.starts_with(name),
            Self::And(a, b) => a.holds(action, repository) && b.holds(action, repository),
            Self::Or(a, b) => a.holds(action, repository) || b.holds(action, repository),
        }
    }
}

const NAMES: [&str; 6] = ["a", "a/b", "a/b/c", "ab", "b", "b/a"];
const ACTIONS: [&str; 3] = [CONTENT_READ, CONTENT_WRITE, METADATA_READ];

fn any_plan() -> impl Strategy<Value = Plan> {
    let action = prop::sample::select(&ACTIONS[..]);
    let name = prop::sample::select(&NAMES[..]);
    let leaf = prop_oneof![
        action.clone().prop_map(Plan::Action),
        action.prop_map(Plan::NotAction),
        name.clone().prop_map(|name| Plan::Equals(name.to_owned())),
        (name, any::<bool>()).prop_map(|(name, slash)| Plan::Starts(format!("{name}{}", if slash { "/" } else { "" }))),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        let pair = (inner.clone(), inner);
        prop_oneof![
            pair.clone().prop_map(|(a, b)| Plan::And(Box::new(a), Box::new(b))),
            pair.prop_map(|(a, b)| Plan::Or(Box::new(a), Box::new(b))),
        ]
    })
}

proptest! {
    #[test]
    fn patterns_allow_exactly_what_the_condition_says(plan in any_plan()) {
        let condition = condition(&plan.text());
        for action in ACTIONS {
            for repository in NAMES {
                prop_assert_eq!(
                    holds(&condition, action, repository),
                    plan.holds(action, repository),
                    "{} for {} on {}", condition.as_str(), action, repository
                );
            }
        }
    }

    #[test]
    fn reading_never_panics(text in ".{0,100}") {
        let _ = Condition::parse(&text);
    }

    #[test]
    fn reading_never_panics_near_the_grammar(
        text in "((\\(|\\)|!|AND|OR|NOT|ActionMatches|\\{|\\}|'|@Request|\\[|\\]|StringEquals|é| |,|a){0,1}){0,40}",
    ) {
        let _ = Condition::parse(&text);
    }
}
