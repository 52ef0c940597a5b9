//! The registry that content is in, as far as content needs it: that it is there. Whatever else can be said of one is said
//! of the resource, by another crate.

use holdfast_access::RegistryId;
use holdfast_model::{MetadataError, Read, RegistryRecord};

use crate::Error;

/// The registry of a name, unless it is being deleted.
///
/// # Errors
/// [`MetadataError`].
pub fn find_open(read: &mut dyn Read, name: &str) -> Result<Option<RegistryRecord>, MetadataError> {
    Ok(read
        .find_registry_by_name(name)?
        .filter(|registry| !registry.is_deleting))
}

/// The registry of a row id, unless it is being deleted.
///
/// # Errors
/// [`MetadataError`].
pub fn find_open_by_id(read: &mut dyn Read, id: RegistryId) -> Result<Option<RegistryRecord>, MetadataError> {
    Ok(read.find_registry(id)?.filter(|registry| !registry.is_deleting))
}

/// The registry's row inside a transaction; its absence is an error, as is its deletion.
pub(crate) fn load_registry(read: &mut dyn Read, id: RegistryId) -> Result<RegistryRecord, Error> {
    find_open_by_id(read, id)?.ok_or_else(|| unknown_registry(id))
}

/// A registry that a grant names and no row does.
pub(crate) fn unknown_registry(id: RegistryId) -> Error {
    Error::RegistryUnknown {
        name: format!("#{}", id.0),
    }
}
