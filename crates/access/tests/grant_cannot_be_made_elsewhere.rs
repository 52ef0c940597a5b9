//! A grant that anybody could make would prove nothing: each file of `ui/` tries a way and must not compile, for the
//! reason that its `.stderr` holds.

use std::process::Command;

/// The compiler whose words the `.stderr` files hold. Others word some errors differently; there the examples in the
/// documentation of `Grant`, which must fail whatever the words, stand alone.
const WORDED_BY: &str = "rustc 1.95.";

#[test]
fn a_grant_cannot_be_made_outside_this_crate() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap().stdout;
    if version.starts_with(WORDED_BY.as_bytes()) {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    }
}
