use holdfast_access::{Caller, Grant, RegistryId, action, decide};

fn erase(_: Grant<action::Delete>) {}

fn main() {
    let grant = decide::<action::Pull>(&Caller::operator(), RegistryId(1), &"app".parse().unwrap());
    erase(grant.unwrap());
}
