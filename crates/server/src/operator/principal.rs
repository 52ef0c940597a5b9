//! Service principals: made, listed, given another secret, deleted.

use std::time::Duration;

use anyhow::{Context as _, bail};
use holdfast_access::{ControlCaller, Role, assignment::scope_covers, decide_control};
use holdfast_arm::ResourceId;
use holdfast_directory::{ApplicationKey, ApplicationView, NewPrincipal, NewSecret};
use holdfast_face::moment::rfc3339_seconds;
use holdfast_identity::password;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AdminCommand, Context, Progress};

/// How long a secret is good: a year, as in Azure.
const SECRET_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Principals read at once.
const PAGE: usize = 500;
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

/// Lists all service principals.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListPrincipals;

/// Shows one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShowPrincipal {
    pub(crate) app_id: String,
}

/// Takes all secrets of one away and gives it another; all its tokens become void.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResetPrincipal {
    pub(crate) app_id: String,
}

/// Deletes one with its application, credentials and roles.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletePrincipal {
    pub(crate) app_id: String,
}

/// A service principal, in the words of the directory's Graph.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Principal {
    pub(crate) app_id: String,
    pub(crate) display_name: String,
    pub(crate) id: String,
    pub(crate) account_enabled: bool,
    pub(crate) secrets: Vec<Secret>,
    /// How many it has.
    pub(crate) certificates: usize,
}

/// What is known of a secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Secret {
    pub(crate) key_id: String,
    pub(crate) display_name: Option<String>,
    /// Its first characters.
    pub(crate) hint: String,
    pub(crate) end_date_time: String,
}

/// What scripts read (`--output json`); the secret is shown this once.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Created {
    pub(crate) app_id: String,
    pub(crate) display_name: String,
    pub(crate) password: String,
    pub(crate) tenant: String,
}

impl AdminCommand for CreatePrincipal {
    const PATH: &'static str = "/principal/create";
    type Output = Created;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Created> {
        check_name(&self.name)?;
        let role = find_role(&self.role)?;
        let (own, scope) = scope(context, self.scope.as_deref())?;
        let caller = ControlCaller::operator();
        let secret = password::generate();
        let operator = &context.app.operator;
        let new = NewPrincipal {
            display_name: self.name,
            secret: new_secret(context, &secret),
            role: role.id,
        };
        let principal = operator
            .directory()
            .create_principal(&decide_control(&caller, &own)?, &decide_control(&caller, &scope)?, new)
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
            tenant: context.app.tenant.to_string(),
        })
    }
}

impl AdminCommand for ListPrincipals {
    const PATH: &'static str = "/principal/list";
    type Output = Vec<Principal>;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Vec<Principal>> {
        let grant = decide_control(&ControlCaller::operator(), &ResourceId::root())?;
        let (mut principals, mut after) = (Vec::new(), None);
        loop {
            let page = context
                .app
                .operator
                .directory()
                .list_service_principals(&grant, String::new(), after, PAGE)
                .await?;
            principals.extend(page.iter().filter_map(principal));
            match page.last() {
                Some(last) => after = Some(last.application.marker()),
                None => return Ok(principals),
            }
        }
    }
}

impl AdminCommand for ShowPrincipal {
    const PATH: &'static str = "/principal/show";
    type Output = Principal;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Principal> {
        let grant = decide_control(&ControlCaller::operator(), &ResourceId::root())?;
        let operator = &context.app.operator;
        let view = operator
            .directory()
            .load_application(&grant, key(&self.app_id)?)
            .await?;
        principal(&view).with_context(|| format!("application {} has no service principal", self.app_id))
    }
}

impl AdminCommand for ResetPrincipal {
    const PATH: &'static str = "/principal/reset";
    type Output = Created;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Created> {
        let caller = ControlCaller::operator();
        let (operator, key) = (&context.app.operator, key(&self.app_id)?);
        let view = operator
            .directory()
            .load_application(&decide_control(&caller, &ResourceId::root())?, key)
            .await?;
        let secret = password::generate();
        operator
            .directory()
            .reset_secrets(
                &decide_control(&caller, &ResourceId::root())?,
                key,
                new_secret(context, &secret),
            )
            .await?;
        tracing::info!(application.id = %view.application.app_id, "a service principal got another secret");
        Ok(Created {
            app_id: view.application.app_id.to_string(),
            display_name: view.application.display_name,
            password: secret.expose_secret().to_owned(),
            tenant: context.app.tenant.to_string(),
        })
    }
}

impl AdminCommand for DeletePrincipal {
    const PATH: &'static str = "/principal/delete";
    type Output = ();

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<()> {
        let grant = decide_control(&ControlCaller::operator(), &ResourceId::root())?;
        let operator = &context.app.operator;
        operator
            .directory()
            .delete_application(&grant, key(&self.app_id)?)
            .await?;
        tracing::info!(application.id = self.app_id, "a service principal was deleted");
        Ok(())
    }
}

fn key(app_id: &str) -> anyhow::Result<ApplicationKey> {
    let id = Uuid::parse_str(app_id);
    let id = id.with_context(|| format!("{app_id:?} is no app id; `holdfast principal list` shows them"))?;
    Ok(ApplicationKey::App(id))
}

fn new_secret(context: &Context, secret: &SecretString) -> NewSecret {
    let now = context.app.operator.now();
    NewSecret {
        display_name: None,
        hint: password::hint(secret),
        verifier: context.app.sealer.verifier(secret.expose_secret()),
        starts_at: now,
        expires_at: now.plus(SECRET_LIFE),
    }
}

/// `None` for an application without a service principal.
fn principal(view: &ApplicationView) -> Option<Principal> {
    let principal = view.principal.as_ref()?;
    let secret = |secret: &holdfast_model::ApplicationSecret| Secret {
        key_id: secret.id.to_string(),
        display_name: secret.display_name.clone(),
        hint: secret.hint.clone(),
        end_date_time: rfc3339_seconds(secret.expires_at),
    };
    Some(Principal {
        app_id: principal.app_id.to_string(),
        display_name: principal.display_name.clone(),
        id: principal.id.to_string(),
        account_enabled: principal.is_enabled,
        secrets: view.secrets.iter().map(secret).collect(),
        certificates: view.certificates.len(),
    })
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
pub(super) fn scope(context: &Context, asked: Option<&str>) -> anyhow::Result<(ResourceId, ResourceId)> {
    let subscription = format!("/subscriptions/{}", context.app.subscription);
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
