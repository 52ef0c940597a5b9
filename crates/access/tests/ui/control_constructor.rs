use holdfast_access::{Actor, ControlGrant, Origin, control};
use holdfast_arm::ResourceId;

fn main() {
    let _ = ControlGrant::<control::RegistriesDelete>::new(Origin::of(Actor::Operator), ResourceId::root());
}
