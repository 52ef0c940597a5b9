//! Tokens: named credentials of a registry with two passwords, limited by a scope map. It refuses to make or to compare
//! passwords: they come in as verifiers.

use holdfast_access::{ControlGrant, Rights, SystemScopeMap, control};
use holdfast_arm::ResourceId;
use uuid::Uuid;

mod error;

use crate::{
    Error, Resources,
    registry::{author_of, load_at},
    scope::{around, name_at},
    scope_map::find_scope_map,
};
pub use error::TokenError;
use holdfast_model::{
    Author, Counted, Durability, MetadataError, MetadataExt, NewToken, Read, RegistryRecord, SystemData, Timestamp,
    TokenPassword, TokenRecord, TokenStanding, Tx,
};

const SCOPE_MAP_TYPE: &str = "Microsoft.ContainerRegistry/registries/scopeMaps";
const TOKEN_TYPE: &str = "Microsoft.ContainerRegistry/registries/tokens";

/// A token, its passwords, and the registry it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// The registry.
    pub registry: RegistryRecord,
    /// The token.
    pub record: TokenRecord,
    /// Its passwords by slot, those that have expired too.
    pub passwords: Vec<TokenPassword>,
}

/// What a request changes; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct TokenChange {
    /// Its scope map, one of the same registry.
    pub scope_map: Option<ResourceId>,
    /// Whether it may sign in.
    pub is_enabled: Option<bool>,
    /// The passwords that stay; the others go.
    pub passwords: Option<Vec<KeptPassword>>,
}

/// A password that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptPassword {
    /// 1 or 2.
    pub slot: u8,
    /// Its end, if the request named it; it must be the one that the password has.
    pub expires_at: Option<Timestamp>,
}

/// Passwords to be set.
#[derive(Debug, Clone)]
pub struct NewTokenPasswords {
    /// Slot and verifier of each; at most two.
    pub verifiers: Vec<(u8, [u8; 32])>,
    /// The first moment they are no longer good.
    pub expires_at: Option<Timestamp>,
}

/// What a request with a token's credential needs to know.
#[derive(Debug, Clone)]
pub struct TokenAccount {
    /// The token's name.
    pub name: String,
    /// The passwords that are good now: none of a token that is disabled.
    pub passwords: Vec<TokenPassword>,
    /// What its scope map allows now.
    pub rights: Rights,
}

impl Resources {
    /// Makes the token that the grant is for, or changes it; says whether it is new. `name` is the last name of the
    /// grant's scope, as written. A new token has no passwords and is enabled unless the request says otherwise; an
    /// existing one keeps what the request leaves out, so that nobody enables it by making it again.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Token`], [`Error::SkuLacks`], [`Error::QuotaExceeded`], [`Error::Storage`].
    pub async fn put_token(
        &self,
        grant: &ControlGrant<control::TokensWrite>,
        name: String,
        change: TokenChange,
    ) -> Result<(TokenView, bool), Error> {
        let (scope, actor, now) = (grant.scope().clone(), grant.actor().clone(), self.clock.now());
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_at(tx, &around(&scope))?;
                let author = author_of(tx, &actor)?;
                let map = change.scope_map.as_ref().ok_or(TokenError::MapMissing)?;
                let (record, is_new) = match tx.find_token(registry.id, &name)? {
                    Some(found) => (found, false),
                    None => {
                        refuse_reserved(&registry, &name)?;
                        check_quota(tx, &registry)?;
                        let scope_map = load_map(tx, &registry, map)?;
                        tx.insert_token(&NewToken {
                            registry: registry.id,
                            name: name.clone(),
                            scope_map,
                            is_enabled: change.is_enabled.unwrap_or(true),
                            system_data: SystemData::new(Some(author.clone()), now),
                        })?;
                        (load_token(tx, &registry, &name)?, true)
                    }
                };
                let record = apply(tx, &registry, record, &change, (author, now))?;
                Ok((view(tx, &registry, record)?, is_new))
            })
            .await
    }

    /// Changes the token that the grant is for. Who uses it is bound by that at the next request.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Token`], [`Error::Storage`].
    pub async fn change_token(
        &self,
        grant: &ControlGrant<control::TokensWrite>,
        change: TokenChange,
    ) -> Result<TokenView, Error> {
        let (scope, actor, now) = (grant.scope().clone(), grant.actor().clone(), self.clock.now());
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_at(tx, &around(&scope))?;
                let author = author_of(tx, &actor)?;
                let record = load_token(tx, &registry, &name_at(&scope))?;
                let record = apply(tx, &registry, record, &change, (author, now))?;
                Ok(view(tx, &registry, record)?)
            })
            .await
    }

    /// The token that the grant is for.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Token`], [`Error::Storage`].
    pub async fn load_token(&self, grant: &ControlGrant<control::TokensRead>) -> Result<TokenView, Error> {
        let scope = grant.scope().clone();
        self.metadata
            .query(move |read| {
                let registry = load_at(read, &around(&scope))?;
                let record = load_token(read, &registry, &name_at(&scope))?;
                Ok(view(read, &registry, record)?)
            })
            .await
    }

    /// Tokens of the registry that the grant is for, by name, at most `limit` after the name `after` (empty for the
    /// first page).
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Storage`].
    pub async fn list_tokens(
        &self,
        grant: &ControlGrant<control::TokensRead>,
        after: String,
        limit: usize,
    ) -> Result<Vec<TokenView>, Error> {
        let scope = grant.scope().clone();
        self.metadata
            .query(move |read| {
                let registry = load_at(read, &scope)?;
                let found = read.list_tokens(registry.id, &after, limit)?;
                let views = found.into_iter().map(|record| view(read, &registry, record));
                Ok(views.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Deletes the token that the grant is for with its passwords; says whether it was there.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Storage`].
    pub async fn delete_token(&self, grant: &ControlGrant<control::TokensDelete>) -> Result<bool, Error> {
        let scope = grant.scope().clone();
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_at(tx, &around(&scope))?;
                match tx.find_token(registry.id, &name_at(&scope))? {
                    Some(token) => Ok(tx.remove_token(token.id)?),
                    None => Ok(false),
                }
            })
            .await
    }

    /// Sets passwords of a token of the registry that the grant is for. What was issued for those that they replace is
    /// refused from now on.
    ///
    /// # Errors
    /// [`Error::RegistryUnknown`], [`Error::Token`], [`Error::Storage`].
    pub async fn generate_token_passwords(
        &self,
        grant: &ControlGrant<control::GenerateCredentials>,
        token: &ResourceId,
        new: NewTokenPasswords,
    ) -> Result<TokenView, Error> {
        let (scope, token, now) = (grant.scope().clone(), token.clone(), self.clock.now());
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(TokenError::ExpiryPast.into());
        }
        self.metadata
            .transact(Durability::Durable, move |tx| {
                let registry = load_at(tx, &scope)?;
                if !is_inside(&registry, &token, TOKEN_TYPE) {
                    return Err(TokenError::Elsewhere { id: token.to_string() }.into());
                }
                let record = load_token(tx, &registry, token.name())?;
                for (slot, verifier) in &new.verifiers {
                    tx.put_token_password(record.id, *slot, verifier, new.expires_at, now)?;
                }
                Ok(view(tx, &registry, record)?)
            })
            .await
    }
}

/// A token as a request meets it.
#[must_use]
pub fn token_account(token: TokenStanding, now: Timestamp) -> TokenAccount {
    // A map cannot be deleted while a token has it; were it gone, nothing would be allowed.
    let map = SystemScopeMap::find(&token.scope_map).map(SystemScopeMap::scope_map);
    let rights = map
        .or(token.actions)
        .map_or_else(Rights::none, |actions| actions.rights());
    let mut passwords = token.passwords;
    passwords.retain(|password| token.is_enabled && password.expires_at.is_none_or(|at| at > now));
    TokenAccount {
        name: token.name,
        passwords,
        rights,
    }
}

/// Makes the change and gives the token as it is then.
fn apply(
    tx: &mut dyn Tx,
    registry: &RegistryRecord,
    mut token: TokenRecord,
    change: &TokenChange,
    (author, now): (Author, Timestamp),
) -> Result<TokenRecord, Error> {
    if let Some(map) = &change.scope_map {
        token.scope_map = load_map(tx, registry, map)?;
    }
    token.is_enabled = change.is_enabled.unwrap_or(token.is_enabled);
    token.system_data = token.system_data.updated(author, now);
    tx.update_token(&token)?;
    if let Some(kept) = &change.passwords {
        keep_passwords(tx, &token, kept)?;
    }
    Ok(token)
}

fn keep_passwords(tx: &mut dyn Tx, token: &TokenRecord, kept: &[KeptPassword]) -> Result<(), Error> {
    let passwords = tx.list_token_passwords(token.id)?;
    for keep in kept {
        let found = passwords.iter().find(|password| password.slot == keep.slot);
        let found = found.ok_or(TokenError::PasswordUnknown { slot: keep.slot })?;
        if keep.expires_at.is_some() && keep.expires_at != found.expires_at {
            return Err(TokenError::ExpiryFixed { slot: keep.slot }.into());
        }
    }
    for password in &passwords {
        if !kept.iter().any(|keep| keep.slot == password.slot) {
            tx.remove_token_password(token.id, password.slot)?;
        }
    }
    Ok(())
}

/// The name, as it was made, of the scope map with an id.
fn load_map(tx: &mut dyn Tx, registry: &RegistryRecord, id: &ResourceId) -> Result<String, Error> {
    let found = if is_inside(registry, id, SCOPE_MAP_TYPE) {
        find_scope_map(tx, registry, id.name())?
    } else {
        None
    };
    let (name, _) = found.ok_or_else(|| TokenError::MapElsewhere { id: id.to_string() })?;
    Ok(name)
}

fn is_inside(registry: &RegistryRecord, id: &ResourceId, resource_type: &str) -> bool {
    id.is_of_type(resource_type) && id.parent().is_some_and(|parent| parent.key() == registry.scope())
}

/// Names that sign-in takes for somebody else's: such a token could never be used.
fn refuse_reserved(registry: &RegistryRecord, name: &str) -> Result<(), Error> {
    const HYPHENATED_CHARS: usize = 36;
    let whose = if name.eq_ignore_ascii_case(&registry.name) {
        "the registry's admin account"
    } else if name.len() == HYPHENATED_CHARS && Uuid::try_parse(name).is_ok() {
        "an application"
    } else {
        return Ok(());
    };
    Err(TokenError::NameReserved {
        name: name.to_owned(),
        whose,
    }
    .into())
}

fn check_quota(tx: &mut dyn Tx, registry: &RegistryRecord) -> Result<(), Error> {
    let quota = registry.sku.limits().tokens;
    if quota == 0 {
        return Err(Error::SkuLacks {
            feature: "Token",
            sku: registry.sku,
        });
    }
    if tx.count(Counted::Tokens(registry.id))? >= quota {
        return Err(Error::QuotaExceeded {
            feature: "token",
            quota,
            sku: registry.sku,
        });
    }
    Ok(())
}

fn load_token(read: &mut dyn Read, registry: &RegistryRecord, name: &str) -> Result<TokenRecord, Error> {
    let found = read.find_token(registry.id, name)?;
    Ok(found.ok_or_else(|| TokenError::Unknown { name: name.to_owned() })?)
}

fn view(read: &mut dyn Read, registry: &RegistryRecord, record: TokenRecord) -> Result<TokenView, MetadataError> {
    Ok(TokenView {
        registry: registry.clone(),
        passwords: read.list_token_passwords(record.id)?,
        record,
    })
}
