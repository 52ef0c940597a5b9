//! The pages on which people sign in: plain HTML that works without script, in no frame, with forms that only these pages
//! can send. It refuses to decide anything.

use bytes::Bytes;
use holdfast_identity::code;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use secrecy::ExposeSecret as _;

use super::{
    authorize::{Asked, Delivery},
    client,
};
use crate::{
    Management, Site,
    error::{Error, too_many_tries},
};

/// The cookie that ties a form to the browser that it was shown in.
const COOKIE: &str = "holdfast-sign-in";
/// The longest cookie that is looked at.
const MAX_COOKIE_BYTES: usize = 128;
/// Sends the form without a click where scripts run; elsewhere people press the button.
const SEND: &str = "document.forms[0].submit()";
/// The SHA-256 of [`SEND`]: no other script runs.
const SEND_HASH: &str = "'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE='";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;background:#f4f5f7;color:#1c2330;margin:0}\
main{max-width:24rem;margin:12vh auto;padding:2rem;background:#fff;border:1px solid #d8dce3;border-radius:8px}\
h1{font-size:1.3rem;margin:0 0 1rem}label{display:block;margin:1rem 0}\
input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem;border:1px solid #8a93a3;border-radius:4px}\
button{font:inherit;padding:.5rem 1.2rem;border:1px solid #1f5fbf;border-radius:4px;background:#1f5fbf;color:#fff}\
button.second{background:#fff;color:#1f5fbf;margin-left:.5rem}.problem{color:#a3161f}";

/// Ties forms to a browser: a cookie that other sites can neither read nor send, and a field that only this server can
/// make from it.
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

/// The page that asks a person for the code that a device shows.
pub(super) fn ask_for_code(guard: &Guard, problem: Option<&str>) -> Response<Bytes> {
    let status = if problem.is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    let content = format!(
        "<h1>Enter code</h1>{}<form method=\"post\" action=\"/devicelogin\">{}\
         <label>Code shown by the program<input name=\"user_code\" autocomplete=\"off\" autocapitalize=\"characters\" \
         spellcheck=\"false\" maxlength=\"32\" required autofocus></label>\
         <button name=\"action\" value=\"next\">Next</button></form>",
        shown_problem(problem),
        guard_field(guard),
    );
    page(guard, status, "Enter code", &content, "'self'", "")
}

/// The page that asks who a device is to be signed in for.
pub(super) fn ask_who_for_device(
    guard: &Guard,
    user_code: &str,
    client: &str,
    problem: Option<&Error>,
) -> Response<Bytes> {
    let warning = format!("Only go on if you started to sign in to {client} yourself, and nobody sent you the code.");
    let fields = hidden("user_code", user_code);
    let content = credentials(guard, "/devicelogin", &fields, client, "", Some(&warning), problem);
    page(guard, status_of(problem), "Sign in", &content, "'self'", "")
}

/// The page that asks who a program is to get a code for.
pub(super) fn ask_who_for_code(
    guard: &Guard,
    asked: &Asked,
    client: &str,
    user_name: &str,
    problem: Option<&Error>,
) -> Response<Bytes> {
    let fields: String = asked.fields().iter().map(|(name, value)| hidden(name, value)).collect();
    // An empty action is the page's own address; what its query says is said by the fields.
    let content = credentials(guard, "?", &fields, client, user_name, None, problem);
    // Browsers hold a redirect after a form to the same rule as the form.
    let targets = format!("'self' {}", client::origin(&asked.redirect_uri));
    page(guard, status_of(problem), "Sign in", &content, &targets, "")
}

/// Sends a browser to its program with these values.
pub(super) fn deliver(guard: &Guard, asked: &Asked, values: &[(&str, &str)]) -> Response<Bytes> {
    let mut values = values.to_vec();
    if !asked.state.is_empty() {
        values.push(("state", &asked.state));
    }
    match asked.delivery() {
        Delivery::Query => {
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&values)
                .finish();
            let mut response = page(
                guard,
                StatusCode::SEE_OTHER,
                "Signed in",
                "<h1>Signed in</h1>",
                "'none'",
                "",
            );
            if let Ok(location) = HeaderValue::from_str(&format!("{}?{query}", asked.redirect_uri)) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
        Delivery::FormPost => {
            let fields: String = values.iter().map(|(name, value)| hidden(name, value)).collect();
            let content = format!(
                "<h1>Go back to the program</h1><form method=\"post\" action=\"{}\">{fields}<button>Continue</button>\
                 </form><script>{SEND}</script>",
                escaped(&asked.redirect_uri)
            );
            let target = client::origin(&asked.redirect_uri);
            page(
                guard,
                StatusCode::OK,
                "Go back to the program",
                &content,
                target,
                SEND_HASH,
            )
        }
    }
}

/// A page that asks nothing.
pub(super) fn said(guard: &Guard, title: &str, text: &str) -> Response<Bytes> {
    let content = format!("<h1>{}</h1><p>{}</p>", escaped(title), escaped(text));
    page(guard, StatusCode::OK, title, &content, "'none'", "")
}

/// A page that says why not.
pub(super) fn refused(guard: &Guard, error: &Error) -> Response<Bytes> {
    let content = format!("<h1>This does not work</h1>{}", shown_problem(Some(&text(error))));
    page(
        guard,
        status_of(Some(error)),
        "This does not work",
        &content,
        "'none'",
        "",
    )
}

fn credentials(
    guard: &Guard,
    action: &str,
    fields: &str,
    client: &str,
    user_name: &str,
    warning: Option<&str>,
    problem: Option<&Error>,
) -> String {
    let warning = warning.map_or_else(String::new, |warning| format!("<p>{}</p>", escaped(warning)));
    format!(
        "<h1>Sign in to {}</h1>{warning}{}<form method=\"post\" action=\"{}\">{}{fields}\
         <label>User name<input name=\"user_name\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" maxlength=\"113\" placeholder=\"somebody@example.org\" autofocus></label>\
         <label>Password<input name=\"password\" type=\"password\" autocomplete=\"current-password\" \
         maxlength=\"256\"></label>\
         <button name=\"action\" value=\"sign-in\">Sign in</button>\
         <button class=\"second\" name=\"action\" value=\"deny\">Cancel</button></form>",
        escaped(client),
        shown_problem(problem.map(text).as_deref()),
        escaped(action),
        guard_field(guard),
        escaped(user_name),
    )
}

fn guard_field(guard: &Guard) -> String {
    hidden("guard", &guard.field)
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value))
}

fn shown_problem(problem: Option<&str>) -> String {
    problem.map_or_else(String::new, |text| {
        format!("<p class=\"problem\" role=\"alert\">{}</p>", escaped(text))
    })
}

fn text(error: &Error) -> String {
    match error {
        Error::OAuth {
            number, description, ..
        } => format!("{description} (AADSTS{number})"),
        Error::Throttled { retry_after_secs } => format!("{} (AADSTS50053)", too_many_tries(*retry_after_secs)),
        _ => "The server cannot do this now. Try again later.".to_owned(),
    }
}

fn status_of(problem: Option<&Error>) -> StatusCode {
    match problem {
        None => StatusCode::OK,
        Some(Error::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(_) => StatusCode::BAD_REQUEST,
    }
}

fn page(
    guard: &Guard,
    status: StatusCode,
    title: &str,
    content: &str,
    form_targets: &str,
    script: &str,
) -> Response<Bytes> {
    let document = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{} - Holdfast</title><style>{STYLE}</style></head><body><main>{content}\
         </main></body></html>\n",
        escaped(title)
    );
    let mut response = Response::new(Bytes::from(document));
    *response.status_mut() = status;
    let script = if script.is_empty() { "'none'" } else { script };
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src {script}; form-action {form_targets}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let secure = if guard.is_https { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}", guard.cookie);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Stricter, and browsers would not say where a form comes from.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CONTENT_SECURITY_POLICY, &policy),
        (header::SET_COOKIE, &cookie),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// Text of others inside HTML, also in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
