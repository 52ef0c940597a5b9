//! `holdfast principal`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CommonArgs;
use crate::{
    operator::principal::{
        CreatePrincipal, Created, DeletePrincipal, ListPrincipals, Principal as Shown, ResetPrincipal, ShowPrincipal,
    },
    output::{Output, say, say_json},
};

#[derive(Debug, Subcommand)]
pub(super) enum Principal {
    /// Make one, and show its secret this once
    Create(Create),
    /// Show all
    List(List),
    /// Show one with what is known of its secrets
    Show(Named),
    /// Take all its secrets away, sign it out everywhere, and show the new secret this once
    Reset(Named),
    /// Delete one with its application, credentials and roles
    Delete(Named),
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
    common: CommonArgs,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// Its app id
    app_id: String,
    #[command(flatten)]
    common: CommonArgs,
}

impl Principal {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(Create {
                name,
                role,
                scope,
                common,
            }) => show_created(&common.run(CreatePrincipal { name, role, scope })?, common.output)?,
            Self::List(List { common }) => {
                let principals = common.run(ListPrincipals)?;
                match common.output {
                    Output::Json => say_json(&principals)?,
                    Output::Text => principals.iter().for_each(|principal| say(&line(principal))),
                }
            }
            Self::Show(Named { app_id, common }) => show(&common.run(ShowPrincipal { app_id })?, common.output)?,
            Self::Reset(Named { app_id, common }) => {
                show_created(&common.run(ResetPrincipal { app_id })?, common.output)?
            }
            Self::Delete(Named { app_id, common }) => common.run(DeletePrincipal { app_id })?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show_created(created: &Created, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Json => say_json(created)?,
        Output::Text => {
            say(&format!("app id    {}", created.app_id));
            say(&format!("password  {}", created.password));
            say(&format!("tenant    {}", created.tenant));
        }
    }
    Ok(())
}

fn show(principal: &Shown, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Json => say_json(principal)?,
        Output::Text => {
            say(&line(principal));
            for secret in &principal.secrets {
                let name = secret.display_name.as_deref().unwrap_or("-");
                say(&format!(
                    "secret  {}…  until {}  {name}",
                    secret.hint, secret.end_date_time
                ));
            }
        }
    }
    Ok(())
}

fn line(principal: &Shown) -> String {
    let state = if principal.account_enabled { "" } else { "  (disabled)" };
    format!("{}  {}{state}", principal.app_id, principal.display_name)
}
