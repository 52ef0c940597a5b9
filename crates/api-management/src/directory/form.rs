//! What a client sends to the token service. Unknown fields (`claims`, `client_info`) are ignored; of a field that
//! repeats, the last counts.

use secrecy::SecretString;

/// The fields of a request for a token.
#[derive(Default)]
pub(super) struct Form {
    pub(super) grant_type: String,
    pub(super) client_id: String,
    pub(super) client_secret: Option<SecretString>,
    pub(super) scope: String,
}

impl Form {
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (key, value) in form_urlencoded::parse(body) {
            let secret = || Some(SecretString::from(value.as_ref()));
            match &*key {
                "grant_type" => form.grant_type = value.into_owned(),
                "client_id" => form.client_id = value.into_owned(),
                "client_secret" => form.client_secret = secret(),
                "scope" => form.scope = value.into_owned(),
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
