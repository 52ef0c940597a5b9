//! A token request's scopes: reading never panics, stays within its limits, and what is written back is read the same.
#![no_main]

use holdfast_access::scope::{MAX_ACTIONS, MAX_SCOPES, Scope};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(scope) = Scope::parse(text) {
        check(&scope);
    }
    if let Ok(scopes) = Scope::parse_list(text) {
        assert!(scopes.len() <= MAX_SCOPES);
        scopes.iter().for_each(check);
    }
});

fn check(scope: &Scope) {
    assert!(scope.actions().len() <= MAX_ACTIONS);
    let _permissions = scope.permissions();
    let written = scope.to_string();
    assert_eq!(Scope::parse(&written).as_ref().ok(), Some(scope), "{written}");
}
