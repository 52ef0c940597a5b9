//! The command line: a file for each command. A command reads settings, is run by the server or here, and prints its output.

mod azure_cli;
mod begin_anew;
mod ca;
mod can;
mod check;
mod credentials;
mod gc;
mod keys;
mod principal;
mod registry;
mod serve;
mod status;
mod user;

use std::{future::Future, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use serde_json::Value;

use crate::{
    files::BLOCKING_THREADS,
    operator::{AdminCommand, client},
    output::Output,
    settings::{DATA_DIR, DATABASE, Flags, MASTER_KEY, Mistakes, Settings},
};

/// A private container registry in one program
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, arg_required_else_help = true, propagate_version = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the registry
    Serve(serve::Serve),
    /// Make a new registry in a data folder whose database is lost; `serve` refuses to
    BeginAnew(begin_anew::BeginAnew),
    /// Show the admin account's credentials, or renew a password
    Credentials(credentials::Credentials),
    /// Show what there is and where it is reached
    Status(status::Status),
    /// Collect garbage now, or say what would go and why something stays
    Gc(gc::Gc),
    /// Verify every stored byte against its digest, and say what is wrong
    Check(check::Check),
    /// Say whether somebody may do something, and why: 0 is yes, 1 is no
    Can(can::Can),
    /// Print the certificate of the local CA
    Ca(ca::Ca),
    /// Print what the Azure CLI must be told to use this server
    AzureCli(azure_cli::AzureCli),
    /// Make service principals: who signs in to the Azure CLI, and with an id and a secret to registries
    #[command(subcommand)]
    Principal(principal::Principal),
    /// Make and manage users: people who sign in to the Azure CLI with a name and a password
    #[command(subcommand)]
    User(user::User),
    /// Show or rotate the keys that sign tokens
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Change a registry
    #[command(subcommand)]
    Registry(registry::Registry),
}

impl CommandLine {
    /// Runs the command.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(serve) => serve.run(),
            Command::BeginAnew(begin_anew) => begin_anew.run(),
            Command::Credentials(credentials) => credentials.run(),
            Command::Status(status) => status.run(),
            Command::Gc(gc) => gc.run(),
            Command::Check(check) => check.run(),
            Command::Can(can) => can.run(),
            Command::Ca(ca) => ca.run(),
            Command::AzureCli(azure_cli) => azure_cli.run(),
            Command::Principal(principal) => principal.run(),
            Command::User(user) => user.run(),
            Command::Keys(keys) => keys.run(),
            Command::Registry(registry) => registry.run(),
        }
    }
}

/// The flags that every operator's command has.
#[derive(Debug, Args)]
struct CommonArgs {
    /// The data folder [default: ./holdfast-data] [env: HOLDFAST_DATA_DIR]
    #[arg(long = DATA_DIR.key, value_name = "DIR")]
    data_dir: Option<String>,
    /// The PostgreSQL that a command uses when no server runs on the data folder [env: HOLDFAST_DATABASE]
    #[arg(long = DATABASE.key, value_name = "URL")]
    database: Option<String>,
    /// The master key, for the same [env: HOLDFAST_MASTER_KEY]
    #[arg(long = MASTER_KEY.key, value_name = "FILE")]
    master_key: Option<String>,
    /// The settings file [default: ./holdfast.toml if there is one] [env: HOLDFAST_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl CommonArgs {
    fn settings(&self) -> Result<Settings, Mistakes> {
        let given = [
            (&DATA_DIR, self.data_dir.as_ref()),
            (&DATABASE, self.database.as_ref()),
            (&MASTER_KEY, self.master_key.as_ref()),
        ];
        Settings::read(Flags::of_operator(given, self.config.clone()), &variable)
    }

    /// Runs a command in the running server, or here.
    fn run<C: AdminCommand>(&self, command: C) -> anyhow::Result<C::Output> {
        self.run_with_progress(command, &mut |_| {})
    }

    fn run_with_progress<C: AdminCommand>(
        &self,
        command: C,
        on_progress: &mut (dyn FnMut(Value) + Send),
    ) -> anyhow::Result<C::Output> {
        let settings = self.settings()?;
        block_on(client::run(&settings, command, on_progress))
    }
}

/// Nothing else looks at the environment.
pub(crate) fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// Runs a command's work to its end, on threads of its own.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build();
    runtime.context("cannot start threads")?.block_on(work)
}
