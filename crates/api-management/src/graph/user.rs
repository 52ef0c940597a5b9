//! `/users` and `/me`: people, to be looked up. They are made by the operator; here they are only read.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_registry::{UserName, ports::PersonRecord};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Call,
    error::{Code, Error},
    listing::odd_marker,
    shown,
};
use crate::body;

/// The fields that can be filtered by, in lower case.
const FIELDS: [&str; 4] = ["accountenabled", "displayname", "id", "userprincipalname"];

/// A page of people; a filter may leave few of them, or none, on a page that another follows.
pub(super) async fn list(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
) -> Result<Response<Bytes>, Error> {
    let filter = call.query.filter("User", &FIELDS)?;
    let named = filter.as_ref().and_then(|filter| filter.demanded("userPrincipalName"));
    let (people, next) = match named {
        Some(text) => (find_by_name(call, text).await?.into_iter().collect(), None),
        None => {
            let after: Option<UserName> = call
                .query
                .after
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(|_| odd_marker())?;
            let page = call.app.registry.list_people(&grant, after).await?;
            let last = page.last().map(|person| person.user_name.to_string());
            (page, last)
        }
    };
    let passes = |person: &&PersonRecord| {
        let values = |field: &str| {
            vec![match field {
                "accountenabled" => person.principal.is_enabled.to_string(),
                "displayname" => person.principal.display_name.clone(),
                "id" => person.principal.id.to_string(),
                _ => person.user_name.to_string(),
            }]
        };
        filter
            .as_ref()
            .is_none_or(|filter| filter.passes(&values, &|_, _| false))
    };
    let value: Vec<Value> = people
        .iter()
        .filter(passes)
        .map(|person| shown::user(call, person))
        .collect();
    let mut document = json!({ "value": value });
    if let Some(marker) = next {
        document["@odata.nextLink"] = call.query.next_link(call, "users", &marker).into();
    }
    Ok(body::json(StatusCode::OK, &document))
}

/// One, by object id or name.
pub(super) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
    key: String,
) -> Result<Response<Bytes>, Error> {
    let found = match Uuid::parse_str(&key) {
        Ok(id) => call.app.registry.find_person(&grant, id).await?,
        Err(_) => find_by_name(call, &key).await?,
    };
    let person = found.ok_or_else(|| Error::not_found(&key.chars().take(128).collect::<String>()))?;
    Ok(body::json(StatusCode::OK, &shown::user(call, &person)))
}

/// The person who asks; needs no right but to be one.
pub(super) async fn me(call: &Call<'_>) -> Result<Response<Bytes>, Error> {
    match call.app.registry.find_acting_person(call.who.actor()).await? {
        Some(person) => Ok(body::json(StatusCode::OK, &shown::user(call, &person))),
        None => Err(Error::new(
            Code::BadRequest,
            "/me request is only valid with delegated authentication flow.",
        )),
    }
}

/// A text that is no name is nobody's.
async fn find_by_name(call: &Call<'_>, text: &str) -> Result<Option<PersonRecord>, Error> {
    match text.parse() {
        Ok(name) => Ok(call.app.registry.find_person_by_name(name).await?),
        Err(_) => Ok(None),
    }
}
