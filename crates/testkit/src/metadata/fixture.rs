//! Rows to make claims about. Failures panic: only tests call this.

use bytes::Bytes;
use holdfast_access::RegistryId;
use holdfast_model::{
    Attributes, Author, AuthorKind, BlobId, Directory, Durability, ListOrder, ManifestId, Metadata, MetadataError,
    MetadataExt, NewBlob, NewBlobBytes, NewManifest, NewRegistry, ObjectKey, Page, Position, Read, RegistryRecord,
    RepositoryId, RepositoryRecord, ResourceGroup, Sku, StorageAccountId, Subscription, Tags, Timestamp, Tx,
    UploadBytes, UploadId, UploadRecord,
};
use holdfast_oci::{Algorithm, Digest, RepositoryName, Tag};
use uuid::Uuid;

/// Reads, and panics when that fails.
pub async fn read<T, F>(metadata: &dyn Metadata, work: F) -> T
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Read) -> Result<T, MetadataError> + Send + 'static,
{
    metadata.query(work).await.expect("the read succeeds")
}

/// Writes durably, and panics when that fails.
pub async fn write<T, F>(metadata: &dyn Metadata, work: F) -> T
where
    T: Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, MetadataError> + Send + Sync + 'static,
{
    try_write(metadata, work).await.expect("the write succeeds")
}

/// Writes durably.
///
/// # Errors
/// What the store says, or the work.
pub async fn try_write<T, E, F>(metadata: &dyn Metadata, work: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<MetadataError> + Send + 'static,
    F: Fn(&mut dyn Tx) -> Result<T, E> + Send + Sync + 'static,
{
    metadata.transact(Durability::Durable, work).await
}

/// The digest of a text.
#[must_use]
pub fn digest(text: &str) -> Digest {
    Digest::of(Algorithm::Sha256, text.as_bytes())
}

/// A tag.
#[must_use]
pub fn tag(text: &str) -> Tag {
    text.parse().expect("the text is a tag")
}

/// A repository's name.
#[must_use]
pub fn name(text: &str) -> RepositoryName {
    text.parse().expect("the text is a repository's name")
}

/// Somebody who makes or changes things.
#[must_use]
pub fn author(name: &str) -> Author {
    Author {
        name: name.to_owned(),
        kind: AuthorKind::User,
    }
}

/// A key nothing else has.
#[must_use]
pub fn object_key() -> ObjectKey {
    ObjectKey::new(Uuid::new_v4())
}

/// A page by name.
#[must_use]
pub fn page<Name>(after: Option<Name>, limit: usize) -> Page<Name> {
    Page {
        after: after.map(Position::of),
        limit,
        order: ListOrder::Name,
    }
}

/// A page in any order.
#[must_use]
pub fn page_by<Name>(order: ListOrder, after: Option<Position<Name>>, limit: usize) -> Page<Name> {
    Page { after, limit, order }
}

/// A directory.
#[must_use]
pub fn directory() -> Directory {
    Directory {
        tenant_id: Uuid::new_v4(),
        created_at: Timestamp(1),
    }
}

/// A new registry in a subscription, a group and a storage account that exist.
#[must_use]
pub fn new_registry(name: &str, subscription_id: Uuid, storage_account: StorageAccountId) -> NewRegistry {
    NewRegistry {
        name: name.to_owned(),
        rid: Uuid::new_v4(),
        subscription_id,
        resource_group: "group".to_owned(),
        location: "local".to_owned(),
        sku: Sku::Premium,
        storage_account,
        admin_enabled: true,
        tags: Tags::new(),
        created_at: Timestamp(1_000),
        created_by: None,
    }
}

/// Makes a registry with a subscription, a group and a storage account of its own.
pub async fn registry(metadata: &dyn Metadata, name: &str) -> RegistryRecord {
    let name = name.to_owned();
    write(metadata, move |tx| {
        let (subscription, account) = insert_scope(tx, &name)?;
        insert_registry(tx, &new_registry(&name, subscription, account))
    })
    .await
}

/// Makes another registry on the storage account of `sibling`.
pub async fn sibling(metadata: &dyn Metadata, sibling: &RegistryRecord, name: &str) -> RegistryRecord {
    let new = new_registry(name, sibling.subscription_id, sibling.storage_account);
    write(metadata, move |tx| insert_registry(tx, &new)).await
}

/// Inserts a subscription with the group `group`, and a storage account.
///
/// # Errors
/// What the store says.
pub fn insert_scope(tx: &mut dyn Tx, name: &str) -> Result<(Uuid, StorageAccountId), MetadataError> {
    let subscription = Subscription {
        id: Uuid::new_v4(),
        display_name: format!("{name} subscription"),
        created_at: Timestamp(1),
    };
    tx.insert_subscription(&subscription)?;
    tx.insert_resource_group(&ResourceGroup {
        subscription_id: subscription.id,
        name: "group".to_owned(),
        location: "local".to_owned(),
        tags: Tags::new(),
        created_at: Timestamp(1),
        revision: 1,
    })?;
    let account = tx.insert_storage_account(&format!("{name}store"), "local", Timestamp(1))?;
    Ok((subscription.id, account))
}

fn insert_registry(tx: &mut dyn Tx, new: &NewRegistry) -> Result<RegistryRecord, MetadataError> {
    let id = tx.insert_registry(new)?;
    Ok(tx.find_registry(id)?.expect("the registry was just inserted"))
}

/// Makes a repository.
pub async fn repository(metadata: &dyn Metadata, registry: RegistryId, text: &str) -> RepositoryRecord {
    let name = name(text);
    let made = write(metadata, move |tx| tx.ensure_repository(registry, &name, Timestamp(1))).await;
    made.expect("the registry is there").repository
}

/// A registry and a repository in it.
pub async fn home(metadata: &dyn Metadata) -> (RegistryRecord, RepositoryId) {
    let registry = registry(metadata, "home").await;
    let repository = repository(metadata, registry.id, "app").await;
    (registry, repository.id)
}

/// The row as it is now.
pub async fn load_repository(metadata: &dyn Metadata, id: RepositoryId) -> RepositoryRecord {
    read(metadata, move |read| read.find_repository_by_id(id))
        .await
        .expect("the repository is there")
        .1
}

/// A manifest without anything optional, whose bytes are `text`.
#[must_use]
pub fn manifest(text: &str, created_at: i64) -> NewManifest {
    NewManifest {
        digest: digest(text),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        subject: None,
        artifact_type: None,
        config_media_type: None,
        annotations: None,
        architecture: None,
        os: None,
        image_size_bytes: 0,
        blobs: Vec::new(),
        children: Vec::new(),
        created_at: Timestamp(created_at),
    }
}

/// Locks of what listings leave out.
#[must_use]
pub fn unlisted() -> Attributes {
    Attributes {
        list_enabled: false,
        ..Attributes::default()
    }
}

/// Inserts a manifest.
pub async fn insert(metadata: &dyn Metadata, repository: RepositoryId, manifest: NewManifest) -> ManifestId {
    let stored = write(metadata, move |tx| tx.put_manifest(repository, &manifest, 0)).await;
    assert!(stored.is_new, "the manifest is inserted");
    stored.id
}

/// Puts a tag.
pub async fn put_tag(metadata: &dyn Metadata, repository: RepositoryId, text: &str, manifest: ManifestId, at: i64) {
    let tag = tag(text);
    write(metadata, move |tx| {
        tx.put_tags(repository, std::slice::from_ref(&tag), manifest, Timestamp(at))
    })
    .await;
}

/// A blob whose digest is that of `text`, in an object.
#[must_use]
pub fn blob(storage_account: StorageAccountId, text: &str, size_bytes: u64) -> NewBlob {
    NewBlob {
        storage_account,
        digest: digest(text),
        bytes: NewBlobBytes::Object {
            key: object_key(),
            size_bytes,
        },
        created_at: Timestamp(5),
    }
}

/// A blob of that text, in rows.
#[must_use]
pub fn row_blob(storage_account: StorageAccountId, text: &str) -> NewBlob {
    NewBlob {
        bytes: NewBlobBytes::Row(Bytes::copy_from_slice(text.as_bytes())),
        ..blob(storage_account, text, 0)
    }
}

/// Inserts a blob.
pub async fn insert_blob(metadata: &dyn Metadata, blob: NewBlob) -> BlobId {
    write(metadata, move |tx| tx.insert_blob(&blob)).await
}

/// Links a blob; says whether the link is new.
pub async fn link(metadata: &dyn Metadata, repository: RepositoryId, blob: BlobId) -> bool {
    write(metadata, move |tx| tx.link_blob(repository, blob, Timestamp(6))).await
}

/// An upload session at its start.
#[must_use]
pub fn upload(registry: &RegistryRecord, repository: &str, actor: &str, updated_at: i64) -> UploadRecord {
    UploadRecord {
        id: UploadId(Uuid::new_v4()),
        registry: registry.id,
        repository: name(repository),
        actor: actor.to_owned(),
        storage_account: registry.storage_account,
        object_key: object_key(),
        algorithm: Algorithm::Sha256,
        offset: 0,
        hash_state: Vec::new(),
        bytes: UploadBytes::Row(Bytes::new()),
        started_at: Timestamp(updated_at),
        updated_at: Timestamp(updated_at),
    }
}
