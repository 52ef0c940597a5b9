//! The pages on which people sign in: plain HTML that works without script, in no frame, with forms that only these pages
//! can send. What they look like stands in `templates/sign_in`; whatever is put into a template is escaped. It refuses to
//! decide anything.

use std::sync::LazyLock;

use askama::Template;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::{
    authorize::{AuthorizationRequest, Delivery},
    client,
    guard::Guard,
};
use crate::error::{Error, too_many_tries};

/// Sends the form without a click where scripts run; elsewhere people press the button.
const SUBMIT: &str = "document.forms[0].submit()";
/// `script-src` where [`SUBMIT`] runs, and no other script.
static ONLY_SUBMIT: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(SUBMIT.as_bytes()))));
/// A source of scripts or a target of forms that there is not.
const NONE: &str = "'none'";
/// The server itself.
const OWN: &str = "'self'";

/// A field of a form that nobody sees: its name and its value.
type Hidden<'a> = (&'static str, &'a str);

#[derive(Template)]
#[template(path = "sign_in/user_code.html")]
struct UserCode<'a> {
    guard: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "sign_in/credentials.html")]
struct Credentials<'a> {
    guard: &'a str,
    action: &'static str,
    fields: &'a [Hidden<'a>],
    /// Who signs in has typed a code, which somebody may have sent to them.
    is_device: bool,
    client: &'a str,
    user_name: &'a str,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in/form_post.html")]
struct FormPost<'a> {
    redirect_uri: &'a str,
    fields: &'a [Hidden<'a>],
    script: &'static str,
}

#[derive(Template)]
#[template(path = "sign_in/message.html")]
struct Message<'a> {
    heading: &'static str,
    text: Option<&'a str>,
    problem: Option<String>,
}

/// What a browser lets a page do.
struct Policy<'a> {
    form_targets: &'a str,
    scripts: &'a str,
}

impl<'a> Policy<'a> {
    fn forms_to(form_targets: &'a str) -> Self {
        Self {
            form_targets,
            scripts: NONE,
        }
    }
}

/// The page that asks a person for the code that a device shows.
pub(super) fn ask_for_code(guard: &Guard, problem: Option<&str>) -> Response<Bytes> {
    let status = match problem {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    let page = UserCode {
        guard: guard.field(),
        problem,
    };
    response(guard, status, &page, &Policy::forms_to(OWN))
}

/// The page that asks who a device is to be signed in for.
pub(super) fn ask_who_for_device(
    guard: &Guard,
    user_code: &str,
    client: &str,
    problem: Option<&Error>,
) -> Response<Bytes> {
    let page = Credentials {
        guard: guard.field(),
        action: "/devicelogin",
        fields: &[("user_code", user_code)],
        is_device: true,
        client,
        user_name: "",
        problem: problem.map(text),
    };
    response(guard, status_of(problem), &page, &Policy::forms_to(OWN))
}

/// The page that asks who a program is to get a code for.
pub(super) fn ask_who_for_code(
    guard: &Guard,
    request: &AuthorizationRequest,
    client: &str,
    user_name: &str,
    problem: Option<&Error>,
) -> Response<Bytes> {
    let page = Credentials {
        guard: guard.field(),
        // The page's own address; what its query says is said by the fields.
        action: "?",
        fields: &request.fields(),
        is_device: false,
        client,
        user_name,
        problem: problem.map(text),
    };
    // Browsers hold a redirect after a form to the same rule as the form.
    let targets = format!("{OWN} {}", client::origin(&request.redirect_uri));
    response(guard, status_of(problem), &page, &Policy::forms_to(&targets))
}

/// Sends a browser to its program with these values.
pub(super) fn deliver(guard: &Guard, request: &AuthorizationRequest, values: &[Hidden<'_>]) -> Response<Bytes> {
    let mut values = values.to_vec();
    if !request.state.is_empty() {
        values.push(("state", &request.state));
    }
    match request.delivery() {
        Delivery::Query => redirect(guard, &request.redirect_uri, &values),
        Delivery::FormPost => {
            let page = FormPost {
                redirect_uri: &request.redirect_uri,
                fields: &values,
                script: SUBMIT,
            };
            let policy = Policy {
                form_targets: client::origin(&request.redirect_uri),
                scripts: &ONLY_SUBMIT,
            };
            response(guard, StatusCode::OK, &page, &policy)
        }
    }
}

fn redirect(guard: &Guard, redirect_uri: &str, values: &[Hidden<'_>]) -> Response<Bytes> {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(values)
        .finish();
    let page = Message {
        heading: "Signed in",
        text: None,
        problem: None,
    };
    let mut response = response(guard, StatusCode::SEE_OTHER, &page, &Policy::forms_to(NONE));
    if let Ok(location) = HeaderValue::from_str(&format!("{redirect_uri}?{query}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A page that asks nothing.
pub(super) fn message(guard: &Guard, heading: &'static str, text: &str) -> Response<Bytes> {
    let page = Message {
        heading,
        text: Some(text),
        problem: None,
    };
    response(guard, StatusCode::OK, &page, &Policy::forms_to(NONE))
}

/// A page that says why not.
pub(super) fn refused(guard: &Guard, error: &Error) -> Response<Bytes> {
    let page = Message {
        heading: "This does not work",
        text: None,
        problem: Some(text(error)),
    };
    response(guard, status_of(Some(error)), &page, &Policy::forms_to(NONE))
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

fn response(guard: &Guard, status: StatusCode, page: &impl Template, policy: &Policy<'_>) -> Response<Bytes> {
    // Text into a string: nothing in it can fail.
    let mut response = Response::new(Bytes::from(page.render().unwrap_or_default()));
    *response.status_mut() = status;
    let Policy { form_targets, scripts } = policy;
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src {scripts}; form-action {form_targets}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Stricter, and browsers would not say where a form comes from.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CONTENT_SECURITY_POLICY, &policy),
        (header::SET_COOKIE, &guard.cookie()),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_text_in_every_page() {
        let hostile = "\"><script>alert('1')</script>&";
        let problem = || Some(hostile.to_owned());
        let pages = [
            Credentials {
                guard: hostile,
                action: "?",
                fields: &[("state", hostile)],
                is_device: true,
                client: hostile,
                user_name: hostile,
                problem: problem(),
            }
            .render(),
            FormPost {
                redirect_uri: hostile,
                fields: &[("state", hostile)],
                script: SUBMIT,
            }
            .render(),
            Message {
                heading: "",
                text: Some(hostile),
                problem: problem(),
            }
            .render(),
            UserCode {
                guard: hostile,
                problem: Some(hostile),
            }
            .render(),
        ];
        for page in pages {
            let page = page.unwrap();
            assert!(!page.contains("alert('1')") && !page.contains("\"><script"), "{page}");
            assert!(page.contains("&#60;script&#62;alert(&#39;1&#39;)"), "{page}");
        }
    }

    #[test]
    fn the_one_script_that_runs_is_the_one_that_is_sent() {
        let page = FormPost {
            redirect_uri: "http://localhost",
            fields: &[],
            script: SUBMIT,
        };
        let page = page.render().unwrap();
        let script = page
            .split("<script>")
            .nth(1)
            .and_then(|rest| rest.split("</script>").next());
        let hash = STANDARD.encode(Sha256::digest(script.unwrap()));
        assert_eq!(*ONLY_SUBMIT, format!("'sha256-{hash}'"));
        assert_eq!(hash, "ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE=");
    }
}
