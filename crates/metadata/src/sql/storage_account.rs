//! Storage accounts. The bytes in them are elsewhere.

use super::row::{self, Row};
use super::value::params;
use holdfast_model::{
    GarbageObject, MetadataError, StorageAccount, StorageAccountId, StorageAccountRead, StorageAccountTx, StorageKind,
    StorageResource, Timestamp,
};
use uuid::Uuid;

use super::column;
use super::session::Session;

macro_rules! select_from {
    ($rest:expr) => {
        concat!(
            "SELECT storage_account.id, name, location, created_at, subscription_id, resource_group, tags, updated_at, \
             kind FROM ",
            $rest
        )
    };
}

macro_rules! select {
    ($rest:literal) => {
        select_from!(concat!(
            "storage_account LEFT JOIN storage_resource ON storage_account_id = storage_account.id ",
            $rest
        ))
    };
}

// All rows are wanted.
const LIST: &str = select!("ORDER BY storage_account.id");
// From the side that has the group.
const LIST_OF_GROUP: &str = select_from!(
    "storage_resource JOIN storage_account ON storage_account.id = storage_account_id \
     WHERE subscription_id = ?1 AND resource_group COLLATE NOCASE = ?2 COLLATE NOCASE ORDER BY storage_account_id"
);
const FIND: &str = select!("WHERE storage_account.id = ?1");
const FIND_SOME: &str = select!("WHERE storage_account.id IN (SELECT CAST(value AS bigint) FROM json_each(?1))");
const FIND_BY_NAME: &str = select!("WHERE name COLLATE NOCASE = ?1 COLLATE NOCASE");
const LIST_OWN: &str = select!("WHERE is_own = 1 ORDER BY location");
const FIND_OWN: &str = select!("WHERE is_own = 1 AND location = ?1");
const IS_USERS_AT: &str = "SELECT 1 FROM storage_account WHERE is_own = 0 AND location = ?1 LIMIT 1";
const IS_USED: &str = "SELECT 1 WHERE \
    EXISTS (SELECT 1 FROM registry WHERE storage_account_id = ?1) \
    OR EXISTS (SELECT 1 FROM blob WHERE storage_account_id = ?1) \
    OR EXISTS (SELECT 1 FROM upload WHERE storage_account_id = ?1)";
// Kind 4 are objects.
const LIST_TO_DELETE: &str =
    "SELECT name, size_bytes, store_state FROM candidate WHERE kind = 4 AND owner_id = ?1 LIMIT ?2";

impl StorageAccountRead for Session<'_> {
    fn list_storage_accounts(&mut self) -> Result<Vec<StorageAccount>, MetadataError> {
        self.list("listed storage accounts", LIST, params![], account_row)
    }

    fn list_storage_accounts_of_group(
        &mut self,
        subscription: Uuid,
        group: &str,
    ) -> Result<Vec<StorageAccount>, MetadataError> {
        let params = params![subscription.as_bytes(), group];
        self.list("listed storage accounts of a group", LIST_OF_GROUP, params, account_row)
    }

    fn find_storage_account(&mut self, id: StorageAccountId) -> Result<Option<StorageAccount>, MetadataError> {
        self.find("looked up a storage account", FIND, params![id.0], account_row)
    }

    fn find_storage_accounts(&mut self, ids: &[StorageAccountId]) -> Result<Vec<StorageAccount>, MetadataError> {
        let ids = column::integers_text(ids.iter().map(|id| id.0));
        self.list("looked up storage accounts", FIND_SOME, params![ids], account_row)
    }

    fn find_storage_account_by_name(&mut self, name: &str) -> Result<Option<StorageAccount>, MetadataError> {
        self.find(
            "looked up a storage account by name",
            FIND_BY_NAME,
            params![name],
            account_row,
        )
    }

    fn list_own_storage_accounts(&mut self) -> Result<Vec<StorageAccount>, MetadataError> {
        self.list(
            "listed the service's storage accounts",
            LIST_OWN,
            params![],
            account_row,
        )
    }

    fn find_own_storage_account(&mut self, location: &str) -> Result<Option<StorageAccount>, MetadataError> {
        self.find(
            "looked up the service's storage account",
            FIND_OWN,
            params![location],
            account_row,
        )
    }

    fn has_users_storage_account(&mut self, location: &str) -> Result<bool, MetadataError> {
        self.exists("looked for users' storage accounts", IS_USERS_AT, params![location])
    }

    fn is_storage_account_used(&mut self, id: StorageAccountId) -> Result<bool, MetadataError> {
        self.exists("looked into a storage account", IS_USED, params![id.0])
    }

    fn list_objects_to_delete(
        &mut self,
        id: StorageAccountId,
        limit: usize,
    ) -> Result<Vec<GarbageObject>, MetadataError> {
        let params = params![id.0, column::limit(limit)];
        self.list("listed objects to delete", LIST_TO_DELETE, params, |row| {
            Ok(GarbageObject {
                storage_account: id,
                object_key: column::object_key(row, 0)?,
                size_bytes: column::unsigned(row, 1)?,
                unfinished: row.get(2)?,
            })
        })
    }
}

const INSERT: &str = "INSERT INTO storage_account (name, location, created_at) VALUES (?1, ?2, ?3) RETURNING id";
const PUT_RESOURCE: &str = "INSERT INTO storage_resource (storage_account_id, subscription_id, resource_group, tags, \
    updated_at, kind) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
    ON CONFLICT (storage_account_id) DO UPDATE \
    SET tags = excluded.tags, updated_at = excluded.updated_at, kind = excluded.kind";
const DISOWN: &str = "UPDATE storage_account SET is_own = 0 WHERE id = ?1";
const REMOVE_RESOURCE: &str = "DELETE FROM storage_resource WHERE storage_account_id = ?1";
const REMOVE: &str = "DELETE FROM storage_account WHERE id = ?1";

impl StorageAccountTx for Session<'_> {
    fn insert_storage_account(
        &mut self,
        name: &str,
        location: &str,
        now: Timestamp,
    ) -> Result<StorageAccountId, MetadataError> {
        let params = params![name, location, now.0];
        self.insert("inserted a storage account", INSERT, params)
            .map(StorageAccountId)
    }

    fn put_storage_resource(&mut self, id: StorageAccountId, resource: &StorageResource) -> Result<(), MetadataError> {
        let params = params![
            id.0,
            resource.subscription_id.as_bytes(),
            resource.resource_group,
            column::tags_text(&resource.tags),
            resource.updated_at.0,
            resource.kind.as_str(),
        ];
        self.change("wrote a user's storage account", PUT_RESOURCE, params)?;
        self.change("made a storage account a user's", DISOWN, params![id.0])
            .map(drop)
    }

    fn remove_storage_account(&mut self, id: StorageAccountId) -> Result<(), MetadataError> {
        self.change("removed a user's storage account", REMOVE_RESOURCE, params![id.0])?;
        self.change("removed a storage account", REMOVE, params![id.0])
            .map(drop)
    }
}

fn account_row(row: &Row<'_>) -> row::Result<StorageAccount> {
    let group: Option<String> = row.get(5)?;
    let resource = group.map(|resource_group| {
        Ok::<_, row::Misread>(StorageResource {
            subscription_id: column::uuid(row, 4)?,
            resource_group,
            tags: column::tags(row, 6)?,
            updated_at: column::timestamp(row, 7)?,
            kind: column::named(row, 8, "a kind of storage account", StorageKind::from_name)?,
        })
    });
    Ok(StorageAccount {
        id: StorageAccountId(row.get(0)?),
        name: row.get(1)?,
        location: row.get(2)?,
        created_at: column::timestamp(row, 3)?,
        resource: resource.transpose()?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    FIND_SOME,
    FIND_BY_NAME,
    LIST_OF_GROUP,
    LIST_OWN,
    FIND_OWN,
    IS_USERS_AT,
    IS_USED,
    LIST_TO_DELETE,
    INSERT,
    PUT_RESOURCE,
    DISOWN,
    REMOVE_RESOURCE,
    REMOVE,
];
