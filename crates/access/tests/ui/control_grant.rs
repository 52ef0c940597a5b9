use holdfast_access::{Actor, ControlAction, ControlGrant, control};

enum Harmless {}

impl ControlAction for Harmless {
    const ACTION: &'static str = "Microsoft.ContainerRegistry/registries/delete";
    const READ: &'static str = "Microsoft.ContainerRegistry/registries/read";
}

fn main() {
    let _ = ControlGrant::<control::RegistriesDelete>::new(Actor::Operator, "/");
    let _: ControlGrant<control::RegistriesDelete> = ControlGrant {
        actor: Actor::Operator,
        scope: "/".to_owned(),
        action: std::marker::PhantomData,
    };
}
