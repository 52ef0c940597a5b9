//! What a request came with, read before the store is asked how it stands: no credential, a password, or a token whose
//! signature, audience and time are good. It refuses to say whether a credential counts still.

use std::sync::Arc;

use holdfast_identity::{
    Credential, Credentials, Resource,
    basic::NULL_GUID,
    refresh::RefreshToken,
    token::{Claims, Kind},
};
use holdfast_operations::Claimant;
use http::{HeaderMap, header};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::{Address, Distribution, error::Error};

/// A credential that is no longer malformed.
pub(crate) enum Presented {
    /// None.
    Nobody,
    /// A user name that is no application's, and a password.
    Password { user: String, password: SecretString },
    /// An application's secret.
    Secret { app_id: Uuid, secret: SecretString },
    /// A token of the registry.
    Token(Box<PresentedToken>),
    /// A token of the directory.
    Directory {
        /// The object id of the principal.
        id: Uuid,
        generation: i64,
        /// The first second in which it is no longer good.
        ends_at: i64,
        /// Whether it was made for ARM, which a registry need not take.
        is_for_arm: bool,
    },
}

/// A token of the registry.
pub(crate) struct PresentedToken {
    pub(super) claimant: Claimant,
    pub(super) claims: Arc<Claims>,
    pub(super) kind: Kind,
    /// The token itself, when it is an access token that came where a password was asked.
    pub(super) as_password: Option<SecretString>,
}

impl Presented {
    /// Whose standing the store is asked for.
    pub(crate) fn claimant(&self) -> Claimant {
        match self {
            Self::Nobody => Claimant::Nobody,
            Self::Password { user, .. } => Claimant::User { name: user.clone() },
            Self::Secret { app_id, .. } => Claimant::Application { app_id: *app_id },
            Self::Token(token) => token.claimant.clone(),
            Self::Directory { id, .. } => Claimant::Principal { id: *id },
        }
    }
}

impl Distribution {
    /// What the headers of a request hold. A bearer's token is of the `kind` that the route takes.
    pub(crate) fn present(&self, headers: &HeaderMap, kind: Kind, address: &Address) -> Result<Presented, Error> {
        let values = headers
            .get_all(header::AUTHORIZATION)
            .iter()
            .map(header::HeaderValue::as_bytes);
        match Credentials::from_headers(values).map_err(Error::CredentialMalformed)? {
            Credentials::None => Ok(Presented::Nobody),
            Credentials::Basic { user, password } => self.present_password(user, password, address),
            Credentials::Bearer(token) => self.present_token(&token, kind, address),
        }
    }

    /// A user name and a password; the null GUID's password is a token (ACR).
    pub(crate) fn present_password(
        &self,
        user: String,
        password: SecretString,
        address: &Address,
    ) -> Result<Presented, Error> {
        if user == NULL_GUID {
            return self.present_either(password, address);
        }
        // No registry's name has dashes, and no token has the form of an id.
        Ok(match application_id(&user) {
            Some(app_id) => Presented::Secret {
                app_id,
                secret: password,
            },
            None => Presented::Password { user, password },
        })
    }

    /// A token of the registry.
    pub(crate) fn present_token(
        &self,
        token: &SecretString,
        kind: Kind,
        address: &Address,
    ) -> Result<Presented, Error> {
        let now = self.front_door.now().unix_secs();
        let claims = self
            .issuer
            .verify(token.expose_secret(), kind, &address.login_server, now)
            .map_err(Error::TokenInvalid)?;
        of_claims(claims, kind, None)
    }

    fn present_either(&self, token: SecretString, address: &Address) -> Result<Presented, Error> {
        let now = self.front_door.now().unix_secs();
        let verified = self
            .issuer
            .verify(token.expose_secret(), Kind::Access, &address.login_server, now);
        match verified {
            Ok(claims) => of_claims(claims, Kind::Access, Some(token)),
            Err(_) => self.present_token(&token, Kind::Refresh, address),
        }
    }

    /// A token of the directory.
    pub(crate) fn present_directory_token(&self, token: &SecretString, address: &Address) -> Result<Presented, Error> {
        let now = self.front_door.now().unix_secs();
        let claims = self
            .directory
            .verify(token.expose_secret(), now)
            .map_err(Error::TokenInvalid)?;
        let is_for_arm = match self.directory.find_resource(&claims.aud, address.local) {
            Some(Resource::Registries) => false,
            Some(Resource::Here | Resource::Arm) => true,
            Some(Resource::Graph) | None => return Err(Error::ForeignAudience),
        };
        Ok(Presented::Directory {
            id: claims.oid,
            generation: claims.generation,
            ends_at: claims.exp,
            is_for_arm,
        })
    }

    /// A person's refresh token of the directory.
    pub(crate) fn present_directory_refresh(&self, token: &SecretString) -> Result<Presented, Error> {
        let now = self.front_door.now().unix_secs();
        let token = RefreshToken::open(token, &self.sealer).filter(|token| now < token.expires_at);
        let token = token.ok_or(Error::TokenRevoked)?;
        Ok(Presented::Directory {
            id: token.object_id,
            generation: token.generation,
            ends_at: token.expires_at,
            is_for_arm: false,
        })
    }
}

fn of_claims(claims: Arc<Claims>, kind: Kind, as_password: Option<SecretString>) -> Result<Presented, Error> {
    let claimant = match claims.credential() {
        Credential::Anonymous => Claimant::Nobody,
        Credential::Admin { slot, .. } => Claimant::Admin { slot: *slot },
        Credential::Token { name, .. } => Claimant::Token { name: name.clone() },
        Credential::Principal { id, .. } => Claimant::Principal {
            id: Uuid::try_parse(id).map_err(|_| Error::TokenRevoked)?,
        },
        // A kind of credential that this build does not know is none.
        _ => return Err(Error::TokenRevoked),
    };
    Ok(Presented::Token(Box::new(PresentedToken {
        claimant,
        claims,
        kind,
        as_password,
    })))
}

/// The id of an application, in the one form in which it is a user name.
fn application_id(user: &str) -> Option<Uuid> {
    const HYPHENATED_CHARS: usize = 36;
    Uuid::try_parse(user).ok().filter(|_| user.len() == HYPHENATED_CHARS)
}
