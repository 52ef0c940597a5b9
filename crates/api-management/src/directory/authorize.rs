//! The authorization code flow with PKCE (RFC 6749 §4.1, RFC 7636): a program opens the sign-in page in a browser and
//! gets a code at the port where it listens.

use bytes::Bytes;
use holdfast_directory::sign_in::NewAuthorizationCode;
use holdfast_identity::{code, pkce};
use holdfast_model::ProvenPerson;
use http::{HeaderMap, Response};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    client::{self, PublicClient},
    form::Form,
    guard::Guard,
    issued::{self, ForPerson},
    page, person, refusal,
};
use crate::{Management, Site, error::Error};

/// The longest value that is carried from page to page.
const MAX_VALUE_BYTES: usize = 2048;

/// What a program asks for when it opens the page. The page carries it along, and it is checked again when it comes back.
#[derive(Default)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) response_type: String,
    pub(super) response_mode: String,
    pub(super) scope: String,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) code_challenge: String,
    pub(super) code_challenge_method: String,
    /// Whom the program expects; fills the field in.
    pub(super) login_hint: String,
    /// A parameter whose value is too long, and was not taken.
    too_long: Option<String>,
}

/// What a person sends from the page, beside what the page carries along.
#[derive(Default)]
struct SignInForm {
    user_name: String,
    password: SecretString,
    action: String,
    guard: String,
}

/// A request that may be answered.
struct Checked<'a> {
    client: PublicClient,
    challenge: pkce::Challenge,
    request: &'a AuthorizationRequest,
}

/// How a code reaches the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// In the query of a redirect.
    Query,
    /// In a form that the browser sends.
    FormPost,
}

impl AuthorizationRequest {
    fn parse(text: &[u8]) -> Self {
        let mut request = Self::default();
        for (key, value) in form_urlencoded::parse(text) {
            match request.field(&key) {
                Some(_) if value.len() > MAX_VALUE_BYTES => request.too_long = Some(key.into_owned()),
                Some(field) => *field = value.into_owned(),
                None => {}
            }
        }
        request
    }

    fn field(&mut self, key: &str) -> Option<&mut String> {
        Some(match key {
            "client_id" => &mut self.client_id,
            "redirect_uri" => &mut self.redirect_uri,
            "response_type" => &mut self.response_type,
            "response_mode" => &mut self.response_mode,
            "scope" => &mut self.scope,
            "state" => &mut self.state,
            "nonce" => &mut self.nonce,
            "code_challenge" => &mut self.code_challenge,
            "code_challenge_method" => &mut self.code_challenge_method,
            "login_hint" => &mut self.login_hint,
            _ => return None,
        })
    }

    /// The same as hidden fields.
    pub(super) fn fields(&self) -> [(&'static str, &str); 9] {
        [
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("response_type", &self.response_type),
            ("response_mode", &self.response_mode),
            ("scope", &self.scope),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &self.code_challenge),
            ("code_challenge_method", &self.code_challenge_method),
        ]
    }

    pub(super) fn delivery(&self) -> Delivery {
        match self.response_mode.as_str() {
            "form_post" => Delivery::FormPost,
            _ => Delivery::Query,
        }
    }

    fn check(&self) -> Result<Checked<'_>, Error> {
        if let Some(parameter) = &self.too_long {
            return Err(refusal::value_too_large(parameter, MAX_VALUE_BYTES));
        }
        let client = client::load(&self.client_id)?;
        if !client::is_loopback_redirect(&self.redirect_uri) {
            return Err(refusal::other_redirect());
        }
        if self.response_type != "code" {
            return Err(refusal::unknown_response("response_type"));
        }
        if !["", "query", "form_post"].contains(&self.response_mode.as_str()) {
            return Err(refusal::unknown_response("response_mode"));
        }
        let challenge = pkce::parse(&self.code_challenge).filter(|_| self.code_challenge_method == "S256");
        Ok(Checked {
            client,
            challenge: challenge.ok_or_else(refusal::challenge_wanted)?,
            request: self,
        })
    }
}

/// `GET /{tenant}/oauth2/v2.0/authorize`. What is wrong is told on a page: nothing is sent to an address that somebody
/// wrote into a link.
pub(super) fn show(app: &Management, site: &Site, headers: &HeaderMap, query: &str) -> Response<Bytes> {
    let guard = Guard::of(app, site, headers);
    let request = AuthorizationRequest::parse(query.as_bytes());
    match request.check() {
        Ok(checked) => page::ask_who_for_code(&guard, &request, checked.client.name, &request.login_hint, None),
        Err(error) => page::refused(&guard, &error),
    }
}

/// `POST` from the page: a code for the program, or the page again.
pub(super) async fn submit(
    app: &Management,
    site: &Site,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response<Bytes>, Error> {
    let guard = Guard::of(app, site, headers);
    let (request, form) = (AuthorizationRequest::parse(body), SignInForm::parse(body));
    let checked = match request.check() {
        Ok(_) if !guard.admits(headers, site, &form.guard) => {
            return Ok(page::refused(&guard, &refusal::form_of_another_site()));
        }
        Ok(checked) => checked,
        Err(error) => return Ok(page::refused(&guard, &error)),
    };
    if form.action == "deny" {
        let declined = [
            ("error", "access_denied"),
            ("error_description", "the user declined to sign in"),
        ];
        return Ok(page::deliver(&guard, &request, &declined));
    }
    match person::prove(app, site, &form.user_name, form.password).await {
        Ok(person) => {
            let code = keep(app, &checked, person).await?;
            Ok(page::deliver(&guard, &request, &[("code", code.expose_secret())]))
        }
        Err(error @ (Error::OAuth { .. } | Error::Throttled { .. })) => {
            let name = checked.client.name;
            Ok(page::ask_who_for_code(
                &guard,
                &request,
                name,
                &form.user_name,
                Some(&error),
            ))
        }
        Err(other) => Err(other),
    }
}

async fn keep(app: &Management, checked: &Checked<'_>, person: ProvenPerson) -> Result<SecretString, Error> {
    let code = code::generate();
    let request = checked.request;
    let new = NewAuthorizationCode {
        verifier: app.sealer.verifier(code.expose_secret()),
        person,
        client_id: checked.client.id,
        redirect_uri: request.redirect_uri.clone(),
        challenge: checked.challenge,
        scope: request.scope.clone(),
        nonce: Some(request.nonce.clone()).filter(|nonce| !nonce.is_empty()),
    };
    app.sign_in.keep_authorization_code(new).await?;
    Ok(code)
}

/// `grant_type=authorization_code`: the program redeems its code, once.
pub(super) async fn token(app: &Management, site: &Site, form: &Form) -> Result<Response<Bytes>, Error> {
    let client = client::load(&form.client_id)?;
    let verifier = app.sealer.verifier(form.code.expose_secret());
    let taken = app.sign_in.take_authorization_code(verifier).await?;
    let is_for = |code: &holdfast_model::AuthorizationCode| {
        code.client_id == client.id && code.redirect_uri == form.redirect_uri
    };
    let Some(code) = taken.filter(is_for) else {
        return Err(refusal::code_not_good());
    };
    if !pkce::matches(form.code_verifier.expose_secret(), &code.challenge) {
        return Err(refusal::wrong_verifier());
    }
    let person = app.sign_in.find_proven_person(code.person).await?;
    let person = person.ok_or_else(refusal::code_not_good)?;
    let grant = ForPerson {
        person: &person,
        client_id: client.id,
        scope: &code.scope,
        nonce: code.nonce.as_deref(),
        source_ends_at: None,
    };
    issued::to_person(app, site, &grant)
}

impl SignInForm {
    fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            match &*key {
                "user_name" => form.user_name = value.into_owned(),
                "password" => form.password = SecretString::from(value.into_owned()),
                "action" => form.action = value.into_owned(),
                "guard" => form.guard = value.into_owned(),
                _ => {}
            }
        }
        form
    }
}
