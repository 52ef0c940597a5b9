use holdfast_access::{Actor, Grant, RegistryId, action};

fn main() {
    let _: Grant<action::Pull> = Grant {
        registry: RegistryId(1),
        repository: "app".parse().unwrap(),
        actor: Actor::Operator,
        action: std::marker::PhantomData,
    };
}
