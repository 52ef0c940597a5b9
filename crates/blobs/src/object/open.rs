//! Opening a store by its URL. It asks the store nothing: a probe does.

use std::{str::FromStr as _, sync::Arc};

use holdfast_model::{Blobs, StoreError};
use http::Uri;
use object_store::{
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    azure::{AzureConfigKey, MicrosoftAzureBuilder, authority_hosts},
};

use super::{
    asking::Asking,
    azure::{Azure, AzureSigner},
    bucket::Bucket,
    credentials::Credentials,
    google::{self, Google},
    google_signer::{GoogleSigner, Source, Unsigned},
    identity::{Identity, retry},
    memory::UploadMemory,
    names::Names,
    place::Place,
    requests::Requests,
    s3::{S3, S3Signer},
    store::BucketStore,
    url::{BucketUrl, Cloud, StoreUrl},
    way_out::WayOut,
    xml,
};
use crate::FilesystemStore;

/// Why a store is not opened.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a store that is opened takes from the process.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// How stores are reached.
    pub way_out: &'a dyn WayOut,
    /// What parts are gathered in.
    pub memory: &'a UploadMemory,
}

/// Opens the store of a URL. It is asked nothing yet; a folder must be there or can be made. Blocks for a folder.
///
/// # Errors
/// The credentials are not whole, or the folder cannot be used.
pub fn open(url: &StoreUrl, credentials: &Credentials, around: Surroundings<'_>) -> Result<Arc<dyn Blobs>, StoreError> {
    match url {
        StoreUrl::Folder(path) => Ok(Arc::new(FilesystemStore::open(path)?)),
        StoreUrl::Bucket(url) => Ok(Arc::new(open_bucket(url, credentials, around)?)),
    }
}

/// Opens a bucket. It is asked nothing yet.
///
/// # Errors
/// The credentials are not whole.
pub fn open_bucket(
    url: &BucketUrl,
    credentials: &Credentials,
    around: Surroundings<'_>,
) -> Result<BucketStore, StoreError> {
    let bucket = match url.cloud() {
        Cloud::S3 {
            region,
            is_virtual_host,
        } => s3(url, region, *is_virtual_host, credentials, around.way_out),
        Cloud::Azure { account } => azure(url, account, credentials, around.way_out),
        Cloud::Google => google(url, credentials, around.way_out),
    };
    let bucket = bucket.map_err(|source| StoreError::Failed {
        attempted: format!("opened {url}"),
        source,
    })?;
    let names = Names::new(&url.prefix);
    Ok(BucketStore::new(bucket, names, around.memory.clone(), url.data_host()))
}

/// Where AWS tells a task of its container service who it is, and where AWS and Azure tell a machine.
const TASK_IDENTITY: &str = "http://169.254.170.2";
const MACHINE_IDENTITY: &str = "http://169.254.169.254";

fn s3(
    url: &BucketUrl,
    region: &str,
    is_virtual_host: bool,
    credentials: &Credentials,
    way_out: &dyn WayOut,
) -> Result<Arc<dyn Bucket>, Cause> {
    let bucket = &url.bucket;
    let place = match url.endpoint.split_once("://") {
        Some((scheme, host)) if is_virtual_host => format!("{scheme}://{bucket}.{host}"),
        _ => format!("{}/{bucket}", url.endpoint),
    };
    let identity = s3_identity(credentials, region);
    let exchange = way_out.to(&origins([Some(place.as_str()), identity.as_deref()]));
    let mut builder = AmazonS3Builder::new()
        .with_region(region)
        .with_bucket_name(bucket)
        .with_endpoint(if is_virtual_host { &place } else { &url.endpoint })
        .with_virtual_hosted_style_request(is_virtual_host)
        .with_allow_http(url.is_plain())
        .with_retry(retry())
        .with_http_connector(Identity(Arc::clone(&exchange)));
    for (name, value) in credentials.iter() {
        builder = builder.with_config(AmazonS3ConfigKey::from_str(&name.to_lowercase())?, value);
    }
    let signer = Arc::new(S3Signer::new(builder, region, url.is_plain(), identity.is_none())?);
    let asking = Asking {
        exchange,
        sign: Arc::clone(&signer) as _,
        fault: xml::fault,
    };
    let place = Place::of_paths(place);
    let requests = Requests { place, asking };
    Ok(Arc::new(S3 { requests, signer }))
}

/// Where the library asks for a credential; `None` when it has one.
fn s3_identity(credentials: &Credentials, region: &str) -> Option<String> {
    let has = |name| credentials.get(name).is_some();
    let named = |name: &str| credentials.get(name).map(str::to_owned);
    if has("AWS_ACCESS_KEY_ID") || has("AWS_SECRET_ACCESS_KEY") {
        return None;
    }
    Some(if has("AWS_WEB_IDENTITY_TOKEN_FILE") && has("AWS_ROLE_ARN") {
        named("AWS_ENDPOINT_URL_STS").unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com"))
    } else if has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        TASK_IDENTITY.to_owned()
    } else if has("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        named("AWS_CONTAINER_CREDENTIALS_FULL_URI").unwrap_or_default()
    } else {
        named("AWS_METADATA_ENDPOINT").unwrap_or_else(|| MACHINE_IDENTITY.to_owned())
    })
}

fn azure(
    url: &BucketUrl,
    account: &str,
    credentials: &Credentials,
    way_out: &dyn WayOut,
) -> Result<Arc<dyn Bucket>, Cause> {
    let place = format!("{}/{}", url.endpoint, url.bucket);
    let identity = azure_identity(credentials);
    let exchange = way_out.to(&origins([Some(place.as_str()), identity.as_deref()]));
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(&url.bucket)
        .with_endpoint(url.endpoint.clone())
        .with_allow_http(url.is_plain())
        .with_retry(retry())
        .with_http_connector(Identity(Arc::clone(&exchange)));
    for (name, value) in credentials.iter() {
        builder = builder.with_config(AzureConfigKey::from_str(&name.to_lowercase())?, value);
    }
    let signer = Arc::new(AzureSigner::new(builder, account, identity.is_none())?);
    let asking = Asking {
        exchange,
        sign: Arc::clone(&signer) as _,
        fault: xml::fault,
    };
    let place = Place::of_paths(place);
    let requests = Requests { place, asking };
    Ok(Arc::new(Azure { requests, signer }))
}

/// Where the library asks for a credential; `None` when it has one.
fn azure_identity(credentials: &Credentials) -> Option<String> {
    let has = |name| credentials.get(name).is_some();
    let named = |name: &str| credentials.get(name).map(str::to_owned);
    if has("AZURE_STORAGE_ACCOUNT_KEY") || has("AZURE_STORAGE_SAS_TOKEN") {
        return None;
    }
    Some(if has("AZURE_CLIENT_SECRET") || has("AZURE_FEDERATED_TOKEN_FILE") {
        named("AZURE_AUTHORITY_HOST").unwrap_or_else(|| authority_hosts::AZURE_PUBLIC_CLOUD.to_owned())
    } else {
        named("AZURE_MSI_ENDPOINT").unwrap_or_else(|| MACHINE_IDENTITY.to_owned())
    })
}

fn google(url: &BucketUrl, credentials: &Credentials, way_out: &dyn WayOut) -> Result<Arc<dyn Bucket>, Cause> {
    let (endpoint, bucket) = (url.endpoint.clone(), url.bucket.clone());
    let source = Source::of(credentials)?;
    let identity = Asking {
        exchange: way_out.to(&origins(source.urls().into_iter().map(Some))),
        sign: Arc::new(Unsigned),
        fault: google::fault,
    };
    let signer = Arc::new(GoogleSigner::new(source, credentials, identity));
    let asking = Asking {
        exchange: way_out.to(&origins([Some(endpoint.as_str())])),
        sign: Arc::clone(&signer) as _,
        fault: google::fault,
    };
    let place = Place::of_pieces(format!("{endpoint}/storage/v1/b/{bucket}/o"));
    Ok(Arc::new(Google {
        requests: Requests { place, asking },
        uploads: Place::of_pieces(format!("{endpoint}/upload/storage/v1/b/{bucket}/o")),
        endpoint,
        bucket,
        signer,
    }))
}

/// The origins of URLs.
fn origins<'a>(urls: impl IntoIterator<Item = Option<&'a str>>) -> Vec<Uri> {
    urls.into_iter().flatten().filter_map(|url| url.parse().ok()).collect()
}
