//! ACR's own data plane, `/acr/v1`: repositories, tags and manifests with their attributes.
//! Field names, order and statuses are ACR's.

pub(crate) mod manifest;
pub(crate) mod repository;
pub(crate) mod tag;

use holdfast_face::Asker;
use holdfast_model::AttributesPatch;
use serde::de::{Error as _, Unexpected};

use crate::{error::Error, serve::Call};

/// The largest PATCH body: four switches, and a scanner's `quarantineDetails`, fit well.
const MAX_PATCH_BYTES: usize = 64 << 10;

async fn patch_of(call: &Call<'_>) -> Result<AttributesPatch, Error> {
    let body = call.body.whole(Asker::Known, MAX_PATCH_BYTES).await?;
    // Serde would take the switches from a list, in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Error::Json(serde_json::Error::invalid_type(
            Unexpected::Seq,
            &"an object",
        )));
    }
    serde_json::from_slice(&body).map_err(Error::Json)
}
