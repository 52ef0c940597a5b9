use holdfast_access::{Actor, Grant, RegistryGrant, RegistryId, action};

fn main() {
    let _ = Grant::<action::Push>::new(RegistryId(1), "app".parse().unwrap(), Actor::Operator);
    let _ = RegistryGrant::<action::CatalogRead>::new(RegistryId(1), Actor::Operator);
}
