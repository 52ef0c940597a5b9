//! `holdfast user`.

use std::{
    io::{self, BufRead as _},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::CommonArgs;
use crate::{
    operator::user::{CreateUser, DeleteUser, EnableUser, ListUsers, Password, ResetUser, User as Shown},
    output::{Output, say, say_json},
};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make one; a generated password is shown this once
    Create(Create),
    /// Show all
    List(List),
    /// Give one another password, and sign it out everywhere
    Reset(Reset),
    /// Keep one out, and sign it out everywhere
    Disable(Named),
    /// Let one in again
    Enable(Named),
    /// Delete one with its roles
    Delete(Named),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The name to sign in with, such as ann@example.org
    name: String,
    /// The name for people
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Read the password from standard input instead of generating one
    #[arg(long)]
    password_stdin: bool,
    /// The name or id of a first role, such as Owner or AcrPull
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Where it has the role; the whole subscription otherwise
    #[arg(long, value_name = "ID", requires = "role")]
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
pub(super) struct Reset {
    /// The name to sign in with
    name: String,
    /// Read the password from standard input instead of generating one
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The name to sign in with
    name: String,
    #[command(flatten)]
    common: CommonArgs,
}

impl User {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(create) => {
                let request = CreateUser {
                    user_name: create.name,
                    display_name: create.display_name,
                    password: given(create.password_stdin)?,
                    role: create.role,
                    scope: create.scope,
                };
                show(&create.common.run(request)?, create.common.output)?;
            }
            Self::List(List { common }) => {
                let users = common.run(ListUsers)?;
                match common.output {
                    Output::Json => say_json(&users)?,
                    Output::Text => users.iter().for_each(|user| say(&line(user))),
                }
            }
            Self::Reset(Reset {
                name,
                password_stdin,
                common,
            }) => {
                let request = ResetUser {
                    user_name: name,
                    password: given(password_stdin)?,
                };
                show(&common.run(request)?, common.output)?;
            }
            Self::Disable(Named { name, common }) => enable(name, false, &common)?,
            Self::Enable(Named { name, common }) => enable(name, true, &common)?,
            Self::Delete(Named { name, common }) => common.run(DeleteUser { user_name: name })?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn enable(user_name: String, is_enabled: bool, common: &CommonArgs) -> anyhow::Result<()> {
    let request = EnableUser { user_name, is_enabled };
    show(&common.run(request)?, common.output)
}

/// The first line of standard input, where that was asked for.
fn given(is_asked: bool) -> anyhow::Result<Option<Password>> {
    if !is_asked {
        return Ok(None);
    }
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the password from standard input")?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(Some(Password(line)))
}

fn show(user: &Shown, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Json => say_json(user)?,
        Output::Text => {
            say(&format!("user      {}", user.user_principal_name));
            if let Some(Password(password)) = &user.password {
                say(&format!("password  {password}"));
            }
            say(&format!("tenant    {}", user.tenant));
        }
    }
    Ok(())
}

fn line(user: &Shown) -> String {
    let state = if user.account_enabled { "" } else { "  (disabled)" };
    format!("{}  {}{state}", user.user_principal_name, user.display_name)
}
