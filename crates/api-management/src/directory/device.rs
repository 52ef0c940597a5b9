//! The device flow (RFC 8628): a program without a browser shows a code, and a person types it into the page here.

use std::net::IpAddr;

use bytes::Bytes;
use holdfast_access::network_of;
use holdfast_directory::sign_in::{DEVICE_CODE_LIFE, NewDevice, POLL_INTERVAL, Poll};
use holdfast_identity::{
    code::{self, read_user_code},
    throttle::Target,
};
use http::{HeaderMap, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{
    client,
    form::{Form, MAX_SCOPE_BYTES},
    guard::Guard,
    issued::{self, ForPerson},
    page, person, refusal,
};
use crate::{Management, Site, error::Error};

/// How often another code is tried when one is in use.
const MAX_TRIES: usize = 3;
/// The bits of an IPv6 address that a customer at home cannot choose (RIPE-690).
const CUSTOMER_BITS: u32 = 56;
/// The same of a larger site.
const SITE_BITS: u32 = 48;

/// `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(super) async fn start(app: &Management, site: &Site, body: &[u8]) -> Result<Response<Bytes>, Error> {
    let form = Form::parse(body);
    let client = client::load(&form.client_id)?;
    if form.scope.len() > MAX_SCOPE_BYTES {
        return Err(refusal::scope_too_large(MAX_SCOPE_BYTES));
    }
    let now = app.directory.now().unix_secs();
    let attempt = app.throttle.take(site.origin.address, Target::Devices, now);
    // Counted in any case: each takes a row for a while.
    attempt.map_err(refusal::throttled)?.failed();
    let (near, far) = networks(site.origin.address);
    for _ in 0..MAX_TRIES {
        let (device_code, user_code) = (code::generate(), code::generate_user_code());
        let new = NewDevice {
            verifier: app.sealer.verifier(device_code.expose_secret()),
            user_verifier: app.sealer.verifier(&user_code),
            client_id: client.id,
            scope: form.scope.clone(),
            near,
            far,
        };
        if app.sign_in.start_device_sign_in(new).await? {
            let url = format!("{}/devicelogin", site.base_url);
            return Ok(issued::secret(&json!({
                "user_code": user_code,
                "device_code": device_code.expose_secret(),
                "verification_uri": url,
                "expires_in": DEVICE_CODE_LIFE.as_secs(),
                "interval": POLL_INTERVAL.as_secs(),
                "message": format!(
                    "To sign in, use a web browser to open the page {url} and enter the code {user_code} to authenticate."
                ),
            })));
        }
    }
    Err(refusal::busy())
}

/// Where devices count together: an address of IPv4, or what a customer of IPv6 has; and what lies around that.
fn networks(peer: IpAddr) -> (IpAddr, Option<IpAddr>) {
    let near = network_of(peer, CUSTOMER_BITS);
    (near, near.is_ipv6().then(|| network_of(peer, SITE_BITS)))
}

/// `grant_type=device_code`: the device asks.
pub(super) async fn token(app: &Management, site: &Site, form: &Form) -> Result<Response<Bytes>, Error> {
    let client = client::load(&form.client_id)?;
    let verifier = app.sealer.verifier(form.device_code.expose_secret());
    let (proven, scope) = match app.sign_in.poll_device(verifier, client.id).await? {
        Poll::Unknown => return Err(refusal::device_code_unknown()),
        Poll::Waiting => return Err(refusal::nobody_answered_yet()),
        Poll::TooSoon => return Err(refusal::asked_too_soon()),
        Poll::Expired => return Err(refusal::device_code_expired()),
        Poll::Denied => return Err(refusal::declined()),
        Poll::Approved { person, scope } => (person, scope),
    };
    let person = app.sign_in.find_proven_person(proven).await?;
    let person = person.ok_or_else(refusal::code_not_good)?;
    let grant = ForPerson {
        person: &person,
        client_id: client.id,
        scope: &scope,
        nonce: None,
        source_ends_at: None,
    };
    issued::to_person(app, site, &grant)
}

/// What a person sends from the page.
#[derive(Default)]
struct SignInForm {
    user_code: String,
    user_name: String,
    password: SecretString,
    action: String,
    guard: String,
}

/// `GET /devicelogin`.
pub(super) fn show(app: &Management, site: &Site, headers: &HeaderMap) -> Response<Bytes> {
    let guard = Guard::of(app, site, headers);
    page::ask_for_code(&guard, None)
}

/// `POST /devicelogin`: first the code, then who it is.
pub(super) async fn submit(
    app: &Management,
    site: &Site,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response<Bytes>, Error> {
    let form = SignInForm::parse(body);
    let guard = Guard::of(app, site, headers);
    if !guard.admits(headers, site, &form.guard) {
        return Ok(page::refused(&guard, &refusal::form_of_another_site()));
    }
    let now = app.directory.now().unix_secs();
    let attempt = match app.throttle.take(site.origin.address, Target::UserCodes, now) {
        Ok(attempt) => attempt,
        Err(wait) => return Ok(page::refused(&guard, &refusal::throttled(wait))),
    };
    let verifier = read_user_code(&form.user_code).map(|code| app.sealer.verifier(&code));
    let waiting = match verifier {
        Some(verifier) => app
            .sign_in
            .find_waiting_device(verifier)
            .await?
            .map(|id| (verifier, id)),
        None => None,
    };
    let Some((verifier, client_id)) = waiting else {
        attempt.failed();
        return Ok(page::ask_for_code(
            &guard,
            Some("That code is not right, or has expired."),
        ));
    };
    attempt.withdraw();
    let client = client::name(client_id);
    let ask = |problem: Option<&Error>| page::ask_who_for_device(&guard, &form.user_code, client, problem);
    let proven = match form.action.as_str() {
        "deny" => None,
        "sign-in" => match person::prove(app, site, &form.user_name, form.password.clone()).await {
            Ok(person) => Some(person),
            Err(error @ (Error::OAuth { .. } | Error::Throttled { .. })) => return Ok(ask(Some(&error))),
            Err(other) => return Err(other),
        },
        _ => return Ok(ask(None)),
    };
    if !app.sign_in.answer_device(verifier, proven).await? {
        return Ok(page::ask_for_code(&guard, Some("That code has expired.")));
    }
    Ok(match proven {
        Some(_) => page::message(
            &guard,
            "You are signed in",
            &format!("Go back to {client}. You can close this page."),
        ),
        None => page::message(&guard, "Nobody was signed in", "You can close this page."),
    })
}

impl SignInForm {
    fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            match &*key {
                "user_code" => form.user_code = value.into_owned(),
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
