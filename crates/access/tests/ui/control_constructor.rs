use holdfast_access::{Actor, ControlGrant, control};

fn main() {
    let _ = ControlGrant::<control::RegistriesDelete>::new(Actor::Operator, "/");
}
