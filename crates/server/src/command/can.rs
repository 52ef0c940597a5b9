//! `holdfast can`.

use std::process::ExitCode;

use clap::Args;

use super::CommonArgs;
use crate::{
    operator::can::{ExplainDecision, Explained, Verdict},
    output::{Output, complain, say, say_json},
};

/// The question named what there is not; 1 is a no.
const MISUNDERSTOOD: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct Can {
    /// An application's or object's id, a user's name, a token's name, admin or anonymous
    who: String,
    /// pull, push, delete, metadata_read, metadata_write, catalog_read, or an action of ARM
    #[arg(value_name = "DO")]
    action: String,
    /// REGISTRY/REPOSITORY (with :TAG if you like), a registry, or an id of ARM
    what: String,
    #[command(flatten)]
    common: CommonArgs,
}

impl Can {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self {
            who,
            action,
            what,
            common,
        } = self;
        let explained = match common.run(ExplainDecision { who, action, what })? {
            Verdict::Decided(explained) => explained,
            Verdict::Misunderstood(why) => {
                complain(&anyhow::Error::msg(why));
                return Ok(ExitCode::from(MISUNDERSTOOD));
            }
        };
        match common.output {
            Output::Json => say_json(&explained)?,
            Output::Text => tell(&explained),
        }
        Ok(if explained.allowed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn tell(explained: &Explained) {
    let Explained {
        allowed,
        who,
        action,
        what,
        ..
    } = explained;
    let answer = if *allowed { "yes" } else { "no" };
    say(&format!("{answer}: {action} on {what}, by {who}"));
    for (label, lines) in [
        ("because", &explained.because),
        ("does not count", &explained.against),
        ("enough would be", &explained.needed),
        ("note", &explained.notes),
    ] {
        for line in lines {
            say(&format!("  {label}: {line}"));
        }
    }
}
