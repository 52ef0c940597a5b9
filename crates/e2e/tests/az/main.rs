//! The unmodified Azure CLI against the real binary, a file per group of its commands.

mod commands;
mod directory;
mod health;
mod import;
mod manifest;
mod quickstart;
mod registry;
mod repository;
mod role;
mod shell;
mod signin;
mod token;
