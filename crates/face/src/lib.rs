//! What the HTTP faces share: how the body of a request is taken (`received`), and how much memory all bodies may take at
//! once (`budget`). It refuses to know what a body means, and what an answer looks like.

mod budget;
mod received;

pub use budget::{Asker, Budget};
pub use received::{Error, Held, MAX_DRAINED_BYTES, Received};
