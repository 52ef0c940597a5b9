//! Paths of the directory's token service.

use holdfast_arm::Error;
use http::Method;

use super::{DirectoryRoute, only};

/// What lies there; `None` when nothing does. The tenant is the first part of a path, in lower case.
pub(super) fn parse(method: &Method, lower: &[&str]) -> Option<Result<DirectoryRoute, Error>> {
    let get = |route| only(method, &Method::GET, route);
    let post = |route| only(method, &Method::POST, route);
    let read_or_submit = |read, submit| match *method {
        Method::POST => Ok(submit),
        _ => only(method, &Method::GET, read),
    };
    Some(match *lower {
        ["devicelogin"] | [_, "oauth2", "deviceauth"] => {
            read_or_submit(DirectoryRoute::DevicePage, DirectoryRoute::DeviceSubmit)
        }
        ["common", "userrealm", _] => get(DirectoryRoute::UserRealm),
        [tenant, ".well-known", "openid-configuration"] | [tenant, "v2.0", ".well-known", "openid-configuration"] => {
            get(DirectoryRoute::OpenIdConfiguration(tenant.to_owned()))
        }
        [tenant, "discovery", "v2.0", "keys"] => get(DirectoryRoute::Keys(tenant.to_owned())),
        [tenant, "oauth2", "v2.0", "token"] => post(DirectoryRoute::Token(tenant.to_owned())),
        [tenant, "oauth2", "v2.0", "devicecode"] => post(DirectoryRoute::DeviceCode(tenant.to_owned())),
        [tenant, "oauth2", "v2.0", "authorize"] => read_or_submit(
            DirectoryRoute::AuthorizePage(tenant.to_owned()),
            DirectoryRoute::AuthorizeSubmit(tenant.to_owned()),
        ),
        _ => return None,
    })
}
