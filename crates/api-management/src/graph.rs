//! The part of Microsoft Graph that the Azure CLI manages service principals with (`/v1.0/applications`,
//! `/v1.0/servicePrincipals`) and looks people up: the journey of a request on one page, as in `serve`. It refuses to be
//! more of Graph than that: there are no groups, owners or permissions here.

mod application;
mod credential;
mod error;
mod federated;
mod listing;
mod object;
mod route;
mod service_principal;
mod user;
mod view;

use bytes::Bytes;
use error::Error;
use holdfast_access::{ControlAction, ControlCaller, ControlGrant, decide_control, reach_of};
use holdfast_arm::ResourceId;
use holdfast_face::Received;
use http::{HeaderMap, Response, request::Parts};
use listing::Query;
pub use route::GraphRoute;

use crate::{Management, Site, body, caller::FOR_GRAPH};
use holdfast_face::Served;

/// A request after its path was understood and its caller known.
struct Call<'a> {
    app: &'a Management,
    site: &'a Site,
    query: Query,
    body: &'a [u8],
    who: &'a ControlCaller,
}

impl Call<'_> {
    /// Proof that the caller may do `A` to the directory: everywhere, or in a subscription of it, as far as that reaches.
    fn may<A: ControlAction>(&self) -> Result<ControlGrant<A>, Error> {
        let refusal = match decide_control(self.who, &ResourceId::root()) {
            Ok(grant) => return Ok(grant),
            Err(refusal) => refusal,
        };
        let reach = reach_of(self.who);
        let ids = reach.scopes().iter().filter_map(|scope| ResourceId::parse(scope).ok());
        let granted = ids.filter(is_subscription).find_map(|id| reach.grant(&id));
        granted.ok_or(Error::Refused(refusal))
    }
}

/// Whether a scope is a whole subscription.
fn is_subscription(scope: &ResourceId) -> bool {
    scope.parent().is_some_and(|around| around.is_root())
}

/// Answers a request whose path [`GraphRoute::handles`]. Never fails: errors are responses.
pub(crate) async fn respond<B>(
    app: &Management,
    head: &Parts,
    body: &Received<B>,
    site: &Site,
    served: &mut Served,
) -> Response<Bytes>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let outcome = match GraphRoute::parse(&head.method, head.uri.path()) {
        Ok(route) => {
            served.route = route.label();
            journey(app, route, (&head.headers, head.uri.query()), body, site, served).await
        }
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| error::render(error, &site.origin.id))
}

async fn journey<B>(
    app: &Management,
    route: GraphRoute,
    (headers, query): (&HeaderMap, Option<&str>),
    body: &Received<B>,
    site: &Site,
    served: &mut Served,
) -> Result<Response<Bytes>, Error>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let who = app.identify(headers, site, &FOR_GRAPH).await?;
    served.actor = who.actor().to_string();
    let body = body::read(body).await?;
    let call = Call {
        app,
        site,
        query: Query::parse(query.unwrap_or_default())?,
        body: &body,
        who: &who,
    };
    endpoint(&call, route).await
}

/// One line per endpoint: the route, the right it demands, the operation.
async fn endpoint(call: &Call<'_>, route: GraphRoute) -> Result<Response<Bytes>, Error> {
    match route {
        GraphRoute::ApplicationsList => application::list(call, call.may()?).await,
        GraphRoute::ApplicationCreate => application::create(call, call.may()?).await,
        GraphRoute::ApplicationGet(key) => application::get(call, call.may()?, key).await,
        GraphRoute::ApplicationUpdate(key) => application::update(call, call.may()?, key).await,
        GraphRoute::ApplicationDelete(key) => application::delete(call, call.may()?, key).await,
        GraphRoute::FederatedList(key) => federated::list(call, call.may()?, key).await,
        GraphRoute::FederatedCreate(key) => federated::create(call, call.may()?, key).await,
        GraphRoute::FederatedGet(key, name) => federated::get(call, call.may()?, key, name).await,
        GraphRoute::FederatedUpdate(key, name) => federated::update(call, call.may()?, key, name).await,
        GraphRoute::FederatedDelete(key, name) => federated::delete(call, call.may()?, key, name).await,
        GraphRoute::PrincipalsList => service_principal::list(call, call.may()?).await,
        GraphRoute::PrincipalCreate => service_principal::create(call, call.may()?).await,
        GraphRoute::PrincipalGet(key) => service_principal::get(call, call.may()?, key).await,
        GraphRoute::PrincipalUpdate(key) => service_principal::update(call, call.may()?, key).await,
        GraphRoute::PrincipalDelete(key) => service_principal::delete(call, call.may()?, key).await,
        GraphRoute::AddPassword(key) => credential::add_password(call, call.may()?, key).await,
        GraphRoute::RemovePassword(key) => credential::remove_password(call, call.may()?, key).await,
        GraphRoute::ObjectsByIds => object::by_ids(call, call.may()?).await,
        GraphRoute::ObjectGet(id) => object::get(call, call.may()?, id).await,
        GraphRoute::UsersList => user::list(call, call.may()?).await,
        GraphRoute::UserGet(key) => user::get(call, call.may()?, key).await,
        GraphRoute::Me => user::me(call).await,
    }
}
