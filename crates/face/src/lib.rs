//! What the HTTP faces share: what requests may take at once with their heads (`heads`), what connections keep of them
//! (`tables`), how the body of one is taken (`received`), how much memory all bodies may take at once that are kept
//! (`budget`) or on their way (`window`), what answers may take (`sending`) and uploads (`writing`), and how a thing is
//! shared out among peers (`shares`, `neighbourhood`). The body of an answer (`body`), how a blob is read for one
//! (`reader`), and what is told of a request (`served`). What all of them read and write alike: conditions (`conditional`)
//! and moments (`moment`). It refuses to know what a body means, and knows no rule.

mod body;
mod budget;
pub mod conditional;
mod heads;
pub mod moment;
mod neighbourhood;
mod reader;
mod received;
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
pub use received::{Error, Held, MAX_DRAINED_BYTES, MAX_LINGERED_BYTES, ReceiveError, Received};
pub use sending::{MAX_SENT_BLOBS, OWN_BYTES, Room, Sending, TooManyResponses, Turn, Whole};
pub use served::Served;
pub use shares::TooManyBlobs;
pub use window::{STREAM_WINDOW_BYTES, Window, Windows};
pub use writing::{MAX_WRITTEN_BLOBS, WriteTurn, Writing};
