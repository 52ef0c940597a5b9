//! Making service principals.

use std::time::Duration;

use anyhow::{Context as _, bail};
use holdfast_access::{ControlCaller, Role, assignment::scope_covers, decide_control};
use holdfast_arm::ResourceId;
use holdfast_identity::password;
use holdfast_registry::{NewPrincipal, NewSecret};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::{Desk, News, Order};

/// How long a secret is good: a year, as in Azure.
const SECRET_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The longest name (Entra ID).
const MAX_NAME_CHARS: usize = 256;

/// Makes a service principal with a secret and a role.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatePrincipal {
    pub(crate) name: String,
    pub(crate) role: String,
    /// The subscription when `None`.
    pub(crate) scope: Option<String>,
}

/// What scripts read (design, section 9); the secret is shown this once.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Created {
    pub(crate) app_id: String,
    pub(crate) display_name: String,
    pub(crate) password: String,
    pub(crate) tenant: String,
}

impl Order for CreatePrincipal {
    const PATH: &'static str = "/principal/create";
    type Answer = Created;

    async fn fill(self, desk: &Desk, _news: &News) -> anyhow::Result<Created> {
        check_name(&self.name)?;
        let role = find_role(&self.role)?;
        let (own, scope) = scope(desk, self.scope.as_deref())?;
        let caller = ControlCaller::operator();
        let secret = password::generate();
        let registry = &desk.house.registry;
        let new = NewPrincipal {
            display_name: self.name,
            secret: NewSecret {
                display_name: None,
                hint: password::hint(&secret),
                verifier: desk.house.sealer.verifier(secret.expose_secret()),
                starts_at: registry.now(),
                expires_at: registry.now().plus(SECRET_LIFE),
            },
            role: role.id,
        };
        let principal = registry
            .create_principal(
                &decide_control(&caller, own.key())?,
                &decide_control(&caller, scope.key())?,
                new,
            )
            .await?;
        tracing::info!(
            principal.id = %principal.id,
            role = role.name,
            scope = scope.key(),
            "a service principal was made"
        );
        Ok(Created {
            app_id: principal.app_id.to_string(),
            display_name: principal.display_name,
            password: secret.expose_secret().to_owned(),
            tenant: desk.house.tenant.to_string(),
        })
    }
}

/// A name for people.
pub(super) fn check_name(name: &str) -> anyhow::Result<()> {
    let length = name.chars().count();
    if !(1..=MAX_NAME_CHARS).contains(&length) || name.chars().any(char::is_control) {
        bail!("a principal's name has 1 to {MAX_NAME_CHARS} characters and no control characters");
    }
    Ok(())
}

/// A role by its name or id.
pub(super) fn find_role(name: &str) -> anyhow::Result<&'static Role> {
    Role::find(name).with_context(|| {
        let names: Vec<&str> = Role::BUILT_IN.iter().map(|role| role.name).collect();
        format!("there is no role {name:?}; there are {}", names.join(", "))
    })
}

/// The server's own subscription, and the scope that was asked for: that one when none was.
pub(super) fn scope(desk: &Desk, asked: Option<&str>) -> anyhow::Result<(ResourceId, ResourceId)> {
    let subscription = format!("/subscriptions/{}", desk.house.subscription);
    let scope = asked.unwrap_or(&subscription);
    let scope = ResourceId::parse(scope).with_context(|| format!("{scope:?} is no scope"))?;
    if !scope_covers(scope.key(), scope.key()) {
        bail!("{scope} is no scope: it does not end in a name, or in no repository");
    }
    let own = ResourceId::parse(&subscription)?;
    if !scope.contains(&own) && !own.contains(&scope) {
        bail!("the scope {scope} is in no subscription of this server; its own is {own}");
    }
    Ok((own, scope))
}
