//! The challenge of a 401, as ACR writes it. Its exact form matters: `az` splits it on the first space
//! and on commas, so no space follows a comma.

use http::HeaderValue;

use crate::Address;

/// What a client is told to ask a token for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// Scopes, separated by spaces; none at `/v2/`.
    pub(crate) scope: Option<String>,
    /// `insufficient_scope` or `invalid_token`, when a credential came along.
    pub(crate) error: Option<&'static str>,
}

impl Challenge {
    pub(crate) fn header(&self, address: &Address) -> HeaderValue {
        let Address { scheme, authority, .. } = address;
        let mut text = format!("Bearer realm=\"{scheme}://{authority}/oauth2/token\",service=\"{authority}\"");
        if let Some(scope) = &self.scope {
            text.push_str(&format!(",scope=\"{scope}\""));
        }
        if let Some(error) = self.error {
            text.push_str(&format!(",error=\"{error}\""));
        }
        // The authority is validated and scopes are made of names: both are visible ASCII.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}
