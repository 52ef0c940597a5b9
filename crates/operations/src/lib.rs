//! What joins the rules: the front door that every request of the data plane enters by, first start, what an operator asks
//! about everything, and the [`Operator`] who has all of it. It refuses to know HTTP, SQL, files and object stores.

mod decision;
mod first_start;
mod front;
mod limits;
mod node;
mod operator;
mod overview;
mod server_key;

pub use decision::{Answer, Decision, Wish};
pub use first_start::FirstStart;
pub use front::{Claimant, Entrance, Front, FrontDoor, Standing};
pub use node::NODE_SEEN_EVERY;
pub use operator::{Operator, Parts};
pub use overview::Overview;
pub use server_key::{
    KEY_TOLD_BEFORE, KEYS_LOOKED_AT_EVERY, OlderKeys, RotateError, ensure_server_key, list_server_keys,
    rotate_server_keys,
};
