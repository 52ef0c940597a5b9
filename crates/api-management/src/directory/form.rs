//! What a client sends to the token service, in a body or in a query. Unknown fields (`claims`) are ignored; of a field
//! that repeats, the last counts.

use std::borrow::Cow;

use secrecy::SecretString;

/// Scopes of OpenID Connect: they ask for more beside the token and name no resource.
const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The longest scope that is kept until a person has signed in.
pub(super) const MAX_SCOPE_BYTES: usize = 2048;

/// The fields of a request.
#[derive(Default)]
pub(super) struct Form {
    pub(super) grant_type: String,
    pub(super) client_id: String,
    pub(super) client_secret: Option<SecretString>,
    pub(super) client_assertion_type: String,
    pub(super) client_assertion: Option<SecretString>,
    pub(super) scope: String,
    pub(super) device_code: SecretString,
    pub(super) code: SecretString,
    pub(super) code_verifier: SecretString,
    pub(super) refresh_token: SecretString,
    pub(super) redirect_uri: String,
}

impl Form {
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            let secret = |value: Cow<'_, str>| SecretString::from(value.into_owned());
            match &*key {
                "grant_type" => form.grant_type = value.into_owned(),
                "client_id" => form.client_id = value.into_owned(),
                "client_secret" => form.client_secret = Some(secret(value)),
                "client_assertion_type" => form.client_assertion_type = value.into_owned(),
                "client_assertion" => form.client_assertion = Some(secret(value)),
                "scope" => form.scope = value.into_owned(),
                "device_code" => form.device_code = secret(value),
                "code" => form.code = secret(value),
                "code_verifier" => form.code_verifier = secret(value),
                "refresh_token" => form.refresh_token = secret(value),
                "redirect_uri" => form.redirect_uri = value.into_owned(),
                _ => {}
            }
        }
        form
    }

    /// The resource that a token is wanted for, when the scopes name one with `/.default`. Of several the first counts.
    pub(super) fn default_resource(&self) -> Option<&str> {
        let mut resources = self
            .scope
            .split(' ')
            .filter_map(|scope| scope.strip_suffix("/.default"));
        resources.next().filter(|resource| !resource.is_empty())
    }
}

/// What a person's client asks for.
pub(super) struct Scopes<'a>(pub(super) &'a str);

impl<'a> Scopes<'a> {
    /// The scopes that name a resource.
    pub(super) fn of_resources(&self) -> Vec<&'a str> {
        let names_one = |scope: &&str| !scope.is_empty() && !OPENID_SCOPES.contains(scope);
        self.0.split(' ').filter(names_one).collect()
    }

    /// The first resource: a scope is its URL and a word behind the last slash.
    pub(super) fn resource(&self) -> Option<&'a str> {
        let first = self.of_resources().into_iter().next()?;
        first.rsplit_once('/').map(|(resource, _)| resource)
    }

    pub(super) fn contains(&self, wanted: &str) -> bool {
        self.0.split(' ').any(|scope| scope == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_name_a_resource() {
        for (scope, resource) in [
            (
                "https://localhost:5443//.default offline_access openid profile",
                Some("https://localhost:5443/"),
            ),
            ("openid https://x/user_impersonation", Some("https://x")),
            (
                "https://containerregistry.azure.net/.default",
                Some("https://containerregistry.azure.net"),
            ),
            ("openid profile", None),
            ("", None),
        ] {
            assert_eq!(Scopes(scope).resource(), resource, "{scope}");
        }
    }
}
