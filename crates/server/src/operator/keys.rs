//! The keys that sign tokens.

use anyhow::Context as _;
use holdfast_identity::keys::KeyState;
use serde::{Deserialize, Serialize};

use super::{AdminCommand, Context, Progress};

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
}

impl AdminCommand for ListKeys {
    const PATH: &'static str = "/keys/list";
    type Output = Vec<Key>;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Vec<Key>> {
        Ok(list(context))
    }
}

impl AdminCommand for RotateKeys {
    const PATH: &'static str = "/keys/rotate";
    type Output = Vec<Key>;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Vec<Key>> {
        let app = std::sync::Arc::clone(&context.app);
        let rotate = move || {
            app.key_folder.rotate(&app.keys, app.operator.now().unix_secs())?;
            if self.forget_old {
                app.key_folder.forget_retired(&app.keys)?;
            }
            Ok::<_, holdfast_identity::keys::Error>(())
        };
        // Finding two primes takes a while.
        tokio::task::spawn_blocking(rotate)
            .await
            .context("the rotation broke off")?
            .context("cannot rotate the keys")?;
        tracing::info!(kid = context.app.keys.kid(), "a new key signs tokens");
        Ok(list(context))
    }
}

fn list(context: &Context) -> Vec<Key> {
    let states = context.app.keys.list(context.app.operator.now().unix_secs());
    let key = |state: KeyState| Key {
        kid: state.kid,
        is_signing: state.is_signing,
        verifies_until: state.verifies_until,
    };
    states.into_iter().map(key).collect()
}
