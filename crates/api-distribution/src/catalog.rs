//! `GET /v2/_catalog` and `GET /acr/v1/_catalog`.

use holdfast_access::{RegistryGrant, action};
use http::{Response, StatusCode, header};
use serde_json::json;

use crate::{error::Error, page::PageQuery, respond, serve::Call};
use holdfast_face::Body;

pub(crate) async fn list(
    call: &Call<'_>,
    grant: RegistryGrant<action::CatalogRead>,
    page: PageQuery,
) -> Result<Response<Body>, Error> {
    let names = if page.limit == 0 {
        Vec::new()
    } else {
        call.app
            .repositories
            .list_repositories(&grant, page.last.clone(), page.limit + 1)
            .await?
    };
    let has_more = names.len() > page.limit;
    let names: Vec<&str> = names.iter().take(page.limit).map(|name| name.as_str()).collect();
    let mut response = respond::json(StatusCode::OK, &json!({ "repositories": names }));
    if let (true, Some(last)) = (has_more, names.last()) {
        respond::set(response.headers_mut(), header::LINK, &page.link(call.path(), last, &[]));
    }
    Ok(response)
}
