//! Changeable attributes (ACR's locks) of a repository, a tag or a manifest. It refuses to decide
//! what a lock forbids: the operations do.

use serde::{Deserialize, Serialize};

/// The four switches of ACR, all on for a new object (ACR: `changeableAttributes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attributes {
    /// Off: the object cannot be deleted.
    pub delete_enabled: bool,
    /// Off: the object can be neither overwritten nor deleted.
    pub write_enabled: bool,
    /// Off: the object cannot be pulled.
    pub read_enabled: bool,
    /// Off: listings leave the object out.
    pub list_enabled: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            delete_enabled: true,
            write_enabled: true,
            read_enabled: true,
            list_enabled: true,
        }
    }
}

impl Attributes {
    /// The switches as bits, for one integer column: delete 1, write 2, read 4, list 8.
    #[must_use]
    pub fn bits(self) -> u8 {
        u8::from(self.delete_enabled)
            | u8::from(self.write_enabled) << 1
            | u8::from(self.read_enabled) << 2
            | u8::from(self.list_enabled) << 3
    }

    /// The reverse of [`Attributes::bits`]; higher bits are ignored.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self {
            delete_enabled: bits & 1 != 0,
            write_enabled: bits & 2 != 0,
            read_enabled: bits & 4 != 0,
            list_enabled: bits & 8 != 0,
        }
    }

    /// ACR: either switch off forbids deletion.
    #[must_use]
    pub fn may_delete(self) -> bool {
        self.delete_enabled && self.write_enabled
    }
}

/// A PATCH of changeable attributes: what is absent stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct AttributesPatch {
    /// New value of [`Attributes::delete_enabled`].
    pub delete_enabled: Option<bool>,
    /// New value of [`Attributes::write_enabled`].
    pub write_enabled: Option<bool>,
    /// New value of [`Attributes::read_enabled`].
    pub read_enabled: Option<bool>,
    /// New value of [`Attributes::list_enabled`].
    pub list_enabled: Option<bool>,
}

impl AttributesPatch {
    /// `current` with the given switches changed, if that makes a difference.
    #[must_use]
    pub fn change(self, current: Attributes) -> Option<Attributes> {
        let changed = Attributes {
            delete_enabled: self.delete_enabled.unwrap_or(current.delete_enabled),
            write_enabled: self.write_enabled.unwrap_or(current.write_enabled),
            read_enabled: self.read_enabled.unwrap_or(current.read_enabled),
            list_enabled: self.list_enabled.unwrap_or(current.list_enabled),
        };
        (changed != current).then_some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_survives_the_bits() {
        for bits in 0..16 {
            assert_eq!(Attributes::from_bits(bits).bits(), bits);
        }
    }
}
