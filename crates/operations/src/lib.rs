//! What joins the rules: the front door that every request of the data plane enters by, first start, what an operator asks
//! about everything, and the [`Operator`] who has all of it. It refuses to know HTTP, SQL, files and object stores.

mod decision;
mod first_start;
mod front;
mod limits;
mod operator;
mod overview;

pub use decision::{Answer, Decision, Wish};
pub use first_start::FirstStart;
pub use front::{Claimant, Entrance, Front, FrontDoor, Standing};
pub use operator::{Operator, Parts};
pub use overview::Overview;
