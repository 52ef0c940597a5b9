//! A grant that anybody could make would prove nothing: each file of `ui/` tries a way and must not compile.

#[test]
fn a_grant_cannot_be_made_outside_this_crate() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
