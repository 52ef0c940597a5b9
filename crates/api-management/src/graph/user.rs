//! `/users` and `/me`: people, to be looked up. They are made by the operator; here they are only read.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_model::{PersonRecord, UserName};
use http::{Response, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::{
    Call,
    error::{Code, Error},
    listing::odd_marker,
    view,
};
use crate::{body, paging::Filling};

/// The fields that can be filtered by, in lower case.
const FIELDS: [&str; 4] = ["accountenabled", "displayname", "id", "userprincipalname"];
/// People read at once.
const READ_ROWS: usize = 500;

/// A page of people.
pub(super) async fn list(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
) -> Result<Response<Bytes>, Error> {
    let filter = call.query.filter("User", &FIELDS)?;
    let passes = |person: &PersonRecord| {
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
    let named = filter.as_ref().and_then(|filter| filter.demanded("userPrincipalName"));
    let (page, next) = match named {
        Some(text) => {
            let mut page = Filling::new(call.query.top);
            if let Some(person) = find_by_name(call, &grant, text).await?.filter(passes) {
                page.push(&view::user(call, &person));
            }
            (page, None)
        }
        None => seek(call, &grant, passes).await?,
    };
    let mut document = json!({ "value": page.into_value() });
    if let Some(marker) = next {
        document["@odata.nextLink"] = call.query.next_link(call, "users", marker.as_str()).into();
    }
    Ok(body::json(StatusCode::OK, &document))
}

/// The people who pass, from where the request wants them to where its page ends, and who was the last looked at when
/// somebody follows. There are not so many that one request could not look at all.
async fn seek(
    call: &Call<'_>,
    grant: &ControlGrant<control::PrincipalsRead>,
    passes: impl Fn(&PersonRecord) -> bool,
) -> Result<(Filling, Option<UserName>), Error> {
    let after = call.query.after.as_deref().map(str::parse).transpose();
    let mut after: Option<UserName> = after.map_err(|_| odd_marker())?;
    let mut page = Filling::new(call.query.top);
    loop {
        let people = call.app.directory.list_people(grant, after.take(), READ_ROWS).await?;
        let is_last = people.len() < READ_ROWS;
        let mut people = people.into_iter().peekable();
        while let Some(person) = people.next_if(|_| !page.is_full()) {
            if passes(&person) {
                page.push(&view::user(call, &person));
            }
            after = Some(person.user_name);
        }
        if is_last && people.peek().is_none() {
            return Ok((page, None));
        }
        if page.is_full() {
            return Ok((page, after));
        }
    }
}

/// One, by object id or name.
pub(super) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
    key: String,
) -> Result<Response<Bytes>, Error> {
    let found = match Uuid::parse_str(&key) {
        Ok(id) => call.app.directory.find_person(&grant, id).await?,
        Err(_) => find_by_name(call, &grant, &key).await?,
    };
    let person = found.ok_or_else(|| Error::not_found(&key.chars().take(128).collect::<String>()))?;
    Ok(body::json(StatusCode::OK, &view::user(call, &person)))
}

/// The person who asks; needs no right but to be one.
pub(super) async fn me(call: &Call<'_>) -> Result<Response<Bytes>, Error> {
    match call.app.directory.find_calling_person(call.who).await? {
        Some(person) => Ok(body::json(StatusCode::OK, &view::user(call, &person))),
        None => Err(Error::new(
            Code::BadRequest,
            "/me request is only valid with delegated authentication flow.",
        )),
    }
}

/// A text that is no name is nobody's.
async fn find_by_name(
    call: &Call<'_>,
    grant: &ControlGrant<control::PrincipalsRead>,
    text: &str,
) -> Result<Option<PersonRecord>, Error> {
    match text.parse() {
        Ok(name) => Ok(call.app.directory.find_person_by_name(grant, name).await?),
        Err(_) => Ok(None),
    }
}
