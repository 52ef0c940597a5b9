//! The rules of a registry over the real stores: claims by noun, a model that predicts everything a
//! client can see, and many tasks at once. One binary, so that it links once.

mod blob;
mod claims;
mod explain;
mod fault;
mod garbage;
mod lock;
mod manifest;
mod upload;
