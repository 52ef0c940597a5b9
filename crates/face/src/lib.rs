//! What the HTTP faces share. It refuses to know what a body means, and knows no rule.
//!
//! - `heads`: what requests may take at once with their heads; `tables`: what connections keep of them.
//! - `received`: how the body of a request is taken; `budget`: the memory of all bodies that are kept; `window`: that of
//!   bodies on their way.
//! - `sending`, `writing`: what responses and uploads may take at once; `shares`, `neighbourhood`: how a thing is shared out
//!   among peers.
//! - `body`: the body of a response; `reader`: how a blob is read for one; `sendfile`: how the kernel sends one.
//! - `served`: what the log and the metrics say of a request.
//! - [`conditional`], [`moment`]: conditions and moments, which all faces read and write alike.

mod body;
mod budget;
pub mod conditional;
mod heads;
pub mod moment;
mod neighbourhood;
mod reader;
mod received;
mod sendfile;
mod sending;
mod served;
mod shares;
mod tables;
mod window;
mod writing;

pub use body::Body;
pub use budget::{Asker, Budget};
pub use heads::{HeadRoom, Heads, Own, TooManyRequests, detach};
pub use neighbourhood::Neighbourhood;
pub use received::{Error, Held, MAX_DRAINED_BYTES, MAX_LINGERED_BYTES, Received};
pub use sendfile::{Astray, Next, SENDFILE_BYTES, Sendfile};
pub use sending::{MAX_SENT_BLOBS, OWN_BYTES, Room, Sending, TooManyResponses, Turn, Whole};
pub use served::Served;
pub use shares::TooManyBlobs;
pub use window::{STREAM_WINDOW_BYTES, Window, Windows};
pub use writing::{MAX_WRITTEN_BLOBS, WriteTurn, Writing};
