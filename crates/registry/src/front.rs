//! The front door of the data plane: one look at the store before the operation of a request. It finds the registry,
//! whether the caller's address may speak to it, how the caller's credential stands, and what that may do now. It refuses
//! to compare passwords and to read tokens: the face does, with what it finds here.

use std::net::IpAddr;

use uuid::Uuid;

use crate::{
    Error, GoodSecret, PrincipalView, Registry, Timestamp, TokenAccount,
    application::good_secrets,
    ports::{AdminPassword, MetadataExt, PrincipalKey, Read, RegistryAccess},
    role_assignment::in_force,
    token::find_account,
};

/// Whose credential a request came with; whether it is good is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimant {
    /// Nobody's.
    Nobody,
    /// The admin account's, by a token that was made from the password in this slot.
    Admin {
        /// 1 or 2.
        slot: u8,
    },
    /// A token's, by a token that was made from one of its passwords.
    Token {
        /// The token's name.
        name: String,
    },
    /// A user name with a password: the registry's own is the admin account's, any other a token's.
    User {
        /// As the client wrote it.
        name: String,
    },
    /// An application's, with a secret.
    Application {
        /// Its id.
        app_id: Uuid,
    },
    /// A principal's, by a token of the directory or one that was made from it.
    Principal {
        /// Its object id.
        id: Uuid,
    },
}

/// How a credential stands now. What is absent, disabled or expired is `None` or left out.
#[derive(Debug, Clone)]
pub enum Standing {
    /// For nobody there is nothing to know.
    Nobody,
    /// The generation of the admin password.
    Admin(Option<i64>),
    /// The passwords of the admin account, by slot.
    AdminPasswords(Vec<AdminPassword>),
    /// A token's passwords and rights.
    Token(Option<TokenAccount>),
    /// A principal that may sign in, with its roles.
    Principal(Option<PrincipalView>),
    /// The same with what its application can prove itself by.
    Application(Option<(PrincipalView, Vec<GoodSecret>)>),
}

/// What is behind the door.
#[derive(Debug, Clone)]
pub struct Front {
    /// The registry.
    pub registry: RegistryAccess,
    /// How the caller's credential stands.
    pub standing: Standing,
}

/// What a request meets.
#[derive(Debug, Clone)]
pub enum Entrance {
    /// The registry's network rules shut the address out, whatever was asked.
    Shut,
    /// There is no registry of that name, or it is being deleted.
    Unknown,
    /// The registry.
    Open(Box<Front>),
}

impl Registry {
    /// Looks at the registry of a name, compared without regard to case, for a caller at this address.
    ///
    /// # Errors
    /// [`Error::Metadata`], [`Error::Overloaded`].
    pub async fn enter(&self, name: &str, peer: IpAddr, claimant: Claimant) -> Result<Entrance, Error> {
        let (name, now) = (name.to_owned(), self.clock.now());
        self.metadata
            .query(move |read| {
                let slot = match claimant {
                    Claimant::Admin { slot } => Some(slot),
                    _ => None,
                };
                let Some((registry, generation)) = read.find_registry_access(&name, slot)? else {
                    return Ok(Entrance::Unknown);
                };
                if !registry.network.admits(peer) {
                    return Ok(Entrance::Shut);
                }
                if registry.is_deleting {
                    return Ok(Entrance::Unknown);
                }
                let standing = match claimant {
                    Claimant::Nobody => Standing::Nobody,
                    Claimant::Admin { .. } => Standing::Admin(generation),
                    Claimant::Token { name } => Standing::Token(find_account(read, registry.id, &name, now)?),
                    Claimant::User { name } => find_user(read, &registry, &name, now)?,
                    Claimant::Principal { id } => Standing::Principal(find_principal(read, PrincipalKey::Object(id))?),
                    Claimant::Application { app_id } => Standing::Application(find_application(read, app_id, now)?),
                };
                Ok(Entrance::Open(Box::new(Front { registry, standing })))
            })
            .await
    }
}

/// The registry's own name is the admin account's, also while that is off.
fn find_user(read: &mut dyn Read, registry: &RegistryAccess, name: &str, now: Timestamp) -> Result<Standing, Error> {
    if name.eq_ignore_ascii_case(&registry.name) {
        return Ok(Standing::AdminPasswords(read.list_admin_passwords(registry.id)?));
    }
    Ok(Standing::Token(find_account(read, registry.id, name, now)?))
}

fn find_application(
    read: &mut dyn Read,
    app_id: Uuid,
    now: Timestamp,
) -> Result<Option<(PrincipalView, Vec<GoodSecret>)>, Error> {
    let principal = find_principal(read, PrincipalKey::Application(app_id))?;
    // Looked up for a principal that is not there too, so that time tells nothing.
    let secrets = good_secrets(read.list_application_secrets_by_app(app_id)?, now);
    Ok(principal.map(|principal| (principal, secrets)))
}

fn find_principal(read: &mut dyn Read, key: PrincipalKey) -> Result<Option<PrincipalView>, Error> {
    let found = read.find_principal_and_roles(key)?;
    let found = found.filter(|(record, _)| record.is_enabled);
    Ok(found.map(|(record, roles)| PrincipalView {
        record,
        assignments: in_force(roles),
    }))
}
