//! Kinds of storage accounts, as Azure names them. Here they differ in name alone.

/// A kind of storage account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StorageKind {
    /// The first general-purpose one.
    Storage,
    /// The general-purpose one.
    #[default]
    StorageV2,
    /// For blobs.
    BlobStorage,
    /// For block blobs.
    BlockBlobStorage,
    /// For files.
    FileStorage,
}

impl StorageKind {
    /// All of them, with their names in ARM.
    pub const ALL: [(&str, Self); 5] = [
        ("Storage", Self::Storage),
        ("StorageV2", Self::StorageV2),
        ("BlobStorage", Self::BlobStorage),
        ("BlockBlobStorage", Self::BlockBlobStorage),
        ("FileStorage", Self::FileStorage),
    ];

    /// Its name in ARM.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("StorageV2", |(name, _)| name)
    }

    /// The kind of this name, as it is stored.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind)
    }
}
