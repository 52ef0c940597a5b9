//! Paths of the directory's token service.

use holdfast_arm::Error;
use http::Method;

use super::{Route, only};

/// What lies there; `None` when nothing does. The tenant is the first part of a path, in lower case.
pub(super) fn parse(method: &Method, lower: &[&str]) -> Option<Result<Route, Error>> {
    let get = |route| only(method, &Method::GET, route);
    let post = |route| only(method, &Method::POST, route);
    let read_or_answer = |read, answer| match *method {
        Method::POST => Ok(answer),
        _ => only(method, &Method::GET, read),
    };
    Some(match *lower {
        ["devicelogin"] | [_, "oauth2", "deviceauth"] => read_or_answer(Route::DevicePage, Route::DeviceAnswer),
        ["common", "userrealm", _] => get(Route::UserRealm),
        [tenant, ".well-known", "openid-configuration"] | [tenant, "v2.0", ".well-known", "openid-configuration"] => {
            get(Route::OpenIdConfiguration(tenant.to_owned()))
        }
        [tenant, "discovery", "v2.0", "keys"] => get(Route::Keys(tenant.to_owned())),
        [tenant, "oauth2", "v2.0", "token"] => post(Route::Token(tenant.to_owned())),
        [tenant, "oauth2", "v2.0", "devicecode"] => post(Route::DeviceCode(tenant.to_owned())),
        [tenant, "oauth2", "v2.0", "authorize"] => read_or_answer(
            Route::AuthorizePage(tenant.to_owned()),
            Route::AuthorizeAnswer(tenant.to_owned()),
        ),
        _ => return None,
    })
}
