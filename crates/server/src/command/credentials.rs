//! `holdfast credentials`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::CommonArgs;
use crate::{
    operator::credentials::ShowCredentials,
    output::{Output, say, say_json},
};

#[derive(Debug, Args)]
pub(super) struct Credentials {
    /// The registry; the default one otherwise
    #[arg(long, value_name = "NAME")]
    registry: Option<String>,
    /// Replace a password first; whoever uses it must sign in again
    #[arg(long, value_name = "WHICH", value_parser = ["password", "password2"])]
    renew: Option<String>,
    /// Print the first password and nothing else, for: docker login --password-stdin
    #[arg(long, conflicts_with = "output")]
    password: bool,
    #[command(flatten)]
    common: CommonArgs,
}

impl Credentials {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self {
            registry,
            renew,
            password,
            common,
        } = self;
        let account = common.run(ShowCredentials { registry, renew })?;
        let credentials = account.credentials;
        if password {
            let first = credentials.passwords.first().context("the registry has no password")?;
            say(&first.value);
            return Ok(ExitCode::SUCCESS);
        }
        match common.output {
            Output::Json => say_json(&credentials)?,
            Output::Text => {
                say(&format!("login server  {}", credentials.login_server));
                say(&format!("user name     {}", credentials.username));
                for password in &credentials.passwords {
                    say(&format!("{:<13} {}", password.name, password.value));
                }
                if !account.is_enabled {
                    say("\nThe admin account is off: holdfast registry update --admin-enabled true");
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
