use std::marker::PhantomData;

use holdfast_access::{Actor, ControlGrant, ControlReach, control};

fn main() {
    let _: ControlGrant<control::RegistriesDelete> = ControlGrant {
        actor: Actor::Operator,
        scope: "/".to_owned(),
        action: PhantomData,
    };
    let _: ControlReach<control::RegistriesRead> = ControlReach {
        actor: Actor::Operator,
        scopes: vec!["/".to_owned()],
        action: PhantomData,
    };
}
