//! The whole journey of a request, on one page: where (`route`), who (`caller`), may they (`decide_control`, in each line
//! of the table), do (`holdfast-resources`, `holdfast-directory`), say (the noun modules, `error`).

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use holdfast_access::{
    ControlAction, ControlCaller, ControlGrant, ControlReach, RequestOrigin, decide_control, reach_of,
};
use holdfast_arm::{ApiVersion, Code, Error as Arm, Filter, ResourceId, SubscriptionId};
use holdfast_directory::{Directory, SignIn};
use holdfast_face::{Budget, Received, Served};
use holdfast_identity::{DirectoryIssuer, ExternalIssuers, PasswordHasher, Sealer, Throttle};
use holdfast_resources::{Precondition, Resources};
use http::{Request, Response};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    arm::{
        group, import, metadata, operation, provider, registry, registry_policies, registry_usage, replication,
        resource, role_assignment, role_definition, scope_map, storage_account, subscription, token, unserved,
    },
    body,
    caller::FOR_ARM,
    conditional, directory,
    error::{self, Error},
    graph::{self, GraphRoute},
    headers::stamp,
    route::{ArmRoute, GroupPath, RegistryPath, Route},
};

/// What the face needs.
pub struct ManagementParts {
    /// The operations on resources.
    pub resources: Arc<Resources>,
    /// The operations on who there is.
    pub directory: Arc<Directory>,
    /// The operations by which a caller becomes known.
    pub sign_in: Arc<SignIn>,
    /// Issues and checks tokens of the directory.
    pub directory_issuer: Arc<DirectoryIssuer>,
    /// Seals and compares secrets.
    pub sealer: Arc<Sealer>,
    /// Compares passwords of people.
    pub password_hasher: Arc<PasswordHasher>,
    /// Has the keys of issuers of other directories.
    pub external_issuers: Arc<ExternalIssuers>,
    /// Slows down guessing.
    pub throttle: Arc<Throttle>,
    /// What follows a registry's name in its login server: `.DOMAIN` or `.DOMAIN:PORT`.
    pub login_server_suffix: String,
    /// How long a body may be silent.
    pub body_stall: Duration,
    /// Memory for bodies, shared with the other faces.
    pub budget: Budget,
}

/// The control plane over HTTP.
pub struct Management {
    pub(crate) resources: Arc<Resources>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) sign_in: Arc<SignIn>,
    pub(crate) directory_issuer: Arc<DirectoryIssuer>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) password_hasher: Arc<PasswordHasher>,
    /// Turns at comparing passwords, which costs a processor and memory.
    pub(crate) password_checks: Arc<Semaphore>,
    /// How many may wait for such a turn.
    pub(crate) queue: Semaphore,
    pub(crate) external_issuers: Arc<ExternalIssuers>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) login_server_suffix: String,
    body_stall: Duration,
    budget: Budget,
}

/// Where a request came from and went to, as the server resolved it.
#[derive(Debug, Clone)]
pub struct Site {
    /// `https://HOST[:PORT]` as the client called it; validated, since answers name it.
    pub base_url: String,
    /// The address of ours that the connection came in on.
    pub local: IpAddr,
    /// The request, as its effects remember it; its id is the one that its answer carries.
    pub origin: Arc<RequestOrigin>,
}

/// A request to ARM after its path was understood and its caller known.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a Management,
    pub(crate) site: &'a Site,
    pub(crate) query: Query,
    /// As the client spelled it, for links to the next page.
    pub(crate) path: &'a str,
    pub(crate) version: ApiVersion,
    pub(crate) body: &'a [u8],
    pub(crate) who: &'a ControlCaller,
    /// What must hold before a change is done.
    pub(crate) precondition: Precondition,
}

/// The parameters that are looked at; the others are ignored, as in ARM.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) api_version: Option<String>,
    pub(crate) filter: Option<String>,
    /// Where a list goes on.
    pub(crate) skip_token: Option<String>,
    /// How many items a page may have.
    pub(crate) top: Option<String>,
}

impl Query {
    fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            match key.to_ascii_lowercase().as_str() {
                "api-version" => query.api_version = Some(value.into_owned()),
                "$filter" => query.filter = Some(value.into_owned()),
                "$top" => query.top = Some(value.into_owned()),
                "$skiptoken" => query.skip_token = Some(value.into_owned()),
                _ => {}
            }
        }
        query
    }

    /// Every request to ARM names a version; any will do that looks like one.
    fn version(&self) -> Result<ApiVersion, Arm> {
        match &self.api_version {
            Some(text) => Ok(text.parse()?),
            None => Err(Arm::missing_api_version()),
        }
    }
}

impl Call<'_> {
    /// Proof that the caller may do `A` at an id.
    fn may<A: ControlAction>(&self, id: &ResourceId) -> Result<ControlGrant<A>, Error> {
        Ok(decide_control(self.who, id)?)
    }

    /// The `$filter` of the request, whose fields and functions (`atScope()`) must be among these, in lower case. An empty
    /// one is none: `az resource list` sends it.
    pub(crate) fn filter(&self, known: &[&str]) -> Result<Option<Filter>, Error> {
        let text = self.query.filter.as_deref().filter(|text| !text.is_empty());
        let filter = text.map(Filter::parse).transpose();
        let filter = filter.map_err(Arm::from)?;
        let fields = filter.iter().flat_map(Filter::fields);
        let odd = fields
            .into_iter()
            .find(|field| !known.contains(&field.to_lowercase().as_str()));
        if let Some(field) = odd {
            let message = format!("Invalid $filter specified in the query string: '{field}' cannot be filtered by.");
            return Err(Arm::new(Code::InvalidFilterInQueryString, message).into());
        }
        Ok(filter)
    }

    /// Proof of where the caller may do `A`.
    fn reach<A: ControlAction>(&self) -> ControlReach<A> {
        reach_of(self.who)
    }
}

impl GroupPath {
    /// Its id.
    pub(crate) fn id(&self) -> ResourceId {
        ResourceId::for_resource_group(&self.subscription, &self.group)
    }
}

impl RegistryPath {
    /// Its id.
    pub(crate) fn id(&self) -> ResourceId {
        ResourceId::for_registry(&self.subscription, &self.group, &self.name)
    }
}

/// A subscription as the rules have it.
pub(crate) fn uuid(subscription: &SubscriptionId) -> Uuid {
    // The grammar of the name is that of a GUID.
    Uuid::parse_str(subscription.as_str()).unwrap_or_default()
}

impl Management {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: ManagementParts) -> Self {
        let ManagementParts {
            resources,
            directory,
            sign_in,
            directory_issuer,
            sealer,
            password_hasher,
            external_issuers,
            throttle,
            login_server_suffix,
            body_stall,
            budget,
        } = parts;
        Self {
            resources,
            directory,
            sign_in,
            directory_issuer,
            sealer,
            password_hasher,
            password_checks: Arc::new(Semaphore::new(directory::MAX_PASSWORD_CHECKS)),
            queue: Semaphore::new(directory::MAX_QUEUED),
            external_issuers,
            throttle,
            login_server_suffix,
            body_stall,
            budget,
        }
    }

    /// Whether a path of the base host is the control plane's.
    #[must_use]
    pub fn handles(path: &str) -> bool {
        Route::handles(path) || GraphRoute::handles(path)
    }

    /// Answers a request. Never fails: errors are responses.
    pub async fn serve<B>(&self, request: Request<B>, site: &Site) -> Response<Bytes>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, incoming) = request.into_parts();
        let mut served = Served::by("arm.unknown");
        let body = Received::new(&head, incoming, self.body_stall, &self.budget);
        let mut response = if GraphRoute::handles(head.uri.path()) {
            graph::respond(self, &head, &body, site, &mut served).await
        } else {
            self.respond(&head, &body, site, &mut served).await
        };
        body.finish(&mut response).await;
        stamp(response.headers_mut(), served.route, site, self.directory.now());
        response.extensions_mut().insert(served);
        response
    }

    /// Answers a request to ARM or the directory.
    async fn respond<B>(
        &self,
        head: &http::request::Parts,
        body: &Received<B>,
        site: &Site,
        served: &mut Served,
    ) -> Response<Bytes>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut group = None;
        let outcome = match Route::parse(&head.method, head.uri.path()) {
            Ok(route) => {
                served.route = route.label();
                group = route.group().cloned();
                self.journey(route, head, body, site, served).await
            }
            Err(error) => Err(error.into()),
        };
        outcome.unwrap_or_else(|error| error::render(error, group.as_ref(), &site.origin.id))
    }

    /// The body is read when it is known who sends it, and of what size it may be.
    async fn journey<B>(
        &self,
        route: Route,
        head: &http::request::Parts,
        body: &Received<B>,
        site: &Site,
        served: &mut Served,
    ) -> Result<Response<Bytes>, Error>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let query = Query::parse(head.uri.query().unwrap_or_default());
        let route = match route {
            Route::Metadata => return metadata::endpoints(self, site, query.version()?),
            Route::Directory(route) => {
                let asked = directory::Asked {
                    headers: &head.headers,
                    query: head.uri.query().unwrap_or_default(),
                    body: &body::read_form(body).await.map_err(Error::Form)?,
                };
                return directory::endpoint(self, site, &route, asked).await;
            }
            Route::Arm(route) => *route,
        };
        let who = self.identify(&head.headers, site, &FOR_ARM).await?;
        served.actor = who.actor().to_string();
        let version = query.version()?;
        let body = body::read(body).await?;
        let call = Call {
            app: self,
            site,
            version,
            query,
            path: head.uri.path(),
            body: &body,
            who: &who,
            precondition: conditional::read(&head.headers)?,
        };
        if let Some(id) = route.subscription() {
            subscription::check(&call, id).await?;
        }
        endpoint(&call, route).await
    }
}

/// One line per endpoint: the route, the right it demands, the operation.
async fn endpoint(call: &Call<'_>, route: ArmRoute) -> Result<Response<Bytes>, Error> {
    let of = |s: &SubscriptionId| ResourceId::for_subscription(s);
    match route {
        ArmRoute::TenantsList => subscription::tenants(call),
        ArmRoute::SubscriptionsList => subscription::list(call).await,
        ArmRoute::SubscriptionGet(s) => subscription::get(call, call.may(&of(&s))?, &s).await,
        ArmRoute::LocationsList(s) => subscription::locations(call, call.may(&of(&s))?, &s).await,
        ArmRoute::GroupsList(s) => group::list(call, call.reach(), &s).await,
        ArmRoute::GroupPut(p) => group::put(call, call.may(&p.id())?).await,
        ArmRoute::GroupGet(p) => group::get(call, call.may(&p.id())?).await,
        ArmRoute::GroupHead(p) => group::head(call, call.may(&p.id())?).await,
        ArmRoute::GroupPatch(p) => group::patch(call, call.may(&p.id())?).await,
        ArmRoute::GroupDelete(p) => group::delete(call, call.may(&p.id())?).await,
        ArmRoute::ResourcesList(s) => resource::list(call, call.reach(), call.reach(), &s, None).await,
        ArmRoute::ResourcesOfGroup(p) => {
            resource::list(call, call.reach(), call.reach(), &p.subscription, Some(&p.group)).await
        }
        ArmRoute::ProvidersList(s) => provider::list(call, call.may(&of(&s))?, &s).await,
        ArmRoute::ProviderGet(s, namespace) => provider::get(call, call.may(&of(&s))?, &s, &namespace).await,
        ArmRoute::ProviderRegister(s, namespace) => provider::register(call, call.may(&of(&s))?, &s, &namespace).await,
        ArmRoute::CheckName(s) => registry::check_name(call, call.may(&of(&s))?).await,
        ArmRoute::RegistriesList(s) => registry::list(call, call.reach(), &s, None).await,
        ArmRoute::RegistriesOfGroup(p) => registry::list(call, call.reach(), &p.subscription, Some(&p.group)).await,
        ArmRoute::RegistryPut(p) => registry::put(call, call.may(&p.id())?, &p).await,
        ArmRoute::RegistryGet(p) => registry::get(call, call.may(&p.id())?).await,
        ArmRoute::RegistryPatch(p) => registry::patch(call, call.may(&p.id())?).await,
        ArmRoute::RegistryDelete(p) => registry::delete(call, call.may(&p.id())?).await,
        ArmRoute::ListCredentials(p) => registry::list_credentials(call, call.may(&p.id())?).await,
        ArmRoute::RegenerateCredential(p) => registry::regenerate_credential(call, call.may(&p.id())?, &p).await,
        ArmRoute::ImportImage(p) => import::import_image(call, call.may(&p.id())?, &p).await,
        ArmRoute::OperationResult(p) => import::operation_result(call, call.reach(), &p).await,
        ArmRoute::ListUsages(p) => registry_usage::list(call, call.may(&p.id())?).await,
        ArmRoute::ListPolicies(p) => registry_policies::list(call, call.may(&p.id())?).await,
        ArmRoute::UpdatePolicies(p) => registry_policies::update(call, call.may(&p.id())?).await,
        ArmRoute::ReplicationsList(p) => replication::list(call, call.may(&p.id())?).await,
        ArmRoute::UnservedList(p, _) => unserved::list(call, call.may(&p.id())?).await,
        ArmRoute::UnservedChild(p, kind) => unserved::child(call, call.may(&p.id())?, kind).await,
        ArmRoute::UnservedChange(p, kind) => unserved::change(call, call.may(&p.id())?, kind).await,
        ArmRoute::OperationsList => Ok(operation::list()),
        ArmRoute::ScopeMapsList(p) => scope_map::list(call, call.may(&p.id())?).await,
        ArmRoute::ScopeMapPut(p) => scope_map::put(call, call.may(&p.id())?, &p).await,
        ArmRoute::ScopeMapGet(p) => scope_map::get(call, call.may(&p.id())?).await,
        ArmRoute::ScopeMapPatch(p) => scope_map::patch(call, call.may(&p.id())?).await,
        ArmRoute::ScopeMapDelete(p) => scope_map::delete(call, call.may(&p.id())?).await,
        ArmRoute::TokensList(p) => token::list(call, call.may(&p.id())?).await,
        ArmRoute::TokenPut(p) => token::put(call, call.may(&p.id())?, &p).await,
        ArmRoute::TokenGet(p) => token::get(call, call.may(&p.id())?).await,
        ArmRoute::TokenPatch(p) => token::patch(call, call.may(&p.id())?).await,
        ArmRoute::TokenDelete(p) => token::delete(call, call.may(&p.id())?).await,
        ArmRoute::GenerateCredentials(p) => token::generate(call, call.may(&p.id())?).await,
        ArmRoute::RoleAssignmentsList(p) => role_assignment::list(call, call.may(&p.id)?, &p).await,
        ArmRoute::RoleAssignmentPut(p, name) => role_assignment::put(call, call.may(&p.id)?, &p, &name).await,
        ArmRoute::RoleAssignmentGet(p, name) => role_assignment::get(call, call.may(&p.id)?, &p, &name).await,
        ArmRoute::RoleAssignmentDelete(p, name) => role_assignment::delete(call, call.may(&p.id)?, &p, &name).await,
        ArmRoute::RoleDefinitionsList(p) => role_definition::list(call, call.may(&p.id)?, &p),
        ArmRoute::RoleDefinitionGet(p, name) => role_definition::get(call.may(&p.id)?, &p, &name),
        ArmRoute::DenyAssignmentsList(p) => role_assignment::list_denials(call.may(&p.id)?),
        ArmRoute::StorageCheckName(s) => storage_account::check_name(call, call.may(&of(&s))?).await,
        ArmRoute::StorageAccountsList(s) => storage_account::list(call, call.reach(), &s, None).await,
        ArmRoute::StorageAccountsOfGroup(p) => {
            storage_account::list(call, call.reach(), &p.subscription, Some(&p.group)).await
        }
        ArmRoute::StoragePut(p) => storage_account::put(call, call.may(&p.id())?, &p).await,
        ArmRoute::StorageGet(p) => storage_account::get(call, call.may(&p.id())?).await,
        ArmRoute::StoragePatch(p) => storage_account::patch(call, call.may(&p.id())?).await,
        ArmRoute::StorageDelete(p) => storage_account::delete(call, call.may(&p.id())?).await,
    }
}
