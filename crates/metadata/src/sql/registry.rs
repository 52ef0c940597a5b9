//! Registries and their admin passwords.

use super::row::{self, Row};
use super::value::params;
use holdfast_access::RegistryId;
use holdfast_model::{
    AdminPassword, MetadataError, NewRegistry, RegistryRead, RegistryRecord, RegistryTx, StorageAccountId, Timestamp,
};
use uuid::Uuid;

use super::column;
use super::registry_columns as columns;
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, rid, subscription_id, resource_group, location, sku, storage_account_id, \
             admin_enabled, anonymous_pull, accept_sparse_manifests, retention_days, created_at, updated_at, tags, \
             is_deleting, role_assignment_mode, public_network_access, network_default_action, ip_rules, \
             accept_arm_tokens, allow_export, shown, created_by, created_by_kind, updated_by, updated_by_kind, \
             revision, data_endpoint FROM registry ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE id = ?1");
const FIND_BY_NAME: &str = select!("WHERE name COLLATE NOCASE = ?1 COLLATE NOCASE");
const LIST: &str = select!("ORDER BY id");
const FIND_FIRST: &str = select!("WHERE id > 0 ORDER BY id LIMIT 1");
const FIND_NEXT_OF_GROUP: &str = select!(
    "WHERE subscription_id = ?1 AND resource_group COLLATE NOCASE = ?2 COLLATE NOCASE AND id > ?3 ORDER BY id LIMIT 1"
);
const FIND_NEXT_IN_ACCOUNT: &str = select!("WHERE storage_account_id = ?1 AND id > ?2 ORDER BY id LIMIT 1");
const MEASURE: &str = "SELECT CAST(coalesce(sum(size_bytes), 0) AS bigint) FROM blob \
    WHERE id IN (SELECT blob_id FROM blob_link WHERE registry_id = ?1)";
const LIST_PASSWORDS: &str = "SELECT slot, sealed, verifier, generation, created_at \
    FROM admin_password WHERE registry_id = ?1 ORDER BY slot";

impl RegistryRead for Session<'_> {
    fn find_registry(&mut self, id: RegistryId) -> Result<Option<RegistryRecord>, MetadataError> {
        self.find("looked up a registry", FIND, params![id.0], registry_row)
    }

    fn find_registry_by_name(&mut self, name: &str) -> Result<Option<RegistryRecord>, MetadataError> {
        self.find(
            "looked up a registry by name",
            FIND_BY_NAME,
            params![name],
            registry_row,
        )
    }

    fn list_registries(&mut self) -> Result<Vec<RegistryRecord>, MetadataError> {
        self.list("listed registries", LIST, params![], registry_row)
    }

    fn find_first_registry(&mut self) -> Result<Option<RegistryRecord>, MetadataError> {
        self.find("looked up the first registry", FIND_FIRST, params![], registry_row)
    }

    fn find_next_registry_of_group(
        &mut self,
        subscription: Uuid,
        group: &str,
        after: RegistryId,
    ) -> Result<Option<RegistryRecord>, MetadataError> {
        self.find(
            "looked up the next registry of a group",
            FIND_NEXT_OF_GROUP,
            params![subscription.as_bytes(), group, after.0],
            registry_row,
        )
    }

    fn find_next_registry_in_account(
        &mut self,
        account: StorageAccountId,
        after: RegistryId,
    ) -> Result<Option<RegistryRecord>, MetadataError> {
        self.find(
            "looked up the next registry in a storage account",
            FIND_NEXT_IN_ACCOUNT,
            params![account.0, after.0],
            registry_row,
        )
    }

    fn measure_registry(&mut self, registry: RegistryId) -> Result<u64, MetadataError> {
        let size = self.find("measured a registry", MEASURE, params![registry.0], |row| {
            column::unsigned(row, 0)
        })?;
        Ok(size.unwrap_or(0))
    }

    fn list_admin_passwords(&mut self, registry: RegistryId) -> Result<Vec<AdminPassword>, MetadataError> {
        self.list(
            "listed admin passwords",
            LIST_PASSWORDS,
            params![registry.0],
            admin_password_row,
        )
    }
}

const INSERT: &str = "INSERT INTO registry (name, rid, subscription_id, resource_group, location, sku, \
    storage_account_id, admin_enabled, anonymous_pull, accept_sparse_manifests, retention_days, \
    created_at, updated_at, tags, created_by, created_by_kind, updated_by, updated_by_kind) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, NULL, ?9, ?9, ?10, ?11, ?12, ?11, ?12) RETURNING id";
const UPDATE: &str = "UPDATE registry SET sku = ?2, admin_enabled = ?3, anonymous_pull = ?4, \
    accept_sparse_manifests = ?5, retention_days = ?6, updated_at = ?7, tags = ?8, is_deleting = ?9, \
    role_assignment_mode = ?10, public_network_access = ?11, network_default_action = ?12, ip_rules = ?13, \
    accept_arm_tokens = ?14, allow_export = ?15, shown = ?16, updated_by = ?17, updated_by_kind = ?18, \
    revision = ?19, data_endpoint = ?20 WHERE id = ?1";
const REMOVE_PASSWORDS: &str = "DELETE FROM admin_password WHERE registry_id = ?1";
const REMOVE: &str = "DELETE FROM registry WHERE id = ?1";
const PUT_PASSWORD: &str = "INSERT INTO admin_password (registry_id, slot, sealed, verifier, generation, \
    created_at) VALUES (?1, ?2, ?3, ?4, 1, ?5) \
    ON CONFLICT (registry_id, slot) DO UPDATE SET sealed = excluded.sealed, \
    verifier = excluded.verifier, generation = admin_password.generation + 1, created_at = excluded.created_at";

impl RegistryTx for Session<'_> {
    fn insert_registry(&mut self, registry: &NewRegistry) -> Result<RegistryId, MetadataError> {
        let (author, kind) = columns::author_columns(registry.created_by.as_ref());
        let params = params![
            registry.name,
            registry.rid.as_bytes(),
            registry.subscription_id.as_bytes(),
            registry.resource_group,
            registry.location,
            registry.sku.as_str(),
            registry.storage_account.0,
            registry.admin_enabled,
            registry.created_at.0,
            column::tags_text(&registry.tags),
            author,
            kind,
        ];
        self.insert("inserted a registry", INSERT, params).map(RegistryId)
    }

    fn update_registry(&mut self, registry: &RegistryRecord) -> Result<(), MetadataError> {
        let (author, kind) = columns::author_columns(registry.updated_by.as_ref());
        let network = &registry.network;
        let params = params![
            registry.id.0,
            registry.sku.as_str(),
            registry.admin_enabled,
            registry.anonymous_pull,
            registry.accept_sparse_manifests,
            registry.retention_days,
            registry.updated_at.0,
            column::tags_text(&registry.tags),
            registry.is_deleting,
            registry.role_assignment_mode.as_str(),
            network.public_access,
            network.default_action.as_str(),
            columns::ip_rules_text(&network.ip_rules),
            registry.accept_arm_tokens,
            registry.allow_export,
            columns::shown_text(&registry.shown),
            author,
            kind,
            column::integer(registry.revision),
            registry.data_endpoint,
        ];
        self.change("updated a registry", UPDATE, params).map(drop)
    }

    fn remove_registry(&mut self, registry: RegistryId) -> Result<(), MetadataError> {
        self.change("removed admin passwords", REMOVE_PASSWORDS, params![registry.0])?;
        self.change("removed a registry", REMOVE, params![registry.0]).map(drop)
    }

    fn put_admin_password(
        &mut self,
        registry: RegistryId,
        slot: u8,
        sealed: &[u8],
        verifier: &[u8; 32],
        now: Timestamp,
    ) -> Result<(), MetadataError> {
        let params = params![registry.0, slot, sealed, verifier, now.0];
        self.change("set an admin password", PUT_PASSWORD, params).map(drop)
    }
}

fn registry_row(row: &Row<'_>) -> row::Result<RegistryRecord> {
    Ok(RegistryRecord {
        id: RegistryId(row.get(0)?),
        name: row.get(1)?,
        rid: column::uuid(row, 2)?,
        subscription_id: column::uuid(row, 3)?,
        resource_group: row.get(4)?,
        location: row.get(5)?,
        sku: columns::sku(row, 6)?,
        storage_account: StorageAccountId(row.get(7)?),
        admin_enabled: row.get(8)?,
        anonymous_pull: row.get(9)?,
        accept_sparse_manifests: row.get(10)?,
        retention_days: row.get(11)?,
        network: columns::network(row, 17)?,
        role_assignment_mode: columns::role_assignment_mode(row, 16)?,
        accept_arm_tokens: row.get(20)?,
        allow_export: row.get(21)?,
        data_endpoint: row.get(28)?,
        shown: columns::shown(row, 22)?,
        created_at: column::timestamp(row, 12)?,
        created_by: columns::author(row, 23)?,
        updated_at: column::timestamp(row, 13)?,
        updated_by: columns::author(row, 25)?,
        revision: column::unsigned(row, 27)?,
        tags: column::tags(row, 14)?,
        is_deleting: row.get(15)?,
    })
}

fn admin_password_row(row: &Row<'_>) -> row::Result<AdminPassword> {
    Ok(AdminPassword {
        slot: row.get(0)?,
        sealed: row.get(1)?,
        verifier: row.get(2)?,
        generation: row.get(3)?,
        created_at: column::timestamp(row, 4)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    FIND_BY_NAME,
    FIND_FIRST,
    FIND_NEXT_OF_GROUP,
    FIND_NEXT_IN_ACCOUNT,
    MEASURE,
    REMOVE_PASSWORDS,
    REMOVE,
    LIST_PASSWORDS,
    INSERT,
    UPDATE,
    PUT_PASSWORD,
];
