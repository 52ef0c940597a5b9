//! Where blobs lie: the service's own storage, and further locations. Secrets of buckets come from the environment, and are
//! looked at here only for whether they are whole.

use std::collections::BTreeSet;

use holdfast_blobs::object::StoreUrl;

use super::{Reader, parse};
use crate::locations::{LOCAL, Root};

impl Reader<'_> {
    /// The service's own storage, where it does not lie in the data folder.
    pub(super) fn storage(&mut self) -> Option<Root> {
        let url = self.maybe("storage", parse::store)?;
        Some(self.root("storage", LOCAL, url))
    }

    /// Further locations, each once, with their places.
    pub(super) fn locations(&mut self) -> Vec<(String, Option<Root>)> {
        let mut seen = BTreeSet::new();
        let mut locations = Vec::new();
        for (name, url) in self.many("location", parse::location) {
            if !seen.insert(name.clone()) {
                self.wrong("location", &format!("the location {name} is given twice"));
            }
            let root = url.map(|url| self.root("location", &name, url));
            locations.push((name, root));
        }
        locations
    }

    fn root(&mut self, key: &'static str, location: &str, url: StoreUrl) -> Root {
        let root = Root::new(location, url, self.variable);
        if let Root::Bucket(url, credentials) = &root {
            for fault in credentials.faults() {
                let origin = self.given(key).origin;
                let problem = format!("of the secrets for the location {location}, {fault}");
                self.note(key, &url.to_string(), problem, &origin);
            }
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::settings::{Flags, Mistakes, Settings};

    fn read(environment: &[(&str, &str)]) -> Result<Settings, Mistakes> {
        Settings::read(Flags::default(), &|name| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn secrets_come_from_the_environment_and_are_not_shown() {
        let keys = [("AWS_ACCESS_KEY_ID", "of-all"), ("AWS_SECRET_ACCESS_KEY", "hidden")];
        let settings = read(&[&keys[..], &[("HOLDFAST_STORAGE", "s3://bucket")]].concat()).unwrap();
        assert!(matches!(settings.storage, Some(Root::Bucket(..))));
        assert!(!format!("{settings:?}").contains("hidden"), "{settings:?}");

        let wrong = [
            ("HOLDFAST_STORAGE", "s3://key:hidden@bucket"),
            (
                "HOLDFAST_LOCATION",
                "east=s3://bucket?endpoint=http://10.0.0.1,eastus=s3://bucket",
            ),
            ("AWS_ACCESS_KEY_ID_EASTUS", "of-eastus"),
        ];
        let told = read(&[&keys[..], &wrong].concat()).unwrap_err().to_string();
        for words in [
            "3 settings",
            "no secrets",
            "plain HTTP",
            "eastus, AWS_ACCESS_KEY_ID is set",
        ] {
            assert!(told.contains(words), "{words} is not in {told}");
        }
        assert!(!told.contains("hidden"), "{told}");
    }
}
