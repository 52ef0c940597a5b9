use holdfast_access::{Actor, ControlGrant, Origin, control};

fn main() {
    let _ = ControlGrant::<control::RegistriesDelete>::new(Origin::of(Actor::Operator), "/");
}
