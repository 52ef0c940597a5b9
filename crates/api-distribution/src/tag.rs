//! `GET /v2/R/tags/list`.

use holdfast_access::{Grant, action};
use holdfast_face::Body;
use holdfast_model::{ListOrder, Page};
use http::{Response, StatusCode, header};
use serde_json::json;

use crate::{error::Error, page::PageQuery, respond, serve::Call};

pub(crate) async fn list(
    call: &Call<'_>,
    grant: Grant<action::TagsList>,
    page: PageQuery,
) -> Result<Response<Body>, Error> {
    // One more than asked for tells whether there is a next page; with n=0 it is not shown.
    let rows = Page {
        after: page.position("tag")?,
        limit: page.limit + 1,
        order: ListOrder::Name,
    };
    let tags = call.app.repositories.list_tags(&grant, None, rows).await?;
    let has_more = tags.len() > page.limit;
    let names: Vec<&str> = tags.iter().take(page.limit).map(|tag| tag.name.as_str()).collect();
    let mut response = respond::json(
        StatusCode::OK,
        &json!({ "name": grant.repository().as_str(), "tags": names }),
    );
    if let (true, Some(last)) = (has_more, names.last()) {
        respond::set(response.headers_mut(), header::LINK, &page.link(call.path(), last, &[]));
    }
    Ok(response)
}
