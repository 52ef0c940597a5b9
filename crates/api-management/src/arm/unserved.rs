//! What ACR has below a registry and Holdfast does not: nothing of it is there, and whoever wants to make one is told so.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_arm::{Error as Arm, Page};
use http::{Response, StatusCode};
use serde_json::Value;

use crate::{body, error::Error, route::Unserved, serve::Call};

/// The list of a kind of which none can be made.
pub(crate) async fn list(
    call: &Call<'_>,
    grant: ControlGrant<control::RegistriesRead>,
) -> Result<Response<Bytes>, Error> {
    call.app.resources.load_registry_resource(&grant).await?;
    Ok(body::json(StatusCode::OK, &Page::<Value>::whole(Vec::new())))
}

/// One of them, which is not there.
pub(crate) async fn child(
    call: &Call<'_>,
    grant: ControlGrant<control::RegistriesRead>,
    kind: Unserved,
) -> Result<Response<Bytes>, Error> {
    call.app.resources.load_registry_resource(&grant).await?;
    let name = call.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    Err(Arm::unserved_child(name, kind.feature).into())
}

/// Anything that would make or run one.
pub(crate) async fn change(
    call: &Call<'_>,
    grant: ControlGrant<control::RegistriesRead>,
    kind: Unserved,
) -> Result<Response<Bytes>, Error> {
    call.app.resources.load_registry_resource(&grant).await?;
    Err(Arm::unserved(kind.feature).into())
}
