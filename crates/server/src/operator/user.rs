//! People of the directory: users, who sign in with a name and a password.

use std::{fmt, sync::Arc};

use anyhow::Context as _;
use holdfast_access::{ControlCaller, decide_control};
use holdfast_arm::ResourceId;
use holdfast_directory::NewPerson;
use holdfast_identity::password;
use holdfast_model::{PersonRecord, UserName};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    AdminCommand, Context, Progress,
    principal::{check_name, find_role, scope},
};

/// People read at once.
const READ_ROWS: usize = 500;

/// A password on its way to the server that keeps its verifier.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Password(pub(crate) String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Makes a user.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateUser {
    pub(crate) user_name: String,
    /// The part before the `@` when `None`.
    pub(crate) display_name: Option<String>,
    /// Generated when `None`.
    pub(crate) password: Option<Password>,
    pub(crate) role: Option<String>,
    /// The subscription when `None`.
    pub(crate) scope: Option<String>,
}

/// Lists all users.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListUsers;

/// Gives a user another password; all tokens of the user become void.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResetUser {
    pub(crate) user_name: String,
    /// Generated when `None`.
    pub(crate) password: Option<Password>,
}

/// Lets a user in, or keeps it out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnableUser {
    pub(crate) user_name: String,
    pub(crate) is_enabled: bool,
}

/// Deletes a user.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteUser {
    pub(crate) user_name: String,
}

/// A user, in the words of the directory's Graph.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) user_principal_name: String,
    pub(crate) display_name: String,
    pub(crate) id: String,
    pub(crate) account_enabled: bool,
    /// Where it was generated: shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<Password>,
    pub(crate) tenant: String,
}

impl AdminCommand for CreateUser {
    const PATH: &'static str = "/user/create";
    type Output = User;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<User> {
        let user_name: UserName = self.user_name.parse()?;
        let display_name = self.display_name.unwrap_or_else(|| user_name.local().to_owned());
        check_name(&display_name)?;
        let caller = ControlCaller::operator();
        let first_role = match self.role {
            Some(role) => {
                let (_, scope) = scope(context, self.scope.as_deref())?;
                Some((find_role(&role)?.id, decide_control(&caller, &scope)?))
            }
            None => None,
        };
        let (generated, verifier) = hash_password(context, self.password).await?;
        let new = NewPerson {
            user_name,
            display_name,
            verifier,
        };
        let person = context
            .app
            .operator
            .directory()
            .create_person(&decide_control(&caller, &ResourceId::root())?, first_role, new)
            .await?;
        tracing::info!(principal.id = %person.principal.id, "a user was made");
        Ok(view(context, &person, generated))
    }
}

impl AdminCommand for ListUsers {
    const PATH: &'static str = "/user/list";
    type Output = Vec<User>;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Vec<User>> {
        let grant = decide_control(&ControlCaller::operator(), &ResourceId::root())?;
        let mut users = Vec::new();
        let mut after = None;
        loop {
            let page = context
                .app
                .operator
                .directory()
                .list_people(&grant, after, READ_ROWS)
                .await?;
            users.extend(page.iter().map(|person| view(context, person, None)));
            match page.into_iter().next_back() {
                Some(last) => after = Some(last.user_name),
                None => return Ok(users),
            }
        }
    }
}

impl AdminCommand for ResetUser {
    const PATH: &'static str = "/user/reset";
    type Output = User;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<User> {
        let user_name = self.user_name.parse()?;
        let (generated, verifier) = hash_password(context, self.password).await?;
        let grant = decide_control(&ControlCaller::operator(), &ResourceId::root())?;
        let person = context
            .app
            .operator
            .directory()
            .reset_person(&grant, user_name, verifier)
            .await?;
        tracing::info!(principal.id = %person.principal.id, "a user got another password");
        Ok(view(context, &person, generated))
    }
}

impl AdminCommand for EnableUser {
    const PATH: &'static str = "/user/enable";
    type Output = User;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<User> {
        let grant = decide_control(&ControlCaller::operator(), &ResourceId::root())?;
        let user_name = self.user_name.parse()?;
        let operator = &context.app.operator;
        let person = operator
            .directory()
            .enable_person(&grant, user_name, self.is_enabled)
            .await?;
        tracing::info!(principal.id = %person.principal.id, is_enabled = self.is_enabled, "a user was let in or kept out");
        Ok(view(context, &person, None))
    }
}

impl AdminCommand for DeleteUser {
    const PATH: &'static str = "/user/delete";
    type Output = ();

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<()> {
        let grant = decide_control(&ControlCaller::operator(), &ResourceId::root())?;
        context
            .app
            .operator
            .directory()
            .delete_person(&grant, self.user_name.parse()?)
            .await?;
        Ok(())
    }
}

/// The password where it was generated, and its verifier.
async fn hash_password(context: &Context, given: Option<Password>) -> anyhow::Result<(Option<Password>, String)> {
    let (generated, secret) = match given {
        Some(Password(text)) => (None, SecretString::from(text)),
        None => {
            let secret = password::generate();
            (Some(Password(secret.expose_secret().to_owned())), secret)
        }
    };
    let password_hasher = Arc::clone(&context.app.password_hasher);
    let verifier = tokio::task::spawn_blocking(move || password_hasher.verifier(&secret))
        .await
        .context("the password could not be password_hasher")??;
    Ok((generated, verifier))
}

fn view(context: &Context, person: &PersonRecord, password: Option<Password>) -> User {
    User {
        user_principal_name: person.user_name.to_string(),
        display_name: person.principal.display_name.clone(),
        id: person.principal.id.to_string(),
        account_enabled: person.principal.is_enabled,
        password,
        tenant: context.app.tenant.to_string(),
    }
}
