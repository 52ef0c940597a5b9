//! The unmodified Azure CLI against the real binary, a file per group of its commands.

mod commands;
mod registry;
mod shell;
