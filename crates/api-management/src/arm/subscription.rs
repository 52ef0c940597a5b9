//! Tenants, subscriptions and locations.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_arm::{Error as Arm, Page, SubscriptionId, location::display_name};
use holdfast_model::Subscription;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    body,
    error::Error,
    serve::{Call, uuid},
};

/// There must be such a subscription before anything else is said of it.
pub(crate) async fn check(call: &Call<'_>, id: &SubscriptionId) -> Result<(), Error> {
    load(call, id).await.map(drop)
}

pub(crate) fn tenants(call: &Call<'_>) -> Result<Response<Bytes>, Error> {
    let tenant = call.app.directory_issuer.tenant();
    let tenant = json!({ "id": format!("/tenants/{tenant}"), "tenantId": tenant, "displayName": "Holdfast" });
    Ok(body::json(StatusCode::OK, &Page::whole(vec![tenant])))
}

/// Those in which the caller has any role.
pub(crate) async fn list(call: &Call<'_>) -> Result<Response<Bytes>, Error> {
    let seen = call.app.resources.list_subscriptions(call.who).await?;
    let view: Vec<Value> = seen.iter().map(|s| view(call, s)).collect();
    Ok(body::json(StatusCode::OK, &Page::whole(view)))
}

pub(crate) async fn get(
    call: &Call<'_>,
    _grant: ControlGrant<control::SubscriptionsRead>,
    id: &SubscriptionId,
) -> Result<Response<Bytes>, Error> {
    let found = load(call, id).await?;
    Ok(body::json(StatusCode::OK, &view(call, &found)))
}

pub(crate) async fn locations(
    call: &Call<'_>,
    grant: ControlGrant<control::LocationsRead>,
    id: &SubscriptionId,
) -> Result<Response<Bytes>, Error> {
    let locations = call.app.resources.list_locations(&grant).await?;
    let view = |name: &String| {
        let view = display_name(name);
        json!({
            "id": format!("/subscriptions/{id}/locations/{name}"),
            "name": name,
            "displayName": view,
            "regionalDisplayName": view,
            "metadata": { "regionType": "Physical" },
        })
    };
    let view: Vec<Value> = locations.iter().map(view).collect();
    Ok(body::json(StatusCode::OK, &Page::whole(view)))
}

async fn load(call: &Call<'_>, id: &SubscriptionId) -> Result<Subscription, Error> {
    let found = call.app.resources.find_subscription(call.who, uuid(id)).await?;
    Ok(found.ok_or_else(|| Arm::subscription_not_found(id.as_str()))?)
}

fn view(call: &Call<'_>, subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "subscriptionId": subscription.id,
        "tenantId": call.app.directory_issuer.tenant(),
        "displayName": subscription.display_name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
    })
}
