use holdfast_access::{Actor, Grant, Origin, RegistryId, action};

fn main() {
    let _: Grant<action::Pull> = Grant {
        registry: RegistryId(1),
        repository: "app".parse().unwrap(),
        origin: Origin::of(Actor::Operator),
        action: std::marker::PhantomData,
    };
}
