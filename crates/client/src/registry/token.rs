//! Signing in: Basic, or a token from the realm that the challenge names. A realm is asked only when it belongs to the
//! registry (the same host, one below it, or one of the same known domain), with credentials or without: the registry
//! gets what the realm answers as a token, so it must not choose what this server reads. Beside the registry's own origin
//! a realm is on the open internet, or the operator's list names its port.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::challenge::Challenge;
use super::{Client, Credentials, Error, signed};
use crate::connect::authority;
use crate::redirect::is_same_origin;
use crate::{Reach, Request};

/// The largest answer of a token service that is read.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// Where tokens are, and how far a request for one may go.
struct Realm {
    url: Uri,
    reach: Reach,
}

/// What a token service answers; never shown.
#[derive(Deserialize)]
struct TokenResponse {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

impl Client {
    /// The `Authorization` header that the challenge asks for; `None` when there is nothing to sign in with.
    pub(super) async fn sign_in(&self, challenge: &Challenge) -> Result<Option<HeaderValue>, Error> {
        let (realm, service, scope) = match challenge {
            Challenge::Basic => return Ok(self.credentials.as_ref().map(basic)),
            Challenge::Bearer { realm, service, scope } => (realm, service.as_deref(), scope.as_deref()),
        };
        let realm = self.realm(realm)?;
        let asked = format!("repository:{}:pull", self.repository);
        let scope = scope.unwrap_or(&asked);
        let Some(credentials) = &self.credentials else {
            return self
                .fetch(&realm, service, scope, None)
                .await
                .and_then(|token| self.bearer(&token))
                .map(Some);
        };
        let token = match &credentials.username {
            Some(_) => self.fetch(&realm, service, scope, Some(basic(credentials))).await?,
            None => self.exchange(&realm, service, scope, &credentials.password).await?,
        };
        self.bearer(&token).map(Some)
    }

    /// A token by `GET` (docker's way, which every registry knows).
    async fn fetch(
        &self,
        realm: &Realm,
        service: Option<&str>,
        scope: &str,
        authorization: Option<HeaderValue>,
    ) -> Result<SecretString, Error> {
        let asked = service
            .map(|service| ("service", service))
            .into_iter()
            .chain([("scope", scope)]);
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(asked)
            .finish();
        let separator = if realm.url.query().is_some() { '&' } else { '?' };
        let url = format!("{}{separator}{query}", realm.url);
        let url = url
            .parse()
            .map_err(|_| self.not_a_registry("the realm of its challenge is no URL"))?;
        let mut request = Request::get(url);
        request.reach = realm.reach;
        let response = self.outgoing.send(signed(&request, authorization)).await?;
        let response = self.expect(response, &[StatusCode::OK]).await?;
        let issued = self.read(&response.bytes(MAX_TOKEN_BYTES).await?)?;
        issued
            .token
            .or(issued.access_token)
            .map(SecretString::from)
            .ok_or_else(|| self.not_a_registry("its token service gave no token"))
    }

    /// A token for a token, as ACR gives it: a refresh token is used as it is, one of Entra ID is exchanged for one.
    async fn exchange(
        &self,
        realm: &Realm,
        service: Option<&str>,
        scope: &str,
        given: &SecretString,
    ) -> Result<SecretString, Error> {
        match self.refresh(realm, service, scope, given).await {
            Err(Error::Answered { status, .. }) if status.is_client_error() => {}
            other => return other,
        }
        let (host, port) = authority(&realm.url)?;
        let shown = if host.contains(':') { format!("[{host}]") } else { host };
        let url = format!(
            "{}://{shown}:{port}/oauth2/exchange",
            realm.url.scheme_str().unwrap_or("https")
        );
        let url = url
            .parse()
            .map_err(|_| self.not_a_registry("the realm of its challenge is no URL"))?;
        let fields = [
            ("grant_type", "access_token"),
            ("service", service.unwrap_or_default()),
            ("access_token", given.expose_secret()),
        ];
        let refresh = self
            .post(url, realm.reach, &fields)
            .await?
            .refresh_token
            .map(SecretString::from);
        let refresh = refresh.ok_or_else(|| self.not_a_registry("it exchanged no token"))?;
        self.refresh(realm, service, scope, &refresh).await
    }

    async fn refresh(
        &self,
        realm: &Realm,
        service: Option<&str>,
        scope: &str,
        token: &SecretString,
    ) -> Result<SecretString, Error> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("service", service.unwrap_or_default()),
            ("scope", scope),
            ("refresh_token", token.expose_secret()),
        ];
        let issued = self.post(realm.url.clone(), realm.reach, &fields).await?;
        issued
            .access_token
            .or(issued.token)
            .map(SecretString::from)
            .ok_or_else(|| self.not_a_registry("its token service gave no token"))
    }

    async fn post(&self, url: Uri, reach: Reach, fields: &[(&str, &str)]) -> Result<TokenResponse, Error> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut request = Request::get(url);
        request.method = Method::POST;
        request.reach = reach;
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers.insert(header::CONTENT_TYPE, form_type);
        request.body = Bytes::from(form);
        let response = self
            .expect(self.outgoing.send(request).await?, &[StatusCode::OK])
            .await?;
        self.read(&response.bytes(MAX_TOKEN_BYTES).await?)
    }

    fn read(&self, body: &[u8]) -> Result<TokenResponse, Error> {
        serde_json::from_slice(body).map_err(|_| self.not_a_registry("its token service gave no JSON"))
    }

    fn bearer(&self, token: &SecretString) -> Result<HeaderValue, Error> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
            .map_err(|_| self.not_a_registry("its token is no header"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The realm of a challenge, if this registry may send its callers there.
    fn realm(&self, text: &str) -> Result<Realm, Error> {
        let url: Uri = text
            .parse()
            .map_err(|_| self.not_a_registry("the realm of its challenge is no URL"))?;
        let ((host, _), (realm, port)) = (authority(&self.base)?, authority(&url)?);
        let (host, realm) = (host.to_ascii_lowercase(), realm.to_ascii_lowercase());
        if !is_beside(&host, &realm) {
            return Err(Error::ForeignRealm {
                host: self.host.clone(),
                realm,
            });
        }
        let is_trusted =
            is_same_origin(&self.base, &url) || self.outgoing.destinations().may_speak_plainly(&realm, port);
        let reach = if is_trusted { Reach::Origin } else { Reach::OpenOrigin };
        Ok(Realm { url, reach })
    }

    fn not_a_registry(&self, what: &'static str) -> Error {
        Error::NotARegistry {
            host: self.host.clone(),
            what,
        }
    }
}

/// Domains in which every host is run by whoever runs the registries there. Which domain names may be had by anybody is no
/// property of their text (`co.uk`, `github.io`), so a registry outside these has its realm at its host or below it.
const WHOLE_DOMAINS: [&str; 5] = ["docker.io", "gitlab.com", "quay.io", "redhat.com", "redhat.io"];

/// The same host, one below it, or another host of a domain that is known to be one hand's: `auth.docker.io` for
/// `registry-1.docker.io`.
fn is_beside(host: &str, realm: &str) -> bool {
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let is_in = |name: &str, domain: &str| {
        name.strip_suffix(domain)
            .is_some_and(|below| below.is_empty() || below.ends_with('.'))
    };
    host == realm
        || !is_address && host.contains('.') && is_in(realm, host)
        || WHOLE_DOMAINS
            .iter()
            .any(|domain| is_in(host, domain) && is_in(realm, domain))
}

fn basic(credentials: &Credentials) -> HeaderValue {
    let user = credentials
        .username
        .as_deref()
        .unwrap_or("00000000-0000-0000-0000-000000000000");
    let pair = format!("{user}:{}", credentials.password.expose_secret());
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).expect("base64 is the text of a header");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_realms_of_their_registry_only() {
        for (host, realm, is_ours) in [
            ("registry-1.docker.io", "auth.docker.io", true),
            ("registry.gitlab.com", "gitlab.com", true),
            ("localhost", "localhost", true),
            ("registry.example", "auth.registry.example", true),
            ("quay.io", "quay.io", true),
            ("registry.co.uk", "evil.co.uk", false),
            ("registry.co.uk", "co.uk", false),
            ("a.registry.example", "b.registry.example", false),
            ("evil-docker.io", "auth.docker.io", false),
            ("registry-1.docker.io", "evil-docker.io", false),
            ("registry.example", "attacker.example", false),
            ("registry.example.com", "example.com.attacker.net", false),
            ("registry.example.com", "notexample.com", false),
            ("10.0.0.1", "11.0.0.1", false),
            ("10.0.0.1", "9.0.0.1", false),
            ("localhost", "otherhost", false),
        ] {
            assert_eq!(is_beside(host, realm), is_ours, "{host} {realm}");
        }
    }
}
