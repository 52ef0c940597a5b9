//! `holdfast keys`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use holdfast_face::moment::spaced;
use holdfast_model::Timestamp;

use super::CommonArgs;
use crate::{
    operator::keys::{Key, ListKeys, RotateKeys},
    output::{Output, say, say_json},
};

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Show the keys that sign and verify tokens
    List(List),
    /// Make a new signing key; the old one verifies until the last of its tokens has expired
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// Make all tokens void that older keys signed: for a key that somebody else may have read
    #[arg(long)]
    forget_old: bool,
    #[command(flatten)]
    common: CommonArgs,
}

impl Keys {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (keys, output) = match self {
            Self::List(List { common }) => (common.run(ListKeys)?, common.output),
            Self::Rotate(Rotate { forget_old, common }) => (common.run(RotateKeys { forget_old })?, common.output),
        };
        match output {
            Output::Json => say_json(&keys)?,
            Output::Text => keys.iter().for_each(|key| say(&line(key))),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn line(key: &Key) -> String {
    let moment = |seconds| spaced(Timestamp::of_unix_secs(seconds));
    let what = match (
        key.is_signing,
        key.verifies_until.map(moment),
        key.signs_from.map(moment),
    ) {
        (true, ..) => "signs".to_owned(),
        (false, Some(until), _) => format!("verifies until {until}"),
        (false, None, Some(from)) => format!("signs from {from}"),
        (false, None, None) => "verifies until its file is removed".to_owned(),
    };
    format!("{}  {what}", key.kid)
}
