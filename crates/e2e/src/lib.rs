//! Fixtures for the tests in `tests/`: the real `holdfast` binary on free ports, real container engines beside it, and
//! real client programs run in a clean home folder. `tools/install` brings the programs; a test whose program is
//! missing fails and says so.
//!
//! Nothing here speaks the registry protocol in earnest: what a claim needs of the wire it has a real client say. The
//! exceptions are [`http`], a thin cover over `curl` for what no client sends on purpose, and [`connection`], for tests
//! that must see a connection break. Fixtures panic when they cannot do their work; they are used by tests only.

pub mod buildkit;
pub mod connection;
pub mod containerd;
pub mod daemon;
pub mod data;
mod disk;
pub mod distribution;
pub mod dockerd;
pub mod http;
pub mod image;
pub mod page;
pub mod project;
pub mod proxy;
pub mod random;
pub mod server;
pub mod shared;
pub mod tool;

pub use buildkit::Buildkit;
pub use connection::Connection;
pub use containerd::Containerd;
pub use data::Data;
pub use distribution::{Distribution, free_address};
pub use dockerd::Dockerd;
pub use proxy::Proxy;
pub use random::Random;
pub use server::Server;
pub use shared::Shared;
pub use tool::{Output, Sandbox, Tool};
