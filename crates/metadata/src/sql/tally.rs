//! Counts of rows, which the triggers of the schema keep.

use holdfast_model::{Counted, MetadataError, TallyRead};
use uuid::Uuid;

use super::column;
use super::session::Session;
use super::value::params;

const FIND: &str = "SELECT count FROM tally WHERE kind = ?1 AND place = ?2";

impl TallyRead for Session<'_> {
    fn count(&mut self, counted: Counted<'_>) -> Result<u64, MetadataError> {
        let (kind, place) = key(counted);
        let found = self.find("looked up a count", FIND, params![kind, &place], |row| {
            column::unsigned(row, 0)
        })?;
        Ok(found.unwrap_or(0))
    }
}

/// Kind and place, as the triggers write them.
fn key(counted: Counted<'_>) -> (&'static str, String) {
    match counted {
        Counted::RoleAssignments => ("role assignment", String::new()),
        Counted::RoleAssignmentsBy(author) => ("role assignment by", author.to_owned()),
        Counted::Applications => ("application", String::new()),
        Counted::ApplicationsBy(author) => ("application by", author.to_owned()),
        Counted::People => ("person", String::new()),
        Counted::Tokens(registry) => ("token", registry.0.to_string()),
        Counted::ScopeMaps(registry) => ("scope map", registry.0.to_string()),
        Counted::Devices => ("device", String::new()),
        Counted::DevicesNear(near) => ("device near", near.to_string()),
        Counted::DevicesFar(far) => ("device far", far.to_string()),
        Counted::ResourceGroups(subscription) => ("resource group", hex(subscription)),
        Counted::Registries(subscription) => ("registry", hex(subscription)),
        Counted::RegistriesIn(subscription, group) => ("registry in", in_group(subscription, group)),
        Counted::StorageAccounts(subscription) => ("storage account", hex(subscription)),
        Counted::StorageAccountsIn(subscription, group) => ("storage account in", in_group(subscription, group)),
    }
}

fn hex(subscription: Uuid) -> String {
    subscription.simple().to_string()
}

/// SQLite's `lower` and its collation NOCASE know the letters of ASCII alone.
fn in_group(subscription: Uuid, group: &str) -> String {
    format!("{}/{}", hex(subscription), group.to_ascii_lowercase())
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[FIND];
