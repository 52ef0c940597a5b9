//! `holdfast principal`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Place;
use crate::{
    operator::principal::CreatePrincipal,
    output::{Output, say, say_json},
};

#[derive(Debug, Subcommand)]
pub(super) enum Principal {
    /// Make one, and show its secret this once
    Create(Create),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// A name for people
    name: String,
    /// The name or id of its first role, such as Owner or AcrPull
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// Where it has the role; the whole subscription otherwise
    #[arg(long, value_name = "ID")]
    scope: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Principal {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Create(Create {
            name,
            role,
            scope,
            place,
        }) = self;
        let created = place.ask(CreatePrincipal { name, role, scope })?;
        match place.output {
            Output::Json => say_json(&created)?,
            Output::Text => {
                say(&format!("app id    {}", created.app_id));
                say(&format!("password  {}", created.password));
                say(&format!("tenant    {}", created.tenant));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
