//! `/metadata/endpoints`: what `az cloud register` learns a cloud from. It needs no token.

use bytes::Bytes;
use holdfast_arm::ApiVersion;
use http::{Response, StatusCode};
use serde_json::json;

use crate::{Management, Site, body, error::Error};

/// Before this version the answer is a list of clouds.
const ONE_CLOUD: ApiVersion = ApiVersion::stable(2022, 9, 1);

/// The endpoints of this cloud, under the name that the client called.
pub(crate) fn endpoints(app: &Management, site: &Site, version: ApiVersion) -> Result<Response<Bytes>, Error> {
    let base = &site.base_url;
    let cloud = json!({
        "name": "Holdfast",
        "authentication": {
            "loginEndpoint": base,
            "audiences": [format!("{base}/"), base],
            "tenant": app.directory_issuer.tenant(),
            "identityProvider": "AAD",
        },
        "resourceManager": base,
        // Where Graph is, and what its tokens are for: the client puts paths behind it.
        "microsoftGraphResourceId": format!("{base}/"),
        "suffixes": {
            "acrLoginServer": app.login_server_suffix.trim_start_matches('.'),
            // az makes names of blob hosts from it to show them (`az acr show-endpoints`); nothing listens there.
            "storage": format!("core{}", app.login_server_suffix),
        },
    });
    Ok(if version < ONE_CLOUD {
        body::json(StatusCode::OK, &json!([cloud]))
    } else {
        body::json(StatusCode::OK, &cloud)
    })
}
