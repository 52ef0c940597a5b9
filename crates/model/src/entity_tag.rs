//! Entity tags of resources (RFC 9110 §8.8.3): what tells one state of a resource from all others.

use super::{RegistryRecord, ResourceGroup, StorageAccount, Timestamp};

impl RegistryRecord {
    /// What tells this state of the registry from all others, as HTTP writes it.
    #[must_use]
    pub fn entity_tag(&self) -> String {
        entity_tag(self.created_at, self.revision)
    }
}

impl ResourceGroup {
    /// What tells this state of the group from all others, as HTTP writes it.
    #[must_use]
    pub fn entity_tag(&self) -> String {
        entity_tag(self.created_at, self.revision)
    }
}

impl StorageAccount {
    /// What tells this state of the account from all others, as HTTP writes it; the service's own have none.
    #[must_use]
    pub fn entity_tag(&self) -> Option<String> {
        let resource = self.resource.as_ref()?;
        Some(entity_tag(self.created_at, resource.updated_at.0.unsigned_abs()))
    }
}

/// The entity tag of a revision of a resource, with its quotes. One that was deleted and made anew does not repeat the
/// tags of the old one.
fn entity_tag(created_at: Timestamp, revision: u64) -> String {
    format!("\"{:x}-{revision:x}\"", created_at.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_made_anew_does_not_repeat_an_entity_tag() {
        assert_ne!(entity_tag(Timestamp(1), 1), entity_tag(Timestamp(2), 1));
    }
}
