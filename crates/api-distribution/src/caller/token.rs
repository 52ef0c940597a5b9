//! Callers that are tokens of the registry: the user name is the token's name, the rights are its scope map's of today.
//! It refuses to remember anything: a token that is disabled, a password that is gone and a map that was changed count at
//! the next request.

use holdfast_access::{Actor, Caller, Rights};
use holdfast_identity::Credential;
use holdfast_registry::ports::RegistryRecord;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Identified, unknown, with_anonymous};
use crate::{Address, Distribution, error::Error};

impl Distribution {
    /// Checks a password of a token.
    pub(super) async fn sign_in_token(
        &self,
        registry: &RegistryRecord,
        user: &str,
        password: &SecretString,
        address: &Address,
    ) -> Result<Identified, Error> {
        let found = self.registry.find_token_passwords(registry.id, user).await?;
        // The same work for a token that does not exist, so that time tells nothing.
        let passwords = found.as_ref().map_or(&[][..], |(_, passwords)| passwords);
        let verifiers: Vec<[u8; 32]> = passwords.iter().map(|password| password.verifier).collect();
        let matched = self.sealer.matches_any(password.expose_secret(), &verifiers);
        let matched = matched.and_then(|index| passwords.get(index));
        let (Some(matched), Some((name, _))) = (matched, &found) else {
            return Err(Error::CredentialWrong);
        };
        let credential = Credential::Token {
            name: name.clone(),
            slot: matched.slot,
            generation: matched.generation,
        };
        let (registry, actor, rights) = self.load_token(name, matched.slot, matched.generation, address).await?;
        Ok(Identified {
            registry,
            caller: Caller::with_basic(actor, rights),
            credential,
            access_token: None,
            source_ends_at: matched.expires_at.map(|at| at.unix_secs()),
        })
    }

    /// A token with what it may do now, if the password that its bearer came from is good still.
    pub(super) async fn load_token(
        &self,
        name: &str,
        slot: u8,
        generation: i64,
        address: &Address,
    ) -> Result<(RegistryRecord, Actor, Rights), Error> {
        let found = self.registry.find_registry_and_token(&address.registry, name).await?;
        let (registry, account) = found.ok_or_else(|| unknown(address))?;
        let account = account.ok_or(Error::TokenRevoked)?;
        let is_good = |password: &&holdfast_registry::ports::TokenPassword| {
            password.slot == slot && password.generation == generation
        };
        if account.passwords.iter().find(is_good).is_none() {
            return Err(Error::TokenRevoked);
        }
        let rights = with_anonymous(&registry, account.rights);
        Ok((registry, Actor::Token { name: account.name }, rights))
    }
}

/// Whose failures the brake counts: tokens of one name in two registries are two accounts.
pub(super) fn account(address: &Address, user: &str) -> String {
    format!("{user}@{}", address.registry)
}
