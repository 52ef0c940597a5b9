//! Who calls. Anonymous is a caller; a bad credential is an error, never anonymous. Rights are read
//! from the database at each request, so a renewed password or a closed account counts at once.
//!
//! The store is asked once: what a request came with is read first (`presented`), how it stands comes with the registry
//! ([`holdfast_operations::Front`]), and here the two meet.

mod presented;

use std::{net::IpAddr, sync::Arc};

use holdfast_access::{Actor, Caller, RegistryId, RequestOrigin, Rights, rights_of};
use holdfast_directory::{GoodSecret, PrincipalView};
use holdfast_identity::{Credential, throttle::Target, token::Kind};
use holdfast_model::{AdminPassword, RegistryAccess};
use holdfast_operations::{Entrance, Front, Standing};
use holdfast_resources::TokenAccount;
use secrecy::{ExposeSecret as _, SecretString};

pub(crate) use self::presented::{Presented, PresentedToken};
use crate::{Address, Distribution, error::Error};

/// A caller, the registry called, and the credential it came with.
pub(crate) struct Identified {
    pub(crate) registry: RegistryAccess,
    pub(crate) caller: Caller,
    pub(crate) credential: Credential,
    /// The access token that came where a password was asked (ACR: the null GUID's). It is as much
    /// as the caller may have: nothing wider or longer is made from it.
    pub(crate) access_token: Option<SecretString>,
    /// The first second in which the credential is no longer good, if it ends: no token made from it ends later.
    pub(crate) source_ends_at: Option<i64>,
}

impl Identified {
    pub(crate) fn id(&self) -> RegistryId {
        self.registry.id
    }

    /// The same by this request.
    pub(crate) fn by(self, request: Arc<RequestOrigin>) -> Self {
        Self {
            caller: self.caller.by(request),
            ..self
        }
    }
}

impl Distribution {
    /// Asks the store how a credential stands, and identifies the caller.
    pub(crate) async fn admit(
        &self,
        presented: Presented,
        address: &Address,
        peer: IpAddr,
    ) -> Result<Identified, Error> {
        let entrance = self
            .front_door
            .enter(&address.registry, peer, presented.claimant())
            .await?;
        self.identify(presented, entrance, address, peer)
    }

    /// Identifies the caller from what it came with and what the store said of that.
    pub(crate) fn identify(
        &self,
        presented: Presented,
        entrance: Entrance,
        address: &Address,
        peer: IpAddr,
    ) -> Result<Identified, Error> {
        let Front { registry, standing } = match entrance {
            Entrance::Shut => return Err(Error::NetworkDenied { peer }),
            Entrance::Unknown => {
                return Err(Error::RegistryUnknown {
                    name: address.registry.clone(),
                });
            }
            Entrance::Open(front) => *front,
        };
        match (presented, standing) {
            (Presented::Nobody, Standing::Nobody) => Ok(anonymous(registry)),
            (Presented::Password { user, password }, standing) => {
                // Tokens of one name in two registries are two accounts.
                let account = format!("{user}@{}", address.registry);
                self.compare(&account, peer, || match standing {
                    Standing::AdminPasswords(passwords) => self.match_admin(registry, &passwords, &password),
                    Standing::Token(found) => self.match_token(registry, found, &password),
                    _ => None,
                })
            }
            (Presented::Secret { app_id, secret }, Standing::Application(found)) => {
                let account = app_id.to_string();
                self.compare(&account, peer, || self.match_principal(registry, found, &secret))
            }
            (Presented::Token(token), standing) => caller_of_token(*token, registry, standing),
            (
                Presented::Directory {
                    generation,
                    ends_at,
                    is_for_arm,
                    ..
                },
                Standing::Principal(found),
            ) => {
                if is_for_arm && !registry.accept_arm_tokens {
                    return Err(Error::ArmTokenRefused);
                }
                let found = found.filter(|principal| principal.record.generation == generation);
                let principal = found.ok_or(Error::TokenRevoked)?;
                Ok(of_principal(registry, &principal, ends_at))
            }
            // The store answers for whom it was asked; anything else counts for nothing.
            _ => Err(Error::CredentialWrong),
        }
    }

    /// Compares a password, slowed down after wrong ones.
    fn compare(
        &self,
        account: &str,
        peer: IpAddr,
        matched: impl FnOnce() -> Option<Identified>,
    ) -> Result<Identified, Error> {
        let now = self.front_door.now().unix_secs();
        let attempt = self.throttle.take(peer, Target::Account(account), now);
        let attempt = attempt.map_err(Error::Throttled)?;
        let Some(who) = matched() else {
            attempt.failed();
            return Err(Error::CredentialWrong);
        };
        attempt.succeeded();
        Ok(who)
    }

    fn match_admin(
        &self,
        registry: RegistryAccess,
        passwords: &[AdminPassword],
        password: &SecretString,
    ) -> Option<Identified> {
        // The same work while the account is off, so that time tells nothing.
        let found = self
            .sealer
            .find(password.expose_secret(), passwords, |stored| &stored.verifier);
        let found = found.filter(|_| registry.admin_enabled)?;
        Some(Identified {
            caller: Caller::with_basic(admin(&registry), Rights::everything()),
            credential: Credential::Admin {
                slot: found.slot,
                generation: found.generation,
            },
            registry,
            access_token: None,
            source_ends_at: None,
        })
    }

    fn match_token(
        &self,
        registry: RegistryAccess,
        found: Option<TokenAccount>,
        password: &SecretString,
    ) -> Option<Identified> {
        // The same work for a token that does not exist, so that time tells nothing.
        let passwords = found.as_ref().map_or(&[][..], |account| &account.passwords);
        let matched = self
            .sealer
            .find(password.expose_secret(), passwords, |stored| &stored.verifier);
        let matched = matched.cloned();
        let (account, matched) = (found?, matched?);
        let rights = with_anonymous(&registry, account.rights);
        let actor = Actor::Token {
            name: account.name.clone(),
        };
        Some(Identified {
            registry,
            caller: Caller::with_basic(actor, rights),
            credential: Credential::Token {
                name: account.name,
                slot: matched.slot,
                generation: matched.generation,
            },
            access_token: None,
            source_ends_at: matched.expires_at.map(|at| at.unix_secs()),
        })
    }

    fn match_principal(
        &self,
        registry: RegistryAccess,
        found: Option<(PrincipalView, Vec<GoodSecret>)>,
        secret: &SecretString,
    ) -> Option<Identified> {
        // The same work for an application that does not exist, so that time tells nothing.
        let secrets = found.as_ref().map_or(&[][..], |(_, secrets)| secrets);
        let matched = self
            .sealer
            .find(secret.expose_secret(), secrets, |stored| &stored.verifier);
        let ends_at = matched?.expires_at.unix_secs();
        let (principal, _) = found?;
        Some(of_principal(registry, &principal, ends_at))
    }
}

/// Rights behind a token: those its credential has now, limited by what the token says.
fn caller_of_token(token: PresentedToken, registry: RegistryAccess, standing: Standing) -> Result<Identified, Error> {
    let PresentedToken {
        claims,
        kind,
        as_password,
        ..
    } = token;
    let credential = claims.credential().clone();
    if claims.registry_rid() != registry.rid.simple().to_string() {
        return Err(Error::TokenRevoked);
    }
    let found = actor_and_rights(&credential, &registry, standing);
    let (actor, rights) = found.ok_or(Error::TokenRevoked)?;
    let caller = match kind {
        Kind::Access => Caller::with_token(actor, rights, claims.access().to_vec()),
        Kind::Refresh => Caller::with_basic(actor, rights),
    };
    Ok(Identified {
        registry,
        caller,
        credential,
        access_token: as_password,
        source_ends_at: Some(claims.expires_at()),
    })
}

/// Who stands behind a token, and what they may do now; `None` when what it was made from is good no longer.
fn actor_and_rights(credential: &Credential, registry: &RegistryAccess, standing: Standing) -> Option<(Actor, Rights)> {
    match (credential, standing) {
        (Credential::Anonymous, Standing::Nobody) if registry.anonymous_pull => {
            Some((Actor::Anonymous, Rights::read_only()))
        }
        (Credential::Admin { generation, .. }, Standing::Admin(current))
            if registry.admin_enabled && current == Some(*generation) =>
        {
            Some((admin(registry), Rights::everything()))
        }
        (Credential::Token { slot, generation, .. }, Standing::Token(Some(account))) => {
            let mut passwords = account.passwords.iter();
            passwords.find(|password| password.slot == *slot && password.generation == *generation)?;
            let rights = with_anonymous(registry, account.rights);
            Some((Actor::Token { name: account.name }, rights))
        }
        (Credential::Principal { generation, .. }, Standing::Principal(Some(principal)))
            if principal.record.generation == *generation =>
        {
            Some((actor(&principal), rights(registry, &principal)))
        }
        _ => None,
    }
}

/// Somebody without a credential: may read where the registry lets everybody read.
fn anonymous(registry: RegistryAccess) -> Identified {
    let rights = if registry.anonymous_pull {
        Rights::read_only()
    } else {
        Rights::none()
    };
    Identified {
        registry,
        caller: Caller::anonymous(rights),
        credential: Credential::Anonymous,
        access_token: None,
        source_ends_at: None,
    }
}

/// A principal that proved itself by a secret or a token of the directory.
fn of_principal(registry: RegistryAccess, principal: &PrincipalView, source_ends_at: i64) -> Identified {
    let caller = Caller::with_basic(actor(principal), rights(&registry, principal));
    let credential = Credential::Principal {
        id: principal.record.id.to_string(),
        generation: principal.record.generation,
    };
    Identified {
        registry,
        caller,
        credential,
        access_token: None,
        source_ends_at: Some(source_ends_at),
    }
}

fn actor(principal: &PrincipalView) -> Actor {
    Actor::Principal {
        id: principal.record.id.to_string(),
    }
}

/// What its roles allow in the registry now.
fn rights(registry: &RegistryAccess, principal: &PrincipalView) -> Rights {
    let rights = rights_of(&principal.assignments, &registry.scope(), registry.role_assignment_mode);
    with_anonymous(registry, rights)
}

/// What everybody may do, somebody may do as well (ACR: anonymous pull goes before the limits of scope maps and roles).
fn with_anonymous(registry: &RegistryAccess, rights: Rights) -> Rights {
    if registry.anonymous_pull {
        rights.union(&Rights::read_only())
    } else {
        rights
    }
}

fn admin(registry: &RegistryAccess) -> Actor {
    Actor::Admin {
        registry: registry.name.clone(),
    }
}
