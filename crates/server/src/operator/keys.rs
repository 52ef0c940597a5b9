//! The keys that sign tokens.

use anyhow::Context as _;
use holdfast_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AdminCommand, Context, Progress};
use crate::keys;

/// Tells which keys there are.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListKeys;

/// Makes a new signing key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RotateKeys {
    /// Whether tokens of all older keys become void at once.
    pub(crate) forget_old: bool,
}

/// A key, without its secrets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) is_signing: bool,
    /// In Unix seconds.
    pub(crate) verifies_until: Option<i64>,
    /// In Unix seconds, of one that every node is to know before it signs.
    pub(crate) signs_from: Option<i64>,
}

impl AdminCommand for ListKeys {
    const PATH: &'static str = "/keys/list";
    type Output = Vec<Key>;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Vec<Key>> {
        list(context).await
    }
}

impl AdminCommand for RotateKeys {
    const PATH: &'static str = "/keys/rotate";
    type Output = Vec<Key>;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Vec<Key>> {
        let (keys, clock) = (&context.app.keys, &context.app.operator);
        let rotated = if self.forget_old {
            keys.replace_all(clock).await
        } else {
            keys.rotate(clock).await
        };
        rotated.context("cannot rotate the keys")?;
        tracing::info!(kid = keys.in_force().kid(), "the keys were rotated");
        list(context).await
    }
}

async fn list(context: &Context) -> anyhow::Result<Vec<Key>> {
    let keys = context.app.keys.list(context.app.operator.now()).await?;
    let key = |key: keys::Key| Key {
        kid: key.state.kid,
        is_signing: key.state.is_signing,
        verifies_until: key.state.verifies_until,
        signs_from: key.signs_from.map(Timestamp::unix_secs),
    };
    Ok(keys.into_iter().map(key).collect())
}
