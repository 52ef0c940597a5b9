//! What names a store in a setting: `s3://BUCKET/PREFIX?endpoint=…&region=…`, `azure://ACCOUNT/CONTAINER/PREFIX?endpoint=…`,
//! `gs://BUCKET/PREFIX?endpoint=…`, `file:///path`. All mistakes are told at once. It refuses to hold a secret.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use http::Uri;

/// Longest prefix; the longest name below it stays far under what stores take (1,024 bytes).
const MAX_PREFIX_BYTES: usize = 512;
/// The region of requests where none is named: what most stores that speak like S3 expect.
const REGION: &str = "us-east-1";

/// What somebody is told who put one into a URL, without it.
const NO_SECRETS: &str = "a URL holds no secrets; they come from the environment, as AWS_SECRET_ACCESS_KEY or \
    AZURE_STORAGE_ACCOUNT_KEY, or the machine's identity is asked";

/// A store, as a setting names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of a cloud's store.
    Bucket(BucketUrl),
}

/// A bucket, as a setting names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    pub(super) cloud: Cloud,
    /// The bucket, the container.
    pub(super) bucket: String,
    /// Without slashes at its ends; empty for none.
    pub(super) prefix: String,
    /// Where requests go, without a slash at its end.
    pub(super) endpoint: String,
    is_named: bool,
}

/// Which kind of store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cloud {
    /// S3, and what speaks like it.
    S3 {
        /// The region that requests are signed for.
        region: String,
        /// Whether the bucket stands in front of the endpoint's host, and not behind it.
        is_virtual_host: bool,
    },
    /// Azure Blob Storage.
    Azure {
        /// The storage account.
        account: String,
    },
    /// Google Cloud Storage.
    Google,
}

/// The text names no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", faults.join("; "))]
pub struct ParseStoreUrlError {
    /// All that is wrong with it.
    pub faults: Vec<String>,
}

impl StoreUrl {
    /// Reads it.
    ///
    /// # Errors
    /// All mistakes.
    pub fn parse(text: &str) -> Result<Self, ParseStoreUrlError> {
        let mut faults = Vec::new();
        let read = match text.split_once("://") {
            Some(("file", path)) => folder(path, &mut faults).map(Self::Folder),
            Some((scheme @ ("s3" | "azure" | "gs"), rest)) => bucket(scheme, rest, &mut faults).map(Self::Bucket),
            _ => {
                faults.push("it begins with s3://, azure://, gs:// or file:///".to_owned());
                None
            }
        };
        match read {
            Some(url) if faults.is_empty() => Ok(url),
            _ => Err(ParseStoreUrlError { faults }),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = ParseStoreUrlError;

    fn from_str(text: &str) -> Result<Self, ParseStoreUrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "file://{}", path.display()),
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

impl fmt::Display for BucketUrl {
    /// What finds it again: parameters are named where they are not what they would be without a name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bucket = &self.bucket;
        match &self.cloud {
            Cloud::S3 { .. } => write!(f, "s3://{bucket}")?,
            Cloud::Azure { account } => write!(f, "azure://{account}/{bucket}")?,
            Cloud::Google => write!(f, "gs://{bucket}")?,
        }
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        let mut parameters = Vec::new();
        if self.is_named {
            parameters.push(format!("endpoint={}", self.endpoint));
        }
        if let Cloud::S3 {
            region,
            is_virtual_host,
        } = &self.cloud
        {
            if region != REGION {
                parameters.push(format!("region={region}"));
            }
            if *is_virtual_host != is_usually_virtual(self.is_named, bucket) {
                let addressing = if *is_virtual_host { "virtual" } else { "path" };
                parameters.push(format!("addressing={addressing}"));
            }
        }
        if self.is_plain() && !is_on_loopback(&self.endpoint) {
            parameters.push("allow-http=true".to_owned());
        }
        if !parameters.is_empty() {
            write!(f, "?{}", parameters.join("&"))?;
        }
        Ok(())
    }
}

impl BucketUrl {
    /// Which kind of store.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The bucket, the container.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What lies below a further piece of the prefix.
    #[must_use]
    pub fn below(&self, piece: &str) -> Self {
        let prefix = format!("{}/{piece}", self.prefix).trim_start_matches('/').to_owned();
        Self { prefix, ..self.clone() }
    }

    /// Whether this is the same place as another, or lies below it, as far as the URLs tell.
    #[must_use]
    pub fn lies_in(&self, other: &Self) -> bool {
        let below = |prefix: &str| {
            self.prefix
                .strip_prefix(prefix)
                .map(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_below = other.prefix.is_empty() || below(&other.prefix) == Some(true);
        self.store() == other.store() && is_below
    }

    /// What is the same of two URLs that lead to one bucket: names of this machine are one.
    fn store(&self) -> (bool, String, Option<u16>, String, &str) {
        let uri: Option<Uri> = self.endpoint.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        let host = match is_loopback(host) {
            true => "localhost".to_owned(),
            false => host.trim_end_matches('.').to_ascii_lowercase(),
        };
        let usual = if self.is_plain() { 80 } else { 443 };
        let port = uri.as_ref().map(|uri| uri.port_u16().unwrap_or(usual));
        let path = uri.as_ref().map_or("", |uri| uri.path().trim_matches('/')).to_owned();
        let is_azure = matches!(self.cloud, Cloud::Azure { .. });
        (is_azure, host, port, path, &self.bucket)
    }

    /// Host and port that requests go to.
    #[must_use]
    pub fn authority(&self) -> String {
        let uri: Option<Uri> = self.endpoint.parse().ok();
        uri.and_then(|uri| uri.authority().map(ToString::to_string))
            .unwrap_or_default()
    }

    /// Host and port that objects are read from.
    pub(super) fn data_host(&self) -> String {
        match &self.cloud {
            Cloud::S3 {
                is_virtual_host: true, ..
            } => format!("{}.{}", self.bucket, self.authority()),
            Cloud::S3 { .. } | Cloud::Azure { .. } | Cloud::Google => self.authority(),
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        self.endpoint.starts_with("http://")
    }
}

/// Whether a bucket's name stands in front of the host where nobody says: Amazon's certificates cover no names with dots,
/// and most other stores have one host.
fn is_usually_virtual(is_named: bool, bucket: &str) -> bool {
    !is_named && !bucket.contains('.')
}

fn is_on_loopback(endpoint: &str) -> bool {
    let uri: Option<Uri> = endpoint.parse().ok();
    uri.as_ref().and_then(Uri::host).is_some_and(is_loopback)
}

fn folder(path: &str, faults: &mut Vec<String>) -> Option<PathBuf> {
    if !path.starts_with('/') {
        faults.push("a folder is file:// and an absolute path, as file:///var/lib/holdfast".to_owned());
        return None;
    }
    Some(PathBuf::from(path))
}

/// What stands behind the question mark.
#[derive(Default)]
struct Parameters {
    endpoint: Option<String>,
    region: Option<String>,
    addressing: Option<String>,
    may_be_plain: bool,
}

fn bucket(scheme: &str, rest: &str, faults: &mut Vec<String>) -> Option<BucketUrl> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.contains('@') {
        faults.push(NO_SECRETS.to_owned());
        return None;
    }
    let parameters = parameters(scheme, query, faults);
    let mut pieces = path.splitn(if scheme == "azure" { 3 } else { 2 }, '/');
    let account = if scheme == "azure" { pieces.next() } else { None };
    let bucket = pieces.next().unwrap_or_default().to_owned();
    let prefix = pieces.next().unwrap_or_default().trim_end_matches('/').to_owned();
    let is_dotted = scheme != "azure";
    if !is_name(&bucket, is_dotted) {
        let what = if is_dotted { "bucket" } else { "container" };
        faults.push(format!(
            "{bucket:?} is no name of a {what}: 3 to 63 lower-case letters, digits and hyphens"
        ));
    }
    if let Some(account) = account.filter(|account| !is_account(account)) {
        faults.push(format!(
            "{account:?} is no name of a storage account: 3 to 24 lower-case letters and digits"
        ));
    }
    if !is_prefix(&prefix) {
        faults.push(format!(
            "the prefix {prefix:?} has more than letters, digits, hyphens, dots, underscores and single slashes"
        ));
    }
    let given = parameters.endpoint.as_deref();
    let given = given.map(|endpoint| endpoint_of(endpoint, scheme, parameters.may_be_plain, faults));
    let region = parameters.region.unwrap_or_else(|| REGION.to_owned());
    let is_virtual_host = match parameters.addressing.as_deref() {
        Some(addressing) => addressing == "virtual",
        None => is_usually_virtual(given.is_some(), &bucket),
    };
    let cloud = match account {
        Some(account) => Cloud::Azure {
            account: account.to_owned(),
        },
        None if scheme == "gs" => Cloud::Google,
        None => Cloud::S3 {
            region,
            is_virtual_host,
        },
    };
    let is_named = given.is_some();
    let endpoint = given.unwrap_or_else(|| default_endpoint(&cloud));
    Some(BucketUrl {
        cloud,
        bucket,
        prefix,
        endpoint,
        is_named,
    })
}

fn default_endpoint(cloud: &Cloud) -> String {
    match cloud {
        Cloud::S3 { region, .. } => format!("https://s3.{region}.amazonaws.com"),
        Cloud::Azure { account } => format!("https://{account}.blob.core.windows.net"),
        Cloud::Google => "https://storage.googleapis.com".to_owned(),
    }
}

fn parameters(scheme: &str, query: &str, faults: &mut Vec<String>) -> Parameters {
    let mut parameters = Parameters::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        let before = match (&*name, scheme) {
            ("endpoint", _) => parameters.endpoint.replace(value),
            ("region", "s3") if is_name(&value, false) => parameters.region.replace(value),
            ("addressing", "s3") if matches!(&*value, "path" | "virtual") => parameters.addressing.replace(value),
            ("allow-http", _) if value == "true" => {
                parameters.may_be_plain = true;
                continue;
            }
            ("region" | "addressing", "s3") | ("allow-http", _) => {
                faults.push(format!("{name} cannot be {value:?}"));
                continue;
            }
            _ => {
                faults.push(format!("there is no parameter {name} of {scheme}://"));
                continue;
            }
        };
        if before.is_some() {
            faults.push(format!("{name} is there twice"));
        }
    }
    parameters
}

/// Reads an endpoint; what is wrong with it is told, and it is taken as it is.
fn endpoint_of(text: &str, scheme: &str, may_be_plain: bool, faults: &mut Vec<String>) -> String {
    if text.contains('@') {
        faults.push(NO_SECRETS.to_owned());
        return String::new();
    }
    let endpoint = text.trim_end_matches('/').to_owned();
    let uri: Option<Uri> = endpoint.parse().ok();
    let read = uri
        .as_ref()
        .and_then(|uri| Some((uri.scheme_str()?, uri.authority()?, uri.path(), uri.query())));
    // Azure's stand-ins have the account in the path.
    let may_have_path = scheme == "azure";
    match read {
        Some(("http" | "https", authority, path, None)) if may_have_path || path.trim_matches('/').is_empty() => {
            let is_plain = endpoint.starts_with("http://");
            if is_plain && !may_be_plain && !is_loopback(authority.host()) {
                faults.push(format!(
                    "the endpoint {text} is plain HTTP, which is allowed on this machine only; use https, or allow-http=true"
                ));
            }
        }
        _ => faults.push(format!("the endpoint {text:?} is no URL as https://HOST:PORT")),
    }
    endpoint
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_name(name: &str, is_dotted: bool) -> bool {
    let is_good =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || is_dotted && byte == b'.';
    let ends_well = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    let is_length = (3..=63).contains(&bytes.len());
    is_length
        && bytes.iter().all(|byte| is_good(*byte))
        && ends_well(bytes.first())
        && ends_well(bytes.last())
        && !name.contains("..")
}

fn is_account(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_prefix(prefix: &str) -> bool {
    let is_piece = |piece: &str| {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        !piece.is_empty() && piece != "." && piece != ".." && piece.bytes().all(is_good)
    };
    prefix.is_empty() || prefix.len() <= MAX_PREFIX_BYTES && prefix.split('/').all(is_piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> String {
        match StoreUrl::parse(text) {
            Ok(StoreUrl::Bucket(bucket)) => bucket.endpoint,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_kind_of_store_has_a_url() {
        for text in [
            "file:///var/lib/holdfast",
            "s3://bucket",
            "s3://my.bucket/a/b?endpoint=http://127.0.0.1:7070",
            "azure://account/container/prefix?endpoint=http://localhost:10000/account",
            "s3://bucket/prefix?endpoint=https://storage.example:8443",
            "s3://bucket?region=eu-west-1&addressing=path",
            "s3://bucket?endpoint=http://10.0.0.1:9000&region=here&addressing=virtual&allow-http=true",
            "gs://my.bucket/prefix?endpoint=http://127.0.0.1:4443",
        ] {
            assert_eq!(StoreUrl::parse(text).map(|url| url.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(
            endpoint("s3://bucket?region=eu-west-1"),
            "https://s3.eu-west-1.amazonaws.com"
        );
        assert_eq!(endpoint("azure://acc/container"), "https://acc.blob.core.windows.net");
        assert_eq!(
            endpoint("s3://bucket?endpoint=http://10.0.0.1:9000/&allow-http=true"),
            "http://10.0.0.1:9000"
        );
    }

    #[test]
    fn a_place_lies_in_another_whichever_url_leads_there() {
        let lies_in = |inner: &str, outer: &str| {
            let [inner, outer] = [inner, outer].map(|text| match StoreUrl::parse(text) {
                Ok(StoreUrl::Bucket(url)) => url,
                other => panic!("{text}: {other:?}"),
            });
            inner.lies_in(&outer)
        };
        for (inner, outer) in [
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/a/b", "s3://bucket/a"),
            ("s3://bucket/a", "s3://bucket?region=us-east-1&addressing=path"),
            (
                "s3://bucket/a?endpoint=http://localhost:9000",
                "s3://bucket?endpoint=http://127.0.0.1:9000/",
            ),
            (
                "s3://bucket?endpoint=https://Host.",
                "s3://bucket?endpoint=https://host:443&region=here",
            ),
            ("azure://account/container/a/b", "azure://account/container/a"),
        ] {
            assert!(lies_in(inner, outer), "{inner} {outer}");
        }
        for (inner, outer) in [
            ("s3://bucket/a", "s3://bucket/a/b"),
            ("s3://bucket/ab", "s3://bucket/a"),
            ("s3://bucket/a", "s3://another/a"),
            (
                "s3://bucket?endpoint=http://localhost:9001",
                "s3://bucket?endpoint=http://localhost:9000",
            ),
            ("azure://account/container", "azure://another/container"),
            (
                "azure://account/container?endpoint=http://localhost:1/account",
                "azure://account/container?endpoint=http://localhost:1/another",
            ),
        ] {
            assert!(!lies_in(inner, outer), "{inner} {outer}");
        }
        let below = |text: &str| {
            StoreUrl::parse(text).map(|url| match url {
                StoreUrl::Bucket(url) => url.below("x").to_string(),
                StoreUrl::Folder(_) => String::new(),
            })
        };
        assert_eq!(below("s3://bucket").as_deref(), Ok("s3://bucket/x"));
        assert_eq!(
            below("s3://bucket/a?region=here").as_deref(),
            Ok("s3://bucket/a/x?region=here")
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let told = |text: &str| StoreUrl::parse(text).unwrap_err().faults;
        let faults = told("s3://B/a//b?endpoint=http://10.0.0.1&region=&color=red&region=x1x&region=x1x");
        assert_eq!(faults.len(), 6, "{faults:?}");
        for (text, word) in [
            ("bucket", "s3://"),
            ("ftp://bucket", "s3://"),
            ("file://relative", "absolute"),
            ("s3://", "bucket"),
            ("azure://account", "container"),
            ("azure://ACC/container", "storage account"),
            ("s3://bucket/../x", "prefix"),
            ("azure://account/container?region=here", "region"),
            ("gs://bucket?region=here", "region"),
            ("s3://bucket?endpoint=http://10.0.0.1:9000", "plain HTTP"),
            ("s3://bucket?endpoint=https://user@host", "no secrets"),
            ("s3://key:secret@bucket/prefix", "no secrets"),
            ("s3://bucket?endpoint=https://host/path", "endpoint"),
            ("s3://bucket?endpoint=ftp://host", "endpoint"),
            ("s3://bucket?allow-http=yes", "allow-http"),
        ] {
            let faults = told(text);
            assert!(faults.len() == 1 && faults[0].contains(word), "{text}: {faults:?}");
        }
    }
}
