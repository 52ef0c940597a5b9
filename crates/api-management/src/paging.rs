//! Pages of ARM's lists: `$top`, `$skiptoken` and the absolute `nextLink`, under the host that the client called. Each item
//! has a key; a page goes on after a key, so what is made or deleted in between moves nothing else.

use holdfast_arm::{Error as Arm, Page};
use serde_json::Value;

use crate::{error::Error, serve::Call};

/// Items on a page at most.
const MAX_PAGE: usize = 1_000;

/// The page of a list that the request asks for. The keys of `items` grow.
pub(crate) fn page<T>(
    call: &Call<'_>,
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    shown: impl Fn(&T) -> Value,
) -> Result<Page<Value>, Error> {
    let limit = limit(call.query.top.as_deref())?;
    let after = call.query.skip_token.as_deref();
    let mut rest = items
        .into_iter()
        .skip_while(|item| after.is_some_and(|after| key(item).as_str() <= after));
    let taken: Vec<T> = rest.by_ref().take(limit).collect();
    let next_link = rest.next().and(taken.last()).map(|last| next(call, &key(last)));
    Ok(Page {
        value: taken.iter().map(shown).collect(),
        next_link,
    })
}

fn limit(top: Option<&str>) -> Result<usize, Arm> {
    let wrong = || Arm::invalid_parameter("$top", "The value must be a whole number above zero.");
    match top.map(str::parse::<u32>) {
        None => Ok(MAX_PAGE),
        Some(Ok(top)) if top > 0 => Ok(MAX_PAGE.min(top as usize)),
        Some(_) => Err(wrong()),
    }
}

/// The same request, from behind a key on.
fn next(call: &Call<'_>, key: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", &call.version.to_string());
    let kept = [("$filter", &call.query.filter), ("$top", &call.query.top)];
    for (name, value) in kept {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.append_pair("$skiptoken", key);
    format!("{}{}?{}", call.site.base_url, call.path, query.finish())
}
