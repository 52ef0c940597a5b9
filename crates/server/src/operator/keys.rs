//! The keys that sign tokens.

use anyhow::Context as _;
use holdfast_identity::keys::KeyState;
use serde::{Deserialize, Serialize};

use super::{Desk, News, Order};

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

impl Order for ListKeys {
    const PATH: &'static str = "/keys/list";
    type Answer = Vec<Key>;

    async fn fill(self, desk: &Desk, _news: &News) -> anyhow::Result<Vec<Key>> {
        Ok(list(desk))
    }
}

impl Order for RotateKeys {
    const PATH: &'static str = "/keys/rotate";
    type Answer = Vec<Key>;

    async fn fill(self, desk: &Desk, _news: &News) -> anyhow::Result<Vec<Key>> {
        let house = std::sync::Arc::clone(&desk.house);
        let rotate = move || {
            house.keys.rotate(house.registry.now().unix_secs())?;
            if self.forget_old {
                house.keys.forget_retired()?;
            }
            Ok::<_, holdfast_identity::keys::Error>(())
        };
        // Finding two primes takes a while.
        tokio::task::spawn_blocking(rotate)
            .await
            .context("the rotation broke off")?
            .context("cannot rotate the keys")?;
        tracing::info!(kid = desk.house.keys.kid(), "a new key signs tokens");
        Ok(list(desk))
    }
}

fn list(desk: &Desk) -> Vec<Key> {
    let states = desk.house.keys.list(desk.house.registry.now().unix_secs());
    let key = |state: KeyState| Key {
        kid: state.kid,
        is_signing: state.is_signing,
        verifies_until: state.verifies_until,
    };
    states.into_iter().map(key).collect()
}
