//! Requests that the server sends to others. [`Outgoing`] is the only way to others: it decides what may be
//! reached, and connects to exactly the address it looked at. Nobody else opens a connection. [`registry`] speaks the
//! distribution API through it.

mod allow;
mod connect;
mod destination;
mod error;
mod outgoing;
mod redirect;
pub mod registry;
mod response;
mod stores;
mod trust;

pub use allow::{Allowed, ParseAllowedError};
pub use connect::{Resolve, Resolving, SystemResolver};
pub use destination::{Destinations, is_inside};
pub use error::{Error, LeadsInside, SetupError};
pub use outgoing::{Limits, Options, Outgoing, Reach, Request};
pub use response::Response;
pub use stores::{StoreLimits, StoreWay};
