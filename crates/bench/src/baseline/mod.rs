//! The least that a server can do, in threads of this program: what is measured beside Holdfast where the budget speaks
//! of the work itself and not of another registry.

pub(crate) mod fixed;
pub(crate) mod sink;
