//! The admin account's credentials: shown, or one of its passwords renewed first.

use anyhow::{Context as _, bail};
use holdfast_identity::{
    NewAdminPassword,
    admin_password::{self, Slot},
};
use holdfast_model::RegistryRecord;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::{AdminCommand, Context, Progress};

/// Shows the credentials of a registry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShowCredentials {
    /// The default registry when `None`.
    pub(crate) registry: Option<String>,
    /// `password` or `password2`: replaced first.
    pub(crate) renew: Option<String>,
}

/// What scripts read (`--output json`).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credentials {
    pub(crate) login_server: String,
    pub(crate) username: String,
    pub(crate) passwords: Vec<Password>,
}

/// One of the two passwords.
#[derive(Serialize, Deserialize)]
pub(crate) struct Password {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The credentials, and whether they can be used.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AdminAccount {
    pub(crate) credentials: Credentials,
    pub(crate) is_enabled: bool,
}

impl AdminCommand for ShowCredentials {
    const PATH: &'static str = "/credentials";
    type Output = AdminAccount;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<AdminAccount> {
        let record = find_registry(context, self.registry.as_deref()).await?;
        if let Some(name) = &self.renew {
            renew(context, &record, name).await?;
        }
        let mut passwords = Vec::new();
        for stored in context.app.operator.resources().list_admin_passwords(record.id).await? {
            let slot = Slot::of_number(stored.slot).context("the database holds a third password")?;
            let secret = admin_password::open(&context.app.sealer, &record.name, slot, &stored.sealed)?;
            passwords.push(Password {
                name: slot.name().to_owned(),
                value: secret.expose_secret().to_owned(),
            });
        }
        let is_default = record.id == context.app.default_registry.id;
        let credentials = Credentials {
            login_server: if is_default {
                context.addresses.default_login_server()
            } else {
                context.addresses.login_server(&record.name)
            },
            username: record.name,
            passwords,
        };
        Ok(AdminAccount {
            credentials,
            is_enabled: record.admin_enabled,
        })
    }
}

async fn renew(context: &Context, record: &RegistryRecord, name: &str) -> anyhow::Result<()> {
    let Some(slot) = Slot::of_name(name) else {
        bail!("there is no password called {name:?}; the two are password and password2");
    };
    let fresh = NewAdminPassword::generate(&context.app.sealer, &record.name, slot)?;
    let operator = &context.app.operator;
    operator
        .resources()
        .renew_admin_password(record.id, slot.number(), fresh.sealed, fresh.verifier)
        .await?;
    tracing::info!(
        registry.name = record.name,
        password = name,
        "an admin password was renewed"
    );
    Ok(())
}

/// The registry of a name, or the default one; as it is now.
pub(super) async fn find_registry(context: &Context, name: Option<&str>) -> anyhow::Result<RegistryRecord> {
    let name = name.unwrap_or(&context.app.default_registry.name);
    let found = context.app.operator.resources().find_registry(name).await?;
    found.with_context(|| format!("there is no registry called {name:?} here"))
}
