//! The nouns of ARM, each with its endpoints and its body.

pub(crate) mod group;
pub(crate) mod import;
pub(crate) mod metadata;
pub(crate) mod operation;
pub(crate) mod provider;
mod reading;
pub(crate) mod registry;
mod registry_body;
pub(crate) mod registry_policies;
mod registry_request;
pub(crate) mod registry_usage;
pub(crate) mod replication;
pub(crate) mod resource;
pub(crate) mod role_assignment;
pub(crate) mod role_definition;
pub(crate) mod scope_map;
pub(crate) mod storage_account;
pub(crate) mod subscription;
pub(crate) mod token;
pub(crate) mod unserved;

use holdfast_face::moment::seven_digits_with_offset;
use holdfast_model::SystemData;
use serde_json::{Value, json};

/// Items on a page of a list that can be long.
pub(crate) const PAGE_ROWS: usize = 100;

/// Who made and changed a resource inside of a registry, and when.
fn system_data(of: &SystemData) -> Value {
    let mut data = json!({});
    for (by, author, at, moment) in [
        ("createdBy", &of.created_by, "createdAt", of.created_at),
        ("lastModifiedBy", &of.updated_by, "lastModifiedAt", of.updated_at),
    ] {
        if let Some(author) = author {
            data[by] = json!(author.name);
            data[format!("{by}Type")] = json!(author.kind.as_str());
        }
        data[at] = json!(seven_digits_with_offset(moment));
    }
    data
}
