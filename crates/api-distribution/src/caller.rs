//! Who calls. Anonymous is a caller; a bad credential is an error, never anonymous. Rights are read
//! from the database at each request, so a renewed password or a closed account counts at once.

mod token;

use std::net::IpAddr;

use holdfast_access::{Actor, Caller, RegistryId, Rights, rights_of};
use holdfast_identity::{
    Credential, Credentials, Resource,
    basic::NULL_GUID,
    refresh::RefreshToken,
    throttle::Target,
    token::{Claims, Kind},
};
use holdfast_registry::{PrincipalView, ports::RegistryRecord};
use http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{Address, Distribution, error::Error};

/// A caller, the registry called, and the credential it came with.
pub(crate) struct Identified {
    pub(crate) registry: RegistryRecord,
    pub(crate) caller: Caller,
    pub(crate) credential: Credential,
    /// The access token that came where a password was asked (ACR: the null GUID's). It is as much
    /// as the caller may have: nothing wider or longer is made from it.
    pub(crate) access_token: Option<SecretString>,
    /// The first second in which the credential is no longer good, if it ends: no token made from it ends later.
    pub(crate) source_ends_at: Option<i64>,
}

impl Distribution {
    /// Identifies the caller of a request.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
        address: &Address,
        peer: IpAddr,
    ) -> Result<Identified, Error> {
        let values = headers
            .get_all(header::AUTHORIZATION)
            .iter()
            .map(header::HeaderValue::as_bytes);
        match Credentials::from_headers(values).map_err(Error::CredentialMalformed)? {
            Credentials::None => Ok(anonymous(self.load_registry(address).await?)),
            Credentials::Basic { user, password } => self.sign_in(&user, &password, address, peer).await,
            Credentials::Bearer(token) => {
                let now = self.registry.now().unix_secs();
                let claims = self
                    .issuer
                    .verify(token.expose_secret(), Kind::Access, &address.login_server, now)
                    .map_err(Error::TokenInvalid)?;
                self.caller_of_claims(&claims, address, Kind::Access).await
            }
        }
    }

    /// Checks a user name and a password; the null GUID's password is a token (ACR).
    pub(crate) async fn sign_in(
        &self,
        user: &str,
        password: &SecretString,
        address: &Address,
        peer: IpAddr,
    ) -> Result<Identified, Error> {
        let now = self.registry.now().unix_secs();
        if user == NULL_GUID {
            return self.caller_of_either(password, address, now).await;
        }
        // No registry's name has dashes, and no token has the form of an id.
        let app_id = application_id(user);
        let account = app_id.map_or_else(|| token::account(address, user), |_| user.to_owned());
        let attempt = self.throttle.take(peer, Target::Account(&account), now);
        let attempt = attempt.map_err(Error::Throttled)?;
        let outcome = match app_id {
            Some(app_id) => self.sign_in_principal(app_id, password, address).await,
            None => self.sign_in_account(user, password, address).await,
        };
        match &outcome {
            Ok(_) => attempt.succeeded(),
            Err(Error::CredentialWrong) => attempt.failed(),
            Err(_) => attempt.withdraw(),
        }
        outcome
    }

    /// Checks a password of the admin account or of a token.
    async fn sign_in_account(
        &self,
        user: &str,
        password: &SecretString,
        address: &Address,
    ) -> Result<Identified, Error> {
        let registry = self.load_registry(address).await?;
        // The registry's own name is the admin account's, also while that is off.
        if !user.eq_ignore_ascii_case(&registry.name) {
            return self.sign_in_token(&registry, user, password, address).await;
        }
        let passwords = self.registry.list_admin_passwords(registry.id).await?;
        // The same work while the account is off, so that time tells nothing.
        let verifiers: Vec<[u8; 32]> = passwords.iter().map(|password| password.verifier).collect();
        let matched = self.sealer.matches_any(password.expose_secret(), &verifiers);
        let matched = matched.and_then(|index| passwords.get(index));
        let found = matched.filter(|_| registry.admin_enabled);
        let found = found.ok_or(Error::CredentialWrong)?;
        let credential = Credential::Admin {
            slot: found.slot,
            generation: found.generation,
        };
        let caller = Caller::with_basic(admin(&registry), Rights::everything());
        Ok(Identified {
            registry,
            caller,
            credential,
            access_token: None,
            source_ends_at: None,
        })
    }

    /// Checks the secret of an application.
    async fn sign_in_principal(
        &self,
        app_id: Uuid,
        password: &SecretString,
        address: &Address,
    ) -> Result<Identified, Error> {
        let registry = self.load_registry(address).await?;
        let found = self.registry.find_principal_by_app(app_id).await?;
        // The same work for an application that does not exist, so that time tells nothing.
        let secrets = found.as_ref().map_or(&[][..], |(_, secrets)| secrets);
        let verifiers: Vec<[u8; 32]> = secrets.iter().map(|secret| secret.verifier).collect();
        let matched = self.sealer.matches_any(password.expose_secret(), &verifiers);
        let matched = matched.and_then(|index| secrets.get(index));
        let (Some(matched), Some((principal, _))) = (matched, &found) else {
            return Err(Error::CredentialWrong);
        };
        Ok(identified(registry, principal, matched.expires_at.unix_secs()))
    }

    /// The principal that a token of the directory stands for, with its rights in the registry.
    pub(crate) async fn caller_of_directory_token(
        &self,
        token: &SecretString,
        address: &Address,
    ) -> Result<Identified, Error> {
        let now = self.registry.now().unix_secs();
        let claims = self
            .directory
            .verify(token.expose_secret(), now)
            .map_err(Error::TokenInvalid)?;
        let registry = self.load_registry(address).await?;
        match self.directory.find_resource(&claims.aud, address.local) {
            Some(Resource::Registries) => {}
            Some(Resource::Here | Resource::Arm) if registry.accept_arm_tokens => {}
            Some(Resource::Here | Resource::Arm) => return Err(Error::ArmTokenRefused),
            Some(Resource::Graph) | None => return Err(Error::ForeignAudience),
        }
        let principal = self.load_principal(claims.oid, claims.generation).await?;
        Ok(identified(registry, &principal, claims.exp))
    }

    /// The person that a refresh token of the directory stands for, with its rights in the registry.
    pub(crate) async fn caller_of_directory_refresh(
        &self,
        token: &SecretString,
        address: &Address,
    ) -> Result<Identified, Error> {
        let now = self.registry.now().unix_secs();
        let token = RefreshToken::open(token, &self.sealer).filter(|token| now < token.expires_at);
        let token = token.ok_or(Error::TokenRevoked)?;
        let registry = self.load_registry(address).await?;
        let principal = self.load_principal(token.object_id, token.generation).await?;
        Ok(identified(registry, &principal, token.expires_at))
    }

    /// The principal of a token, if that is good still.
    async fn load_principal(&self, id: Uuid, generation: i64) -> Result<PrincipalView, Error> {
        let found = self.registry.find_principal(id).await?;
        let good = found.filter(|principal| principal.record.generation == generation);
        good.ok_or(Error::TokenRevoked)
    }

    /// The caller a refresh token stands for.
    pub(crate) async fn caller_of_refresh(&self, token: &SecretString, address: &Address) -> Result<Identified, Error> {
        let now = self.registry.now().unix_secs();
        let claims = self
            .issuer
            .verify(token.expose_secret(), Kind::Refresh, &address.login_server, now)
            .map_err(Error::TokenInvalid)?;
        self.caller_of_claims(&claims, address, Kind::Refresh).await
    }

    async fn caller_of_either(&self, token: &SecretString, address: &Address, now: i64) -> Result<Identified, Error> {
        match self
            .issuer
            .verify(token.expose_secret(), Kind::Access, &address.login_server, now)
        {
            Ok(claims) => Ok(Identified {
                access_token: Some(token.clone()),
                ..self.caller_of_claims(&claims, address, Kind::Access).await?
            }),
            Err(_) => self.caller_of_refresh(token, address).await,
        }
    }

    /// Rights behind a token: those its credential has now, limited by what the token says.
    async fn caller_of_claims(&self, claims: &Claims, address: &Address, kind: Kind) -> Result<Identified, Error> {
        let credential = claims.credential().clone();
        let (registry, actor, rights) = match &credential {
            Credential::Token { name, slot, generation } => self.load_token(name, *slot, *generation, address).await?,
            other => self.load_standing(other, address).await?,
        };
        if claims.registry_rid() != registry.rid.simple().to_string() {
            return Err(Error::TokenRevoked);
        }
        let caller = match kind {
            Kind::Access => Caller::with_token(actor, rights, claims.access().to_vec()),
            Kind::Refresh => Caller::with_basic(actor, rights),
        };
        Ok(Identified {
            registry,
            caller,
            credential,
            access_token: None,
            source_ends_at: Some(claims.expires_at()),
        })
    }

    /// Who stands behind a credential that is no token's, and what they may do now.
    async fn load_standing(
        &self,
        credential: &Credential,
        address: &Address,
    ) -> Result<(RegistryRecord, Actor, Rights), Error> {
        let slot = match credential {
            Credential::Admin { slot, .. } => *slot,
            _ => 0,
        };
        let found = self
            .registry
            .find_registry_and_generation(&address.registry, slot)
            .await?;
        let (registry, current) = found.ok_or_else(|| unknown(address))?;
        let (actor, rights) = match credential {
            Credential::Admin { generation, .. } if registry.admin_enabled && current == Some(*generation) => {
                (admin(&registry), Rights::everything())
            }
            Credential::Principal { id, generation } => {
                let id = Uuid::try_parse(id).map_err(|_| Error::TokenRevoked)?;
                let principal = self.load_principal(id, *generation).await?;
                (actor(&principal), rights(&registry, &principal))
            }
            Credential::Anonymous if registry.anonymous_pull => (Actor::Anonymous, Rights::read_only()),
            _ => return Err(Error::TokenRevoked),
        };
        Ok((registry, actor, rights))
    }

    /// The registry an address names.
    pub(crate) async fn load_registry(&self, address: &Address) -> Result<RegistryRecord, Error> {
        self.registry
            .find_registry(&address.registry)
            .await?
            .ok_or_else(|| unknown(address))
    }
}

impl Identified {
    pub(crate) fn id(&self) -> RegistryId {
        self.registry.id
    }
}

/// Somebody without a credential: may read where the registry lets everybody read.
pub(crate) fn anonymous(registry: RegistryRecord) -> Identified {
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
fn identified(registry: RegistryRecord, principal: &PrincipalView, source_ends_at: i64) -> Identified {
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
fn rights(registry: &RegistryRecord, principal: &PrincipalView) -> Rights {
    let rights = rights_of(&principal.assignments, &registry.scope(), registry.role_assignment_mode);
    with_anonymous(registry, rights)
}

/// What everybody may do, somebody may do as well (ACR: anonymous pull goes before the limits of scope maps and roles).
fn with_anonymous(registry: &RegistryRecord, rights: Rights) -> Rights {
    if registry.anonymous_pull {
        rights.union(&Rights::read_only())
    } else {
        rights
    }
}

/// The id of an application, in the one form in which it is a user name.
fn application_id(user: &str) -> Option<Uuid> {
    const HYPHENATED_CHARS: usize = 36;
    Uuid::try_parse(user).ok().filter(|_| user.len() == HYPHENATED_CHARS)
}

fn admin(registry: &RegistryRecord) -> Actor {
    Actor::Admin {
        registry: registry.name.clone(),
    }
}

fn unknown(address: &Address) -> Error {
    Error::RegistryUnknown {
        name: address.registry.clone(),
    }
}
