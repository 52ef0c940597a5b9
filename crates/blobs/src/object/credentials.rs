//! What proves to a store who asks: secrets by the names of the environment variables that the clouds' own tools read. They
//! come in as a parameter; nothing here looks at the environment. Nothing shows them.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret as _, SecretString};

use super::url::Cloud;

const OF_S3: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_METADATA_ENDPOINT",
];
const OF_AZURE: &[&str] = &[
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_MSI_ENDPOINT",
];

/// `GOOGLE_SERVICE_ACCOUNT_KEY` is the text of a file as `GOOGLE_APPLICATION_CREDENTIALS` names one. The HMAC key signs URLs
/// where nothing else can.
const OF_GOOGLE: &[&str] = &[
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_HMAC_ACCESS_ID",
    "GOOGLE_HMAC_SECRET",
    "GCE_METADATA_HOST",
];

/// Variables that are no use without another one.
const TOGETHER: [(&str, &str); 10] = [
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    ("AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID"),
    ("AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"),
    ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID"),
    ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID"),
    ("GOOGLE_HMAC_ACCESS_ID", "GOOGLE_HMAC_SECRET"),
    ("GOOGLE_HMAC_SECRET", "GOOGLE_HMAC_ACCESS_ID"),
];

/// Secrets by the names of their environment variables; none of them where the cloud's identity of this machine or pod is
/// to be asked.
#[derive(Clone, Default)]
pub struct Credentials(BTreeMap<&'static str, SecretString>);

impl Credentials {
    /// Names of the variables that a kind of store has.
    #[must_use]
    pub fn variables(cloud: &Cloud) -> &'static [&'static str] {
        match cloud {
            Cloud::S3 { .. } => OF_S3,
            Cloud::Azure { .. } => OF_AZURE,
            Cloud::Google => OF_GOOGLE,
        }
    }

    /// Those of a kind of store, each looked up by its name; empty ones are none.
    #[must_use]
    pub fn look_up(cloud: &Cloud, mut value: impl FnMut(&str) -> Option<String>) -> Self {
        let found = Self::variables(cloud).iter().filter_map(|name| {
            let value = value(name).filter(|value| !value.is_empty())?;
            Some((*name, SecretString::from(value)))
        });
        Self(found.collect())
    }

    /// Whether there are none, so that the cloud's identity of this machine or pod is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is there, and is no use without what is not.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let lacks = |(has, needs): &&(&str, &str)| self.0.contains_key(has) && !self.0.contains_key(needs);
        let faults = TOGETHER.iter().filter(lacks);
        faults
            .map(|(has, needs)| format!("{has} is set, and {needs} is not"))
            .collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(SecretString::expose_secret)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.expose_secret()))
    }
}

impl fmt::Debug for Credentials {
    /// The names, for the person who wonders which was taken.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_credential_is_told() {
        let cloud = Cloud::Azure {
            account: "account".to_owned(),
        };
        let half = Credentials::look_up(&cloud, |name| {
            (name == "AZURE_CLIENT_SECRET").then(|| "secret".to_owned())
        });
        let told = half.faults().join("; ");
        assert!(
            told.contains("AZURE_CLIENT_ID") && told.contains("AZURE_TENANT_ID") && !told.contains("secret"),
            "{told}"
        );
        assert!(Credentials::default().is_empty() && Credentials::default().faults().is_empty());
    }

    #[test]
    fn secrets_are_not_shown() {
        let cloud = Cloud::Azure {
            account: "account".to_owned(),
        };
        let credentials = Credentials::look_up(&cloud, |name| Some(format!("secret of {name}")));
        assert!(
            credentials
                .iter()
                .all(|(name, value)| value == format!("secret of {name}"))
        );
        assert!(!format!("{credentials:?}").contains("secret"), "{credentials:?}");
        let none = Credentials::look_up(&cloud, |_| Some(String::new()));
        assert_eq!(none.iter().count(), 0);
    }
}
