//! The front door of the data plane: one look at the store before the operation of a request. It finds the registry,
//! whether the caller's address may speak to it, how the caller's credential stands, and what that may do now. It refuses
//! to compare passwords and to read tokens: the face does, with what it finds here.

use std::{net::IpAddr, sync::Arc};

use uuid::Uuid;

use crate::limits::{FRONT_ROWS_KEPT, FRONTS_KEPT};
use holdfast_content::Current;
use holdfast_directory::{GoodSecret, PrincipalView, good_secrets, in_force};
use holdfast_model::{
    AdminPassword, Clock, Metadata, MetadataError, MetadataExt, PrincipalAndRoles, PrincipalKey, Read, RegistryAccess,
    StorageError, Timestamp, ahead_of_disk,
};
use holdfast_resources::{TokenAccount, token_account};

/// Whose credential a request came with; whether it is good is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

/// What was found behind the door, by the name of the registry and whose credential it was.
type Fronts = Current<(String, Claimant), Front>;

/// The front door: a look at the store for whoever comes, before anything of them is known. Nothing else can be asked of it.
pub struct FrontDoor {
    metadata: Arc<dyn Metadata>,
    clock: Arc<dyn Clock>,
    fronts: Fronts,
}

impl FrontDoor {
    pub(crate) fn new(metadata: Arc<dyn Metadata>, clock: Arc<dyn Clock>) -> Self {
        Self {
            metadata,
            clock,
            fronts: Current::new(FRONTS_KEPT),
        }
    }

    /// The present moment by the registry's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs a request ahead of the disk: what it looks up may be lost by a power cut until it has its answer, and no longer.
    ///
    /// # Errors
    /// [`StorageError`] when it may be lost for good.
    pub async fn ahead_of_disk<T>(&self, request: impl Future<Output = T>) -> Result<T, StorageError> {
        Ok(ahead_of_disk(&*self.metadata, request).await?)
    }

    /// Looks at the registry of a name, compared without regard to case, for a caller at this address.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn enter(&self, name: &str, peer: IpAddr, claimant: Claimant) -> Result<Entrance, StorageError> {
        let (key, commits) = ((name.to_owned(), claimant), self.metadata.commits());
        let front = match self.fronts.get(&key, commits) {
            Some(front) => Some(front),
            None => self.find_front(key, commits).await?,
        };
        Ok(match front {
            None => Entrance::Unknown,
            Some(front) if !front.registry.network.admits(peer) => Entrance::Shut,
            Some(front) if front.registry.is_deleting => Entrance::Unknown,
            Some(front) => Entrance::Open(Box::new(front)),
        })
    }

    async fn find_front(&self, key: (String, Claimant), commits: Option<u64>) -> Result<Option<Front>, StorageError> {
        let now = self.clock.now();
        let found = self.metadata.query(move |read| {
            let front = find(read, &key.0, key.1.clone(), now)?;
            Ok::<_, StorageError>((key, front))
        });
        let (key, front) = found.await?;
        if let Some(front) = &front
            && is_kept(front)
        {
            self.fronts.insert(key, commits, front.clone());
        }
        Ok(front)
    }
}

/// Whether a look is good until the next commit, and small enough to be kept. Passwords and secrets expire by themselves.
fn is_kept(front: &Front) -> bool {
    let roles = match &front.standing {
        Standing::Nobody | Standing::Admin(_) | Standing::Principal(None) => 0,
        Standing::Principal(Some(principal)) => principal.assignments.len(),
        Standing::AdminPasswords(_) | Standing::Token(_) | Standing::Application(_) => return false,
    };
    roles + front.registry.network.ip_rules.len() <= FRONT_ROWS_KEPT
}

fn find(read: &mut dyn Read, name: &str, claimant: Claimant, now: Timestamp) -> Result<Option<Front>, MetadataError> {
    let front = |registry, standing| Front { registry, standing };
    Ok(match claimant {
        Claimant::Nobody => {
            let found = read.find_access(name, None)?;
            found.map(|(registry, _)| front(registry, Standing::Nobody))
        }
        Claimant::Admin { slot } => {
            let found = read.find_access(name, Some(slot))?;
            found.map(|(registry, generation)| front(registry, Standing::Admin(generation)))
        }
        Claimant::Token { name: token } => {
            let found = read.find_access_and_token(name, &token)?;
            found
                .map(|(registry, token)| front(registry, Standing::Token(token.map(|token| token_account(token, now)))))
        }
        Claimant::User { name: user } => find_user(read, name, &user, now)?,
        Claimant::Principal { id } => {
            let found = read.find_access_and_principal(name, PrincipalKey::Object(id))?;
            found.map(|(registry, principal)| front(registry, Standing::Principal(principal.and_then(enabled))))
        }
        Claimant::Application { app_id } => {
            let Some((registry, principal)) =
                read.find_access_and_principal(name, PrincipalKey::Application(app_id))?
            else {
                return Ok(None);
            };
            // Looked up for a principal that is not there too, so that time tells nothing.
            let secrets = good_secrets(read.list_application_secrets_by_app(app_id)?, now);
            let principal = principal.and_then(enabled);
            Some(front(
                registry,
                Standing::Application(principal.map(|principal| (principal, secrets))),
            ))
        }
    })
}

/// The registry's own name is the admin account's, also while that is off.
fn find_user(read: &mut dyn Read, name: &str, user: &str, now: Timestamp) -> Result<Option<Front>, MetadataError> {
    let Some((registry, token)) = read.find_access_and_token(name, user)? else {
        return Ok(None);
    };
    let standing = if user.eq_ignore_ascii_case(&registry.name) {
        Standing::AdminPasswords(read.list_admin_passwords(registry.id)?)
    } else {
        Standing::Token(token.map(|token| token_account(token, now)))
    };
    Ok(Some(Front { registry, standing }))
}

/// A principal that may sign in.
fn enabled((record, roles): PrincipalAndRoles) -> Option<PrincipalView> {
    record.is_enabled.then(|| PrincipalView {
        record,
        assignments: in_force(roles),
    })
}
