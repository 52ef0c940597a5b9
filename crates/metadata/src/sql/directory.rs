//! The directory, subscriptions and resource groups.

use super::row::{self, Row};
use super::value::params;
use holdfast_model::{Directory, DirectoryRead, DirectoryTx, MetadataError, ResourceGroup, Subscription};
use uuid::Uuid;

use super::column;
use super::session::Session;

const FIND_DIRECTORY: &str = "SELECT tenant_id, created_at FROM directory WHERE id = 1";
const LIST_SUBSCRIPTIONS: &str = "SELECT id, display_name, created_at FROM subscription ORDER BY id";
const FIND_SUBSCRIPTION: &str = "SELECT id, display_name, created_at FROM subscription WHERE id = ?1";
const LIST_RESOURCE_GROUPS: &str = "SELECT subscription_id, name, location, created_at, tags, revision \
    FROM resource_group WHERE subscription_id = ?1 ORDER BY name COLLATE NOCASE";
const FIND_RESOURCE_GROUP: &str = "SELECT subscription_id, name, location, created_at, tags, revision \
    FROM resource_group WHERE subscription_id = ?1 AND name COLLATE NOCASE = ?2 COLLATE NOCASE";

impl DirectoryRead for Session<'_> {
    fn find_directory(&mut self) -> Result<Option<Directory>, MetadataError> {
        self.find("looked up the directory", FIND_DIRECTORY, params![], directory_row)
    }

    fn list_subscriptions(&mut self) -> Result<Vec<Subscription>, MetadataError> {
        self.list("listed subscriptions", LIST_SUBSCRIPTIONS, params![], subscription_row)
    }

    fn find_subscription(&mut self, id: Uuid) -> Result<Option<Subscription>, MetadataError> {
        self.find(
            "looked up a subscription",
            FIND_SUBSCRIPTION,
            params![id.as_bytes()],
            subscription_row,
        )
    }

    fn list_resource_groups(&mut self, subscription: Uuid) -> Result<Vec<ResourceGroup>, MetadataError> {
        self.list(
            "listed resource groups",
            LIST_RESOURCE_GROUPS,
            params![subscription.as_bytes()],
            resource_group_row,
        )
    }

    fn find_resource_group(&mut self, subscription: Uuid, name: &str) -> Result<Option<ResourceGroup>, MetadataError> {
        self.find(
            "looked up a resource group",
            FIND_RESOURCE_GROUP,
            params![subscription.as_bytes(), name],
            resource_group_row,
        )
    }
}

const INSERT_DIRECTORY: &str = "INSERT INTO directory (id, tenant_id, created_at) VALUES (1, ?1, ?2)";
const INSERT_SUBSCRIPTION: &str = "INSERT INTO subscription (id, display_name, created_at) VALUES (?1, ?2, ?3)";
const INSERT_RESOURCE_GROUP: &str = "INSERT INTO resource_group \
    (subscription_id, name, location, created_at, tags, revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const UPDATE_RESOURCE_GROUP: &str = "UPDATE resource_group SET tags = ?3, revision = ?4 \
    WHERE subscription_id = ?1 AND name COLLATE NOCASE = ?2 COLLATE NOCASE";
const REMOVE_RESOURCE_GROUP: &str =
    "DELETE FROM resource_group WHERE subscription_id = ?1 AND name COLLATE NOCASE = ?2 COLLATE NOCASE";

impl DirectoryTx for Session<'_> {
    fn insert_directory(&mut self, directory: &Directory) -> Result<(), MetadataError> {
        let params = params![directory.tenant_id.as_bytes(), directory.created_at.0];
        self.change("inserted the directory", INSERT_DIRECTORY, params)
            .map(drop)
    }

    fn insert_subscription(&mut self, subscription: &Subscription) -> Result<(), MetadataError> {
        let params = params![
            subscription.id.as_bytes(),
            subscription.display_name,
            subscription.created_at.0
        ];
        self.change("inserted a subscription", INSERT_SUBSCRIPTION, params)
            .map(drop)
    }

    fn insert_resource_group(&mut self, group: &ResourceGroup) -> Result<(), MetadataError> {
        let params = params![
            group.subscription_id.as_bytes(),
            group.name,
            group.location,
            group.created_at.0,
            column::tags_text(&group.tags),
            column::integer(group.revision),
        ];
        self.change("inserted a resource group", INSERT_RESOURCE_GROUP, params)
            .map(drop)
    }

    fn update_resource_group(&mut self, group: &ResourceGroup) -> Result<(), MetadataError> {
        let params = params![
            group.subscription_id.as_bytes(),
            group.name,
            column::tags_text(&group.tags),
            column::integer(group.revision),
        ];
        self.change("updated a resource group", UPDATE_RESOURCE_GROUP, params)
            .map(drop)
    }

    fn remove_resource_group(&mut self, subscription: Uuid, name: &str) -> Result<bool, MetadataError> {
        let params = params![subscription.as_bytes(), name];
        Ok(self.change("removed a resource group", REMOVE_RESOURCE_GROUP, params)? > 0)
    }
}

fn directory_row(row: &Row<'_>) -> row::Result<Directory> {
    Ok(Directory {
        tenant_id: column::uuid(row, 0)?,
        created_at: column::timestamp(row, 1)?,
    })
}

fn subscription_row(row: &Row<'_>) -> row::Result<Subscription> {
    Ok(Subscription {
        id: column::uuid(row, 0)?,
        display_name: row.get(1)?,
        created_at: column::timestamp(row, 2)?,
    })
}

fn resource_group_row(row: &Row<'_>) -> row::Result<ResourceGroup> {
    Ok(ResourceGroup {
        subscription_id: column::uuid(row, 0)?,
        name: row.get(1)?,
        location: row.get(2)?,
        created_at: column::timestamp(row, 3)?,
        tags: column::tags(row, 4)?,
        revision: column::unsigned(row, 5)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND_DIRECTORY,
    FIND_SUBSCRIPTION,
    LIST_RESOURCE_GROUPS,
    FIND_RESOURCE_GROUP,
    UPDATE_RESOURCE_GROUP,
    REMOVE_RESOURCE_GROUP,
];
