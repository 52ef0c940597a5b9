//! What proves to Google who asks: the key of a service account, the identity of this machine or pod, or a token that
//! another cloud gave to the pod and Google's token service takes for one of its own (workload identity federation). It
//! refuses to look for any of them where nobody said.

use std::{fmt, fs, io, path::Path, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::{HeaderName, HeaderValue, Method, Uri, header};
use object_store::client::HttpRequest;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::Instant};

use super::{
    asking::{Ask, Asking, Sign},
    credentials::Credentials,
    google_key::{NoKey, SCOPE, ServiceKey, SignedGet, TOKEN_SECS, UrlKey},
    identity::Hidden,
    payload::Payload,
    refusal::Refusal,
};

/// Longest file of a credential.
const FILE_BYTES: u64 = 64 << 10;
/// A token is used until it is about to end.
const RESERVE: Duration = Duration::from_secs(300);
/// Google takes signed URLs of at most a week.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Where a machine, or a pod of Google's Kubernetes, asks who it is.
const MACHINE_IDENTITY: &str = "169.254.169.254";

/// Where tokens come from.
#[derive(Debug)]
pub(super) enum Source {
    Key(Box<ServiceKey>),
    /// The address of the metadata server.
    Machine(String),
    Federated(Federated),
}

/// A token of another issuer, and who takes it (AIP-4117).
#[derive(Clone, Deserialize)]
pub(super) struct Federated {
    audience: String,
    subject_token_type: String,
    token_url: String,
    service_account_impersonation_url: Option<String>,
    credential_source: TokenFile,
}

#[derive(Clone, Deserialize)]
struct TokenFile {
    file: String,
    #[serde(default)]
    format: TokenFormat,
}

/// The file is the token, or has it in a field.
#[derive(Clone, Default, Deserialize)]
struct TokenFormat {
    subject_token_field_name: Option<String>,
}

/// A file of a credential, as Google writes it.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum CredentialFile {
    ServiceAccount {
        client_email: String,
        private_key_id: String,
        #[serde(deserialize_with = "secret")]
        private_key: SecretString,
    },
    ExternalAccount(Federated),
}

/// A credential that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CredentialError {
    #[error("the file that GOOGLE_APPLICATION_CREDENTIALS names cannot be read")]
    File(#[source] io::Error),
    #[error("the credential is none of a service account, nor of a federated identity whose token lies in a file")]
    Form(#[source] serde_json::Error),
    #[error(transparent)]
    Key(#[from] NoKey),
}

/// Signs with what the credentials are at the moment.
pub(super) struct GoogleSigner {
    source: Source,
    /// Asks for tokens.
    identity: Asking,
    token: Mutex<Option<Token>>,
    hmac: Option<(String, SecretString)>,
}

struct Token {
    bearer: SecretString,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(deserialize_with = "secret")]
    access_token: SecretString,
    #[serde(default)]
    expires_in: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impersonated {
    #[serde(deserialize_with = "secret")]
    access_token: SecretString,
    expire_time: DateTime<Utc>,
}

/// For requests that carry their own proof.
#[derive(Debug)]
pub(super) struct Unsigned;

#[async_trait]
impl Sign for Unsigned {
    async fn sign(&self, _request: &mut HttpRequest, _payload: &Payload) -> Result<(), Refusal> {
        Ok(())
    }

    fn renew(&self) -> bool {
        false
    }
}

impl Source {
    /// What the credentials say. Blocks for a small file.
    pub(super) fn of(credentials: &Credentials) -> Result<Self, CredentialError> {
        let text = match credentials.get("GOOGLE_SERVICE_ACCOUNT_KEY") {
            Some(text) => Some(text.to_owned()),
            None => match credentials.get("GOOGLE_APPLICATION_CREDENTIALS") {
                Some(path) => Some(read_file(Path::new(path)).map_err(CredentialError::File)?),
                None => None,
            },
        };
        let Some(text) = text else {
            let host = credentials.get("GCE_METADATA_HOST").unwrap_or(MACHINE_IDENTITY);
            return Ok(Self::Machine(format!("http://{host}")));
        };
        Ok(match serde_json::from_str(&text).map_err(CredentialError::Form)? {
            CredentialFile::ServiceAccount {
                client_email,
                private_key_id,
                private_key,
            } => {
                let key = ServiceKey::new(client_email, private_key_id, private_key.expose_secret())?;
                Self::Key(Box::new(key))
            }
            CredentialFile::ExternalAccount(federated) => Self::Federated(federated),
        })
    }

    /// The URLs that are asked for a token.
    pub(super) fn urls(&self) -> Vec<&str> {
        match self {
            Self::Key(_) => Vec::new(),
            Self::Machine(url) => vec![url],
            Self::Federated(federated) => {
                let impersonation = federated.service_account_impersonation_url.as_deref();
                [federated.token_url.as_str()]
                    .into_iter()
                    .chain(impersonation)
                    .collect()
            }
        }
    }
}

impl GoogleSigner {
    pub(super) fn new(source: Source, credentials: &Credentials, identity: Asking) -> Self {
        let named = |name| credentials.get(name).map(str::to_owned);
        let hmac = named("GOOGLE_HMAC_ACCESS_ID").zip(named("GOOGLE_HMAC_SECRET").map(SecretString::from));
        Self {
            source,
            identity,
            token: Mutex::default(),
            hmac,
        }
    }

    /// A URL by which anybody can read an object for a while; `None` where there is no key to sign it with.
    pub(super) fn signed_url(
        &self,
        endpoint: &str,
        bucket: &str,
        name: &str,
        lasts: Duration,
        at: DateTime<Utc>,
    ) -> Result<Option<String>, Refusal> {
        let key = match (&self.hmac, &self.source) {
            (Some((id, secret)), _) => UrlKey::Hmac(id, Hidden(secret.expose_secret())),
            (None, Source::Key(key)) => UrlKey::Service(key),
            (None, Source::Machine(_) | Source::Federated(_)) => return Ok(None),
        };
        let get = SignedGet {
            endpoint,
            bucket,
            name,
            lasts_secs: lasts.min(LONGEST).as_secs(),
            at,
        };
        key.url(get).map(Some).map_err(Refusal::credential)
    }

    async fn token(&self) -> Result<HeaderValue, Refusal> {
        // Held while one asks, so that many ask once.
        let mut held = self.token.lock().await;
        let token = match held.take().filter(|token| token.until > Instant::now()) {
            Some(token) => token,
            None => self.fresh_token().await?,
        };
        let bearer = format!("Bearer {}", token.bearer.expose_secret());
        *held = Some(token);
        let mut value = HeaderValue::from_str(&bearer).map_err(Refusal::credential)?;
        value.set_sensitive(true);
        Ok(value)
    }

    async fn fresh_token(&self) -> Result<Token, Refusal> {
        match &self.source {
            Source::Key(key) => {
                let token = key.token(Utc::now().timestamp()).map_err(Refusal::credential)?;
                Ok(Token::new(token.into(), TOKEN_SECS.unsigned_abs()))
            }
            Source::Machine(url) => {
                let url = format!("{url}/computeMetadata/v1/instance/service-accounts/default/token");
                let flavor = HeaderName::from_static("metadata-flavor");
                let ask = Ask::new(Method::GET, address(&url)?).header(flavor, HeaderValue::from_static("Google"));
                let granted: Granted = self.ask(ask).await?;
                Ok(Token::new(granted.access_token, granted.expires_in))
            }
            Source::Federated(federated) => self.exchange(federated).await,
        }
    }

    /// Exchanges the other issuer's token for one of Google's (RFC 8693), and that for one of a service account.
    async fn exchange(&self, federated: &Federated) -> Result<Token, Refusal> {
        let subject = federated.credential_source.read().await.map_err(Refusal::credential)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
            .append_pair("requested_token_type", "urn:ietf:params:oauth:token-type:access_token")
            .append_pair("audience", &federated.audience)
            .append_pair("scope", "https://www.googleapis.com/auth/cloud-platform")
            .append_pair("subject_token_type", &federated.subject_token_type)
            .append_pair("subject_token", subject.expose_secret())
            .finish();
        let ask = post(&federated.token_url, "application/x-www-form-urlencoded", form)?;
        let granted: Granted = self.ask(ask).await?;
        let Some(url) = &federated.service_account_impersonation_url else {
            return Ok(Token::new(granted.access_token, granted.expires_in));
        };
        let bearer = format!("Bearer {}", granted.access_token.expose_secret());
        let bearer = HeaderValue::from_str(&bearer).map_err(Refusal::credential)?;
        let scope = json!({ "scope": [SCOPE] }).to_string();
        let ask = post(url, "application/json", scope)?.header(header::AUTHORIZATION, bearer);
        let granted: Impersonated = self.ask(ask).await?;
        let lasts = granted.expire_time.signed_duration_since(Utc::now()).num_seconds();
        Ok(Token::new(
            granted.access_token,
            u64::try_from(lasts).unwrap_or_default(),
        ))
    }

    async fn ask<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, Refusal> {
        match self.identity.whole(&ask).await {
            // The answer holds a secret, so nothing of it is told.
            Ok(answer) => serde_json::from_slice(&answer.bytes).map_err(|_| Refusal::credential(NotUnderstood)),
            Err(refusal) if refusal.is_transient() => Err(refusal),
            Err(refusal) => Err(Refusal::credential(refusal)),
        }
    }
}

/// An answer without a token.
#[derive(Debug, thiserror::Error)]
#[error("the answer has no token")]
struct NotUnderstood;

impl Token {
    fn new(bearer: SecretString, lasts_secs: u64) -> Self {
        let lasts = Duration::from_secs(lasts_secs).saturating_sub(RESERVE);
        Self {
            bearer,
            until: Instant::now() + lasts,
        }
    }
}

impl TokenFile {
    async fn read(&self) -> io::Result<SecretString> {
        let path = self.file.clone();
        let read = tokio::task::spawn_blocking(move || read_file(Path::new(&path))).await;
        let text = read.map_err(io::Error::other)??;
        let Some(field) = &self.format.subject_token_field_name else {
            return Ok(text.trim().to_owned().into());
        };
        let read: Value = serde_json::from_str(&text)?;
        let token = read.get(field).and_then(Value::as_str);
        let token = token.ok_or_else(|| io::Error::other(format!("the file of the token has no field {field:?}")))?;
        Ok(token.to_owned().into())
    }
}

#[async_trait]
impl Sign for GoogleSigner {
    async fn sign(&self, request: &mut HttpRequest, _payload: &Payload) -> Result<(), Refusal> {
        let token = self.token().await?;
        request.headers_mut().insert(header::AUTHORIZATION, token);
        Ok(())
    }

    fn renew(&self) -> bool {
        // Somebody who asks at this moment gets a new one anyway.
        match self.token.try_lock() {
            Ok(mut token) => *token = None,
            Err(_) => return true,
        }
        !matches!(self.source, Source::Key(_))
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn post(url: &str, kind: &'static str, body: String) -> Result<Ask, Refusal> {
    let ask = Ask::new(Method::POST, address(url)?).with(Payload::from(bytes::Bytes::from(body)));
    Ok(ask.header(header::CONTENT_TYPE, HeaderValue::from_static(kind)))
}

fn address(url: &str) -> Result<Uri, Refusal> {
    url.parse().map_err(Refusal::credential)
}

fn read_file(path: &Path) -> io::Result<String> {
    use io::Read as _;

    let mut text = String::new();
    let read = fs::File::open(path)?.take(FILE_BYTES + 1).read_to_string(&mut text)?;
    match read as u64 > FILE_BYTES {
        true => Err(io::Error::other(format!("it has more than {FILE_BYTES} bytes"))),
        false => Ok(text),
    }
}

impl fmt::Debug for GoogleSigner {
    /// Where tokens come from, and no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleSigner")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Federated {
    /// Who takes the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Federated")
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
