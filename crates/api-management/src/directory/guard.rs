//! What ties the forms of the sign-in pages to a browser: a cookie that other sites can neither read nor send, and a field
//! that only this server can make from it. It refuses to know who signs in.

use holdfast_identity::code;
use http::{HeaderMap, HeaderValue, header};
use secrecy::ExposeSecret as _;

use crate::{Management, Site};

/// The cookie that ties a form to the browser that it was shown in.
const COOKIE: &str = "holdfast-sign-in";
/// The longest cookie that is looked at.
const MAX_COOKIE_BYTES: usize = 128;

/// Ties forms to a browser.
pub(super) struct Guard {
    cookie: String,
    field: String,
    is_new: bool,
    is_https: bool,
}

impl Guard {
    /// The guard of a browser, by its cookie; a new one where it has none.
    pub(super) fn of(app: &Management, site: &Site, headers: &HeaderMap) -> Self {
        let found = headers.get_all(header::COOKIE).iter().find_map(find_cookie);
        let is_new = found.is_none();
        let cookie = found.unwrap_or_else(|| code::generate().expose_secret().to_owned());
        let verifier = app.sealer.verifier(&format!("sign-in form {cookie}"));
        Self {
            field: verifier.iter().map(|byte| format!("{byte:02x}")).collect(),
            cookie,
            is_new,
            is_https: site.base_url.starts_with("https://"),
        }
    }

    /// Whether a form was sent from a page that this server showed in the same browser.
    pub(super) fn admits(&self, headers: &HeaderMap, site: &Site, field: &str) -> bool {
        let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        let is_own = origin.is_none_or(|origin| origin.eq_ignore_ascii_case(site.base_url.as_bytes()));
        let fetch_site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let is_same = fetch_site.is_none_or(|value| value == b"same-origin");
        // The field is a keyed hash of a cookie that was not made just now: what leaks from comparing it is no help.
        !self.is_new && is_own && is_same && self.field == field
    }

    /// What the hidden field of a form has in it.
    pub(super) fn field(&self) -> &str {
        &self.field
    }

    /// The value of `Set-Cookie`.
    pub(super) fn cookie(&self) -> String {
        let secure = if self.is_https { "; Secure" } else { "" };
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}", self.cookie)
    }
}

fn find_cookie(value: &HeaderValue) -> Option<String> {
    let pairs = value.to_str().ok()?.split(';');
    let found = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)?;
    let is_ours = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_good = (32..=MAX_COOKIE_BYTES).contains(&found.1.len()) && found.1.bytes().all(is_ours);
    is_good.then(|| found.1.to_owned())
}
