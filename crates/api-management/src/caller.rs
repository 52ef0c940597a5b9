//! Who calls ARM or Graph: the bearer of a token of this server's directory. Roles are read from the database at each request, so
//! a change is in force at the next one.

use std::sync::Arc;

use holdfast_access::{Actor, ControlCaller};
use holdfast_arm::Error as Arm;
use holdfast_face::moment::rfc3339_micros;
use holdfast_identity::{Credentials, Resource, token};
use holdfast_model::Timestamp;
use http::{HeaderMap, HeaderValue, header};
use secrecy::ExposeSecret as _;

use crate::{Management, Site, error::Error};

/// What tokens for ARM are for. One for this server by its own name is good for Graph as well; one for a registry, or for
/// Graph by its name in Azure, is not for ARM.
pub(crate) const FOR_ARM: [Resource; 2] = [Resource::Here, Resource::Arm];
/// What tokens for Graph are for.
pub(crate) const FOR_GRAPH: [Resource; 2] = [Resource::Here, Resource::Graph];

impl Management {
    /// Identifies the caller of a request to a face that tokens for the wanted resources are for.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
        site: &Site,
        wanted: &[Resource],
    ) -> Result<ControlCaller, Error> {
        let values = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let token = match Credentials::from_headers(values) {
            Ok(Credentials::Bearer(token)) => token,
            Ok(Credentials::None) => return Err(Arm::authentication_missing().into()),
            Ok(Credentials::Basic { .. }) | Err(_) => return Err(Arm::invalid_token().into()),
        };
        let now = self.directory.now().unix_secs();
        let claims = match self.directory_issuer.verify(token.expose_secret(), now) {
            Ok(claims) => claims,
            Err(token::Error::Expired { expired_at, now }) => {
                let moment = |seconds| rfc3339_micros(Timestamp::of_unix_secs(seconds));
                return Err(Arm::expired_token(&moment(expired_at), &moment(now)).into());
            }
            Err(token::Error::Issuer) => return Err(Arm::invalid_token_tenant("another directory").into()),
            Err(_) => return Err(Arm::invalid_token().into()),
        };
        let resource = self.directory_issuer.find_resource(&claims.aud, site.local);
        if !resource.is_some_and(|resource| wanted.contains(&resource)) {
            return Err(Arm::invalid_token_audience(&claims.aud, &site.base_url).into());
        }
        let found = self.sign_in.find_principal(claims.oid).await?;
        let principal = found.filter(|principal| principal.record.generation == claims.generation);
        let principal = principal.ok_or_else(Arm::invalid_token)?;
        let actor = Actor::Principal {
            id: principal.record.id.to_string(),
        };
        Ok(ControlCaller::new(actor, principal.assignments).by(Arc::clone(&site.origin)))
    }
}
