use holdfast_access::{Actor, Grant, Origin, RegistryGrant, RegistryId, action};

fn main() {
    let _ = Grant::<action::Push>::new(RegistryId(1), "app".parse().unwrap(), Origin::of(Actor::Operator));
    let _ = RegistryGrant::<action::CatalogRead>::new(RegistryId(1), Origin::of(Actor::Operator));
}
