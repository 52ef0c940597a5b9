//! Who calls ARM or Graph: the bearer of a token of this server's directory. Roles are read from the database at each request, so
//! a change is in force at the next one.

use holdfast_access::{Actor, ControlCaller};
use holdfast_arm::Error as Arm;
use holdfast_identity::{Credentials, token};
use http::{HeaderMap, HeaderValue, header};
use secrecy::ExposeSecret as _;

use crate::{Management, arm::moment, error::Error};

/// Tokens for this resource are for registries and for nothing else.
const REGISTRY_AUDIENCE: &str = "https://containerregistry.azure.net";
/// Names of the other faces in Azure, under which SDKs ask for tokens.
const ARM_AUDIENCES: [&str; 2] = ["https://management.azure.com", "https://management.core.windows.net"];
const GRAPH_AUDIENCES: [&str; 2] = ["https://graph.microsoft.com", "https://graph.windows.net"];

/// Which face a request is for. A token for this server by its own name is good for both; one for a registry, or for
/// the other face by its name in Azure, is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// ARM.
    Arm,
    /// Graph.
    Graph,
}

impl Audience {
    fn refuses(self, audience: &str) -> bool {
        let audience = audience.trim_end_matches('/');
        let others = match self {
            Self::Arm => GRAPH_AUDIENCES,
            Self::Graph => ARM_AUDIENCES,
        };
        audience == REGISTRY_AUDIENCE || others.contains(&audience)
    }
}

impl Management {
    /// Identifies the caller of a request.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
        base_url: &str,
        audience: Audience,
    ) -> Result<ControlCaller, Error> {
        let values = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let token = match Credentials::from_headers(values) {
            Ok(Credentials::Bearer(token)) => token,
            Ok(Credentials::None) => return Err(Arm::authentication_missing().into()),
            Ok(Credentials::Basic { .. }) | Err(_) => return Err(Arm::invalid_token().into()),
        };
        let now = self.registry.now().unix_secs();
        let claims = match self.directory.verify(token.expose_secret(), now) {
            Ok(claims) => claims,
            Err(token::Error::Expired { expired_at, now }) => {
                return Err(Arm::expired_token(&moment(expired_at * 1_000_000), &moment(now * 1_000_000)).into());
            }
            Err(token::Error::Issuer) => return Err(Arm::invalid_token_tenant("another directory").into()),
            Err(_) => return Err(Arm::invalid_token().into()),
        };
        if audience.refuses(&claims.aud) {
            return Err(Arm::invalid_token_audience(&claims.aud, base_url).into());
        }
        let found = self.registry.find_principal(claims.oid).await?;
        let principal = found.filter(|principal| principal.record.generation == claims.generation);
        let principal = principal.ok_or_else(Arm::invalid_token)?;
        let actor = Actor::Principal {
            id: principal.record.id.to_string(),
        };
        Ok(ControlCaller::new(actor, principal.assignments))
    }
}
