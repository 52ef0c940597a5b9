//! What a path of Graph means. Words count without regard to case, and a key may stand behind a slash or in brackets:
//! `applications/ID`, `applications(appId='ID')`.

use holdfast_directory::ApplicationKey;
use http::Method;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::error::{Code, Error};
use crate::route::routes;

/// The longest path that is looked at.
const MAX_PATH_BYTES: usize = 2048;
/// What every path begins with.
const VERSION: &str = "v1.0";

routes! { GraphRoute,
    /// `GET /applications`
    ApplicationsList = "graph.applications.list";
    /// `POST /applications`
    ApplicationCreate = "graph.applications.create";
    /// `GET /applications/{id}`
    ApplicationGet(ApplicationKey) = "graph.applications.get";
    /// `PATCH /applications/{id}`
    ApplicationUpdate(ApplicationKey) = "graph.applications.update";
    /// `DELETE /applications/{id}`
    ApplicationDelete(ApplicationKey) = "graph.applications.delete";
    /// `GET /applications/{id}/federatedIdentityCredentials`
    FederatedList(ApplicationKey) = "graph.federated-credentials.list";
    /// `POST /applications/{id}/federatedIdentityCredentials`
    FederatedCreate(ApplicationKey) = "graph.federated-credentials.create";
    /// `GET /applications/{id}/federatedIdentityCredentials/{id or name}`
    FederatedGet(ApplicationKey, String) = "graph.federated-credentials.get";
    /// `PATCH /applications/{id}/federatedIdentityCredentials/{id or name}`
    FederatedUpdate(ApplicationKey, String) = "graph.federated-credentials.update";
    /// `DELETE /applications/{id}/federatedIdentityCredentials/{id or name}`
    FederatedDelete(ApplicationKey, String) = "graph.federated-credentials.delete";
    /// `GET /servicePrincipals`
    PrincipalsList = "graph.service-principals.list";
    /// `POST /servicePrincipals`
    PrincipalCreate = "graph.service-principals.create";
    /// `GET /servicePrincipals/{id}`
    PrincipalGet(ApplicationKey) = "graph.service-principals.get";
    /// `PATCH /servicePrincipals/{id}`
    PrincipalUpdate(ApplicationKey) = "graph.service-principals.update";
    /// `DELETE /servicePrincipals/{id}`
    PrincipalDelete(ApplicationKey) = "graph.service-principals.delete";
    /// `POST …/{id}/addPassword` of either
    AddPassword(ApplicationKey) = "graph.add-password";
    /// `POST …/{id}/removePassword` of either
    RemovePassword(ApplicationKey) = "graph.remove-password";
    /// `POST /directoryObjects/getByIds`
    ObjectsByIds = "graph.objects.get-by-ids";
    /// `GET /directoryObjects/{id}`
    ObjectGet(Uuid) = "graph.objects.get";
    /// `GET /users`
    UsersList = "graph.users.list";
    /// `GET /users/{id or name}`
    UserGet(String) = "graph.users.get";
    /// `GET /me`
    Me = "graph.me";
}

impl GraphRoute {
    /// Whether a path is Graph's.
    #[must_use]
    pub fn handles(path: &str) -> bool {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        first.eq_ignore_ascii_case(VERSION)
    }

    /// Reads a method and a path.
    pub(super) fn parse(method: &Method, path: &str) -> Result<Self, Error> {
        let unknown = || {
            let excerpt: String = path.chars().take(256).collect();
            Error::new(
                Code::BadRequest,
                format!("Resource not found for the segment '{excerpt}'."),
            )
        };
        if path.len() > MAX_PATH_BYTES {
            return Err(unknown());
        }
        let decoded = percent_decode_str(path).decode_utf8().map_err(|_| unknown())?;
        let segments: Vec<&str> = decoded.trim_matches('/').split('/').skip(1).collect();
        let Some((first, below)) = segments.split_first() else {
            return Err(unknown());
        };
        let (word, key) = match first.split_once('(') {
            Some((word, bracketed)) => (word, Some(alternate(bracketed).ok_or_else(unknown)?)),
            None => (*first, None),
        };
        let found = match word.to_ascii_lowercase().as_str() {
            "applications" => in_applications(method, key, below),
            "serviceprincipals" => in_principals(method, key, below),
            "directoryobjects" if key.is_none() => in_objects(method, below),
            "users" if key.is_none() => in_users(method, below),
            "me" if key.is_none() && below.is_empty() => one_of(method, [(&Method::GET, GraphRoute::Me)]),
            _ => return Err(unknown()),
        };
        found?.ok_or_else(unknown)
    }
}

/// `appId='ID')`
fn alternate(bracketed: &str) -> Option<ApplicationKey> {
    let (name, value) = bracketed.strip_suffix(')')?.split_once('=')?;
    let id = Uuid::parse_str(value.trim_matches('\'')).ok()?;
    name.eq_ignore_ascii_case("appId").then_some(ApplicationKey::App(id))
}

fn object_id(text: &str) -> Result<Uuid, Error> {
    let excerpt: String = text.chars().take(64).collect();
    Uuid::parse_str(text).map_err(|_| Error::new(Code::BadRequest, format!("Invalid object identifier '{excerpt}'.")))
}

fn in_applications(method: &Method, key: Option<ApplicationKey>, below: &[&str]) -> Result<Option<GraphRoute>, Error> {
    let (key, rest) = match (key, below) {
        (Some(key), rest) => (key, rest),
        (None, []) => {
            return one_of(
                method,
                [
                    (&Method::GET, GraphRoute::ApplicationsList),
                    (&Method::POST, GraphRoute::ApplicationCreate),
                ],
            );
        }
        (None, [id, rest @ ..]) => (ApplicationKey::Object(object_id(id)?), rest),
    };
    let lower: Vec<String> = rest.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    match lower.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => one_of(
            method,
            [
                (&Method::GET, GraphRoute::ApplicationGet(key)),
                (&Method::PATCH, GraphRoute::ApplicationUpdate(key)),
                (&Method::DELETE, GraphRoute::ApplicationDelete(key)),
            ],
        ),
        ["addpassword"] => one_of(method, [(&Method::POST, GraphRoute::AddPassword(key))]),
        ["removepassword"] => one_of(method, [(&Method::POST, GraphRoute::RemovePassword(key))]),
        ["federatedidentitycredentials"] => one_of(
            method,
            [
                (&Method::GET, GraphRoute::FederatedList(key)),
                (&Method::POST, GraphRoute::FederatedCreate(key)),
            ],
        ),
        ["federatedidentitycredentials", _] => {
            let name = rest[1].to_owned();
            one_of(
                method,
                [
                    (&Method::GET, GraphRoute::FederatedGet(key, name.clone())),
                    (&Method::PATCH, GraphRoute::FederatedUpdate(key, name.clone())),
                    (&Method::DELETE, GraphRoute::FederatedDelete(key, name)),
                ],
            )
        }
        _ => Ok(None),
    }
}

fn in_principals(method: &Method, key: Option<ApplicationKey>, below: &[&str]) -> Result<Option<GraphRoute>, Error> {
    let (key, rest) = match (key, below) {
        (Some(key), rest) => (key, rest),
        (None, []) => {
            return one_of(
                method,
                [
                    (&Method::GET, GraphRoute::PrincipalsList),
                    (&Method::POST, GraphRoute::PrincipalCreate),
                ],
            );
        }
        (None, [id, rest @ ..]) => (ApplicationKey::Principal(object_id(id)?), rest),
    };
    match rest {
        [] => one_of(
            method,
            [
                (&Method::GET, GraphRoute::PrincipalGet(key)),
                (&Method::PATCH, GraphRoute::PrincipalUpdate(key)),
                (&Method::DELETE, GraphRoute::PrincipalDelete(key)),
            ],
        ),
        [word] if word.eq_ignore_ascii_case("addPassword") => {
            one_of(method, [(&Method::POST, GraphRoute::AddPassword(key))])
        }
        [word] if word.eq_ignore_ascii_case("removePassword") => {
            one_of(method, [(&Method::POST, GraphRoute::RemovePassword(key))])
        }
        _ => Ok(None),
    }
}

fn in_objects(method: &Method, below: &[&str]) -> Result<Option<GraphRoute>, Error> {
    match below {
        [word] if word.eq_ignore_ascii_case("getByIds") => one_of(method, [(&Method::POST, GraphRoute::ObjectsByIds)]),
        [id] => one_of(method, [(&Method::GET, GraphRoute::ObjectGet(object_id(id)?))]),
        _ => Ok(None),
    }
}

fn in_users(method: &Method, below: &[&str]) -> Result<Option<GraphRoute>, Error> {
    match below {
        [] => one_of(method, [(&Method::GET, GraphRoute::UsersList)]),
        [key] => one_of(method, [(&Method::GET, GraphRoute::UserGet((*key).to_owned()))]),
        _ => Ok(None),
    }
}

/// The route of the method.
fn one_of<const N: usize>(given: &Method, routes: [(&Method, GraphRoute); N]) -> Result<Option<GraphRoute>, Error> {
    let found = routes.into_iter().find(|(method, _)| *method == given);
    let Some((_, route)) = found else {
        let message = format!("The method {given} is not allowed for this resource.");
        return Err(Error::new(Code::MethodNotAllowed, message));
    };
    Ok(Some(route))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-0000-0000-000000000001";

    #[test]
    fn paths_are_read_in_any_case_and_with_either_key() {
        for (method, path, expected) in [
            (Method::GET, "/v1.0/applications".to_owned(), "graph.applications.list"),
            (
                Method::POST,
                "/V1.0/Applications/".to_owned(),
                "graph.applications.create",
            ),
            (
                Method::GET,
                format!("/v1.0/applications/{ID}"),
                "graph.applications.get",
            ),
            (
                Method::PATCH,
                format!("/v1.0/servicePrincipals(appId='{ID}')"),
                "graph.service-principals.update",
            ),
            (
                Method::POST,
                format!("/v1.0/serviceprincipals/{ID}/addPassword"),
                "graph.add-password",
            ),
            (
                Method::DELETE,
                format!("/v1.0/applications(appId='{ID}')/federatedIdentityCredentials/My%20One"),
                "graph.federated-credentials.delete",
            ),
            (
                Method::POST,
                "/v1.0/directoryObjects/getByIds".to_owned(),
                "graph.objects.get-by-ids",
            ),
        ] {
            let route = GraphRoute::parse(&method, &path).unwrap();
            assert_eq!(route.label(), expected, "{path}");
        }
        for path in [
            "/v1.0",
            "/v1.0/groups",
            "/v1.0/applications/x",
            "/v1.0/applications(id='x')",
            &format!("/v1.0/applications/{ID}/owners"),
            &format!("/v1.0/servicePrincipals/{ID}/federatedIdentityCredentials"),
            &format!("/v1.0/directoryObjects/{ID}/memberOf"),
        ] {
            assert!(GraphRoute::parse(&Method::GET, path).is_err(), "{path}");
        }
        let padded = |length| format!("{:/<length$}", "/v1.0/applications");
        assert!(GraphRoute::parse(&Method::GET, &padded(MAX_PATH_BYTES)).is_ok());
        assert!(GraphRoute::parse(&Method::GET, &padded(MAX_PATH_BYTES + 1)).is_err());
        assert!(GraphRoute::parse(&Method::PUT, "/v1.0/applications").is_err());
        assert!(GraphRoute::handles("/v1.0/x") && !GraphRoute::handles("/v1.00/x"));
    }
}
