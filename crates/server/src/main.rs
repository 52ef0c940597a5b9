//! `holdfast`: a private container registry in one program. This file parses the command line, calls the command and
//! turns its outcome into an exit status: 0 done, 1 failed, 2 used wrongly.

mod activity;
mod boot;
mod clock;
mod command;
mod files;
mod folder;
mod host;
mod issuer;
mod keys;
mod listener;
mod locations;
mod log;
mod maintenance;
mod metrics;
mod node;
mod operator;
mod output;
mod readiness;
mod remains;
mod rows;
mod service;
mod settings;
mod shutdown;
mod slots;
mod socket;
mod stream;
mod welcome;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let command = command::CommandLine::parse();
    match command.run() {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error);
            let is_misuse = error.is::<settings::Mistakes>();
            ExitCode::from(if is_misuse { 2 } else { 1 })
        }
    }
}
