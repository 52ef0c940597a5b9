//! A location in a bucket: its mark, which is an object beside the accounts. Nobody holds a bucket, for all nodes of a server
//! share it.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use holdfast_blobs::object::{
    BucketStore, BucketUrl, Cloud, Credentials, Surroundings, UploadMemory, is_container_missing, open_bucket,
};
use holdfast_client::StoreWay;
use holdfast_model::StoreError;

use super::{MARK, Mark, setting};

/// What buckets are opened with.
pub(super) struct Ways {
    pub(super) way_out: StoreWay,
    pub(super) memory: UploadMemory,
}

impl Ways {
    /// Opens a bucket, which is asked nothing yet.
    pub(super) fn open(&self, url: &BucketUrl, credentials: &Credentials) -> anyhow::Result<BucketStore> {
        let around = Surroundings {
            way_out: &self.way_out,
            memory: &self.memory,
        };
        open_bucket(url, credentials, around).with_context(|| format!("cannot use {url}"))
    }
}

/// Finds a bucket to be ours, or makes it ours: one that nothing lies in, where rows miss nothing.
pub(super) async fn take<F: Future<Output = anyhow::Result<bool>>>(
    store: &BucketStore,
    url: &BucketUrl,
    mark: &Mark,
    is_new: impl FnOnce() -> F,
) -> anyhow::Result<()> {
    let name = &mark.location;
    if let Some(found) = find(store, url, name).await? {
        return found.refuse_unless(mark, &url.to_string());
    }
    if !is_new().await? {
        bail!(
            "{url} is not the storage of location {name}: it has no {MARK}; say where that is now: {}",
            setting(name, "URL")
        );
    }
    refuse_foreign(store, url, name).await?;
    let put = store.put_small(MARK, Bytes::from(serde_json::to_vec(mark)?)).await;
    if put.map_err(|error| unusable(error, url, name))? {
        return Ok(());
    }
    // Another node was first.
    let found = find(store, url, name).await?;
    let found = found.with_context(|| format!("{url} changes while it is looked at; start again"))?;
    found.refuse_unless(mark, &url.to_string())
}

/// Refuses a bucket that is not there, is another server's, or holds anything.
pub(super) async fn refuse_taken(store: &BucketStore, url: &BucketUrl, name: &str) -> anyhow::Result<()> {
    if find(store, url, name).await?.is_some() {
        bail!(
            "{url} belongs to a Holdfast, and the database of this one holds no registry; put the backup of its database \
             back, or choose another place: {}",
            setting(name, "URL")
        );
    }
    refuse_foreign(store, url, name).await
}

async fn find(store: &BucketStore, url: &BucketUrl, name: &str) -> anyhow::Result<Option<Mark>> {
    let read = store.small(MARK).await.map_err(|error| unusable(error, url, name))?;
    let read = read.map(|bytes| serde_json::from_slice(&bytes));
    read.transpose()
        .with_context(|| format!("{MARK} in {url} cannot be understood"))
}

/// A prefix in which something lies is not ours to use, nor one in the prefix of a Holdfast, whichever URL leads there.
async fn refuse_foreign(store: &BucketStore, url: &BucketUrl, name: &str) -> anyhow::Result<()> {
    let found = store
        .find_anything()
        .await
        .map_err(|error| unusable(error, url, name))?;
    if let Some(found) = found {
        bail!(
            "{url} holds other objects, such as {found}; choose an empty prefix for location {name}: {}",
            setting(name, "URL")
        );
    }
    let above = store
        .small_above(MARK)
        .await
        .map_err(|error| unusable(error, url, name))?;
    if let Some((prefix, bytes)) = above {
        let owner = match serde_json::from_slice::<Mark>(&bytes) {
            Ok(mark) => format!("the location {} of a Holdfast", mark.location),
            Err(_) => "a Holdfast".to_owned(),
        };
        let prefix = match prefix.as_str() {
            "" => "the whole bucket".to_owned(),
            prefix => format!("the prefix {prefix}"),
        };
        bail!(
            "{url} lies in the storage of {owner}, which has {prefix}; choose another prefix for location {name}: {}",
            setting(name, "URL")
        );
    }
    Ok(())
}

/// What to do about a bucket that does not answer as it should.
fn unusable(error: StoreError, url: &BucketUrl, name: &str) -> anyhow::Error {
    let (kind, secrets) = match url.cloud() {
        Cloud::S3 { .. } => ("bucket", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        Cloud::Azure { .. } => ("container", "AZURE_STORAGE_ACCOUNT_KEY"),
        Cloud::Google => ("bucket", "GOOGLE_APPLICATION_CREDENTIALS"),
    };
    let bucket = url.bucket();
    let problem = match &error {
        error if is_container_missing(error) => format!(
            "there is no {kind} {bucket} at {}; make it, or name another one: {}",
            url.authority(),
            setting(name, "URL")
        ),
        StoreError::Denied { .. } => format!(
            "{url} refuses this service; it needs to read, write, list and delete there, and says who it is by \
             {secrets} of the environment, or by the identity of this machine"
        ),
        StoreError::Unavailable { .. } => {
            format!("{url}, the storage of location {name}, cannot be reached; see that it runs, and start again")
        }
        _ => format!("cannot use {url}, the storage of location {name}"),
    };
    anyhow::Error::from(error).context(problem)
}
