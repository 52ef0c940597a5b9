use std::marker::PhantomData;

use holdfast_access::{Actor, ControlGrant, ControlReach, Origin, control};
use holdfast_arm::ResourceId;

fn main() {
    let _: ControlGrant<control::RegistriesDelete> = ControlGrant {
        origin: Origin::of(Actor::Operator),
        scope: ResourceId::root(),
        action: PhantomData,
    };
    let _: ControlReach<control::RegistriesRead> = ControlReach {
        origin: Origin::of(Actor::Operator),
        scopes: vec!["/".to_owned()],
        action: PhantomData,
    };
}
