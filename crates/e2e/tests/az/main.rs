//! The unmodified Azure CLI against the real binary, a file per group of its commands.

mod commands;
mod directory;
mod health;
mod import;
mod manifest;
mod network;
mod quickstart;
mod registry;
mod repository;
mod role;
mod settings;
mod shell;
mod signin;
mod storage;
mod token;
mod unserved;
