//! The whole journey of a request, on one page: where (`route`), who (`caller`), may they
//! (`decide`, in each line of the table), do (`holdfast-content`), say (`respond`, `error`).

use std::{net::IpAddr, sync::Arc, time::Duration};

use holdfast_access::{Grant, RepositoryAction, RequestOrigin, Scope, action, decide, decide_registry, demanded_scope};
use holdfast_content::Repositories;
use holdfast_face::{Body, Budget, Received, Sending, Served, Writing};
use holdfast_identity::{DirectoryIssuer, Issuer, Sealer, Throttle, token::Kind};
use holdfast_oci::RepositoryName;
use holdfast_operations::{Claimant, Entrance, FrontDoor};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use crate::{
    Address, Names, Route, acr, blob,
    caller::{Identified, Presented},
    catalog, error,
    error::Error,
    manifest, referrer, respond,
    route::{ContentRoute, TokenRoute, UploadStart},
    tag, token, upload,
};

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// What the face needs.
pub struct DistributionParts {
    /// What a request asks first.
    pub front_door: Arc<FrontDoor>,
    /// The operations.
    pub repositories: Arc<Repositories>,
    /// Issues and checks tokens.
    pub issuer: Arc<Issuer>,
    /// Checks tokens of the directory.
    pub directory: Arc<DirectoryIssuer>,
    /// Compares passwords.
    pub sealer: Arc<Sealer>,
    /// Slows down guessing.
    pub throttle: Arc<Throttle>,
    /// The names of the registries.
    pub names: Arc<dyn Names>,
    /// How long a body may be silent.
    pub body_stall: Duration,
    /// Memory for bodies, shared with the other faces.
    pub budget: Budget,
    /// Files and memory for answers.
    pub sending: Sending,
    /// Files for uploads.
    pub writing: Writing,
}

/// The data plane over HTTP.
pub struct Distribution {
    pub(crate) front_door: Arc<FrontDoor>,
    pub(crate) repositories: Arc<Repositories>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) directory: Arc<DirectoryIssuer>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) names: Arc<dyn Names>,
    body_stall: Duration,
    budget: Budget,
    pub(crate) sending: Sending,
    pub(crate) writing: Writing,
}

/// A request after its path was understood.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a Distribution,
    pub(crate) head: &'a http::request::Parts,
    pub(crate) body: &'a Received<Incoming>,
    pub(crate) address: &'a Address,
    pub(crate) who: &'a Identified,
    pub(crate) peer: IpAddr,
}

impl Call<'_> {
    /// Proof that the caller may do `A` in the repository.
    pub(crate) fn may<A: RepositoryAction>(&self, repository: &RepositoryName) -> Result<Grant<A>, Error> {
        Ok(decide(&self.who.caller, self.who.id(), repository)?)
    }

    pub(crate) fn is_head(&self) -> bool {
        self.head.method == Method::HEAD
    }

    /// The path as the client spelled it, for links to the next page.
    pub(crate) fn path(&self) -> &str {
        self.head.uri.path()
    }
}

impl Distribution {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: DistributionParts) -> Self {
        let DistributionParts {
            front_door,
            repositories,
            issuer,
            directory,
            sealer,
            throttle,
            names,
            body_stall,
            budget,
            sending,
            writing,
        } = parts;
        Self {
            front_door,
            repositories,
            issuer,
            directory,
            sealer,
            throttle,
            names,
            body_stall,
            budget,
            sending,
            writing,
        }
    }

    /// Whether a path is the data plane's.
    #[must_use]
    pub fn handles(path: &str) -> bool {
        Route::is_data_plane(path)
    }

    /// Answers a request that came from there. Never fails: errors are responses.
    pub async fn serve(
        &self,
        request: Request<Incoming>,
        address: &Address,
        origin: Arc<RequestOrigin>,
    ) -> Response<Body> {
        let peer = origin.address;
        let (head, incoming) = request.into_parts();
        let body = Received::new(&head, incoming, self.body_stall, &self.budget);
        let mut served = Served::by("unknown");
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut demanded = None;
        let parsed = Route::parse(&head.method, target);
        if let Ok(route) = &parsed {
            served.route = route.label();
            served.repository = route.repository().map(ToString::to_string);
            if let Route::Content(route) = route {
                demanded = Some(Demanded::of(route));
            }
        }
        let presented = match &parsed {
            // Their forms carry the credential.
            Err(_) | Ok(Route::Token(TokenRoute::Post | TokenRoute::Exchange)) => Ok(Presented::Nobody),
            Ok(Route::Token(TokenRoute::Get(_))) => self.present(&head.headers, Kind::Refresh, address),
            Ok(Route::Content(_)) => self.present(&head.headers, Kind::Access, address),
        };
        let claimant = presented.as_ref().map_or(Claimant::Nobody, Presented::claimant);
        let request = async {
            // The network rules come before every other answer, also of paths that name nothing.
            match (self.front_door.enter(&address.registry, peer, claimant).await, parsed) {
                (Err(error), _) => Err(error.into()),
                (Ok(Entrance::Shut), _) => Err(Error::NetworkDenied { peer }),
                (Ok(_), Err(error)) => Err(error.into()),
                (Ok(entrance), Ok(route)) => {
                    let at = (address, origin);
                    self.journey(route, &head, &body, at, (presented, entrance), &mut served)
                        .await
                }
            }
        };
        let outcome = self.front_door.ahead_of_disk(request).await;
        let outcome = outcome.unwrap_or_else(|error| Err(error.into()));
        let mut response = outcome.unwrap_or_else(|error| error::render(&error, demanded.as_ref(), address));
        body.finish(&mut response).await;
        if served.route != "token" {
            response
                .headers_mut()
                .insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        }
        response.extensions_mut().insert(served);
        response
    }

    async fn journey(
        &self,
        route: Route,
        head: &http::request::Parts,
        body: &Received<Incoming>,
        (address, origin): (&Address, Arc<RequestOrigin>),
        (presented, entrance): (Result<Presented, Error>, Entrance),
        served: &mut Served,
    ) -> Result<Response<Body>, Error> {
        let peer = origin.address;
        let route = match route {
            Route::Content(route) => route,
            Route::Token(TokenRoute::Get(query)) => {
                return token::get(self, query, presented, entrance, address, peer);
            }
            Route::Token(TokenRoute::Post) => return token::post(self, body, address, peer).await,
            Route::Token(TokenRoute::Exchange) => return token::exchange(self, body, address, peer).await,
        };
        let who = self.identify(presented?, entrance, address, peer)?.by(origin);
        served.actor = who.caller.actor().to_string();
        let call = Call {
            app: self,
            head,
            body,
            address,
            who: &who,
            peer,
        };
        endpoint(&call, route).await
    }
}

/// One line per endpoint of a repository: the route, the right it demands, the operation. The challenge to a caller who
/// lacks it is read from the same line.
macro_rules! endpoints {
    ($($route:ident($name:ident $(, $part:ident)*): $action:ident => $handler:path;)+) => {
        async fn endpoint(call: &Call<'_>, route: ContentRoute) -> Result<Response<Body>, Error> {
            match route {
                ContentRoute::Base => base(call),
                ContentRoute::CatalogList(page) => {
                    catalog::list(call, decide_registry(&call.who.caller, call.who.id())?, page).await
                }
                $(ContentRoute::$route($name $(, $part)*) => {
                    let grant = call.may::<action::$action>(&$name)?;
                    $handler(call, grant $(, $part)*).await
                })+
            }
        }

        impl Right {
            fn of(route: &ContentRoute) -> Self {
                match route {
                    ContentRoute::Base => Self::None,
                    ContentRoute::CatalogList(_) => Self::Catalog,
                    $(ContentRoute::$route(..) => Self::Repository(demanded_scope::<action::$action>),)+
                }
            }
        }
    };
}

endpoints! {
    TagsList(name, page): TagsList => tag::list;
    ReferrersList(name, subject, query): Pull => referrer::list;
    ManifestGet(name, reference): Pull => manifest::get;
    ManifestPut(name, reference, tags): Push => manifest::put;
    ManifestDelete(name, reference): Delete => manifest::delete;
    BlobGet(name, digest): Pull => blob::get;
    BlobDelete(name, digest): Delete => blob::delete;
    UploadStart(name, start): Push => upload::start;
    UploadAppend(name, id): Push => upload::append;
    UploadFinish(name, id, digest): Push => upload::finish;
    UploadStatus(name, id): Push => upload::status;
    UploadCancel(name, id): Push => upload::cancel;
    RepositoryGet(name): MetadataRead => acr::repository::get;
    RepositoryPatch(name): MetadataWrite => acr::repository::patch;
    RepositoryDelete(name): Delete => acr::repository::delete;
    AcrTagsList(name, page, digest): MetadataRead => acr::tag::list;
    AcrTagGet(name, tag): MetadataRead => acr::tag::get;
    AcrTagPatch(name, tag): MetadataWrite => acr::tag::patch;
    AcrTagDelete(name, tag): Delete => acr::tag::delete;
    AcrManifestsList(name, page): MetadataRead => acr::manifest::list;
    AcrManifestGet(name, digest): MetadataRead => acr::manifest::get;
    AcrManifestPatch(name, digest): MetadataWrite => acr::manifest::patch;
}

/// `GET /v2/`: 200 for whoever signed in. It challenges also where everybody may pull, or docker
/// would never send its credential (zot #3868; `az` expects the same).
fn base(call: &Call<'_>) -> Result<Response<Body>, Error> {
    if call.who.caller.presented_credential() {
        Ok(respond::json(StatusCode::OK, &json!({})))
    } else {
        Err(Error::SignInRequired)
    }
}

/// What a route demands.
enum Right {
    /// Of everybody, to have signed in.
    None,
    /// To list the registry.
    Catalog,
    /// In its repository, what this scope says.
    Repository(fn(&RepositoryName) -> Scope),
}

/// The scope that a route demands, named in the challenge also when the credential is bad. Made for
/// every request and spelled out only for a refusal.
pub(crate) struct Demanded {
    right: Right,
    repository: Option<RepositoryName>,
    /// Where a mount takes from: a client that answers one challenge a call (the Go SDK's) gets both scopes in the first.
    source: Option<RepositoryName>,
}

impl Demanded {
    fn of(route: &ContentRoute) -> Self {
        let source = match route {
            ContentRoute::UploadStart(name, UploadStart::Mount { from, .. }) => {
                from.clone().filter(|from| from != name)
            }
            _ => None,
        };
        Self {
            right: Right::of(route),
            repository: route.repository().cloned(),
            source,
        }
    }

    /// As the challenge says it; nothing for a route that demands none.
    pub(crate) fn scope(&self) -> Option<String> {
        let scope = match (&self.right, &self.repository) {
            (Right::None, _) | (Right::Repository(_), None) => return None,
            (Right::Catalog, _) => Scope::catalog(),
            (Right::Repository(scope), Some(name)) => scope(name),
        };
        let source = self.source.as_ref();
        let source = source.map(|source| format!(" {}", demanded_scope::<action::Pull>(source)));
        Some(format!("{scope}{}", source.unwrap_or_default()))
    }
}
