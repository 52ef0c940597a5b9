//! `/applications/{id}/federatedIdentityCredentials`.

use bytes::Bytes;
use holdfast_access::{ControlGrant, control};
use holdfast_directory::{ApplicationKey, FederatedChange};
use holdfast_model::FederatedSubject;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, error::Error, view};
use crate::body;

/// Letters of a name (Entra ID).
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=120;
/// The longest issuer, subject, audience or description (Entra ID).
const MAX_TEXT_CHARS: usize = 600;
/// The most audiences of one (Entra ID takes one).
const MAX_AUDIENCES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    name: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    claims_matching_expression: Option<Expression>,
    audiences: Option<Vec<String>>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expression {
    value: String,
}

impl Body {
    /// The name, and what is to change.
    fn parse(bytes: &[u8]) -> Result<(Option<String>, FederatedChange), Error> {
        let body: Self = body::parse(bytes)?;
        let subject = match (body.subject, body.claims_matching_expression) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid_value(
                    "subject",
                    "say either it or 'claimsMatchingExpression', not both",
                ));
            }
            (Some(text), None) => Some(FederatedSubject::Exact(checked("subject", text)?)),
            (None, Some(expression)) => {
                let pattern = view::pattern(&expression.value)?;
                Some(FederatedSubject::Pattern(checked("claimsMatchingExpression", pattern)?))
            }
            (None, None) => None,
        };
        let issuer = body.issuer.map(checked_issuer).transpose()?;
        let audiences = body.audiences.map(checked_audiences).transpose()?;
        let change = FederatedChange {
            issuer,
            subject,
            audiences,
            description: body.description.map(|text| checked("description", text)).transpose()?,
        };
        Ok((body.name, change))
    }
}

fn checked(property: &str, text: String) -> Result<String, Error> {
    let length = text.chars().count();
    if text.chars().any(char::is_control) || length > MAX_TEXT_CHARS || (length == 0 && property != "description") {
        let why = format!("it has 1 to {MAX_TEXT_CHARS} characters and no control characters");
        return Err(Error::invalid_value(property, &why));
    }
    Ok(text)
}

/// An issuer is asked for its keys over https, and nowhere else.
fn checked_issuer(text: String) -> Result<String, Error> {
    let has_host = text
        .strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !has_host || text.contains(['?', '#', ' ']) {
        return Err(Error::invalid_value(
            "issuer",
            "it is an https URL without query and fragment",
        ));
    }
    checked("issuer", text)
}

fn checked_audiences(audiences: Vec<String>) -> Result<Vec<String>, Error> {
    if !(1..=MAX_AUDIENCES).contains(&audiences.len()) {
        let why = format!("there are 1 to {MAX_AUDIENCES}");
        return Err(Error::invalid_value("audiences", &why));
    }
    audiences.into_iter().map(|text| checked("audiences", text)).collect()
}

fn checked_name(name: Option<String>) -> Result<String, Error> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = name.unwrap_or_default();
    if !NAME_CHARS.contains(&name.chars().count()) || !name.chars().all(is_letter) {
        let why = format!(
            "it has {} to {} letters, digits, dots, dashes and underscores",
            NAME_CHARS.start(),
            NAME_CHARS.end()
        );
        return Err(Error::invalid_value("name", &why));
    }
    Ok(name)
}

pub(super) async fn list(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    let own = call.app.directory.list_federated_credentials(&grant, key).await?;
    let value: Vec<Value> = own.iter().map(view::federated).collect();
    Ok(body::json(StatusCode::OK, &json!({ "value": value })))
}

pub(super) async fn create(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsWrite>,
    key: ApplicationKey,
) -> Result<Response<Bytes>, Error> {
    let (name, new) = Body::parse(call.body)?;
    let name = checked_name(name)?;
    let missing = |property: &'static str| Error::invalid_value(property, "it is required");
    let issuer = new.issuer.ok_or_else(|| missing("issuer"))?;
    let subject = new.subject.ok_or_else(|| missing("subject"))?;
    let audiences = new.audiences.ok_or_else(|| missing("audiences"))?;
    let made = call
        .app
        .directory
        .add_federated_credential(&grant, key, name, (issuer, subject, audiences), new.description)
        .await?;
    Ok(body::json(StatusCode::CREATED, &view::federated(&made)))
}

pub(super) async fn get(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsRead>,
    key: ApplicationKey,
    name: String,
) -> Result<Response<Bytes>, Error> {
    let own = call.app.directory.load_federated_credential(&grant, key, name).await?;
    Ok(body::json(StatusCode::OK, &view::federated(&own)))
}

pub(super) async fn update(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsWrite>,
    key: ApplicationKey,
    name: String,
) -> Result<Response<Bytes>, Error> {
    let (_, change) = Body::parse(call.body)?;
    let directory = &call.app.directory;
    directory.update_federated_credential(&grant, key, name, change).await?;
    Ok(body::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn delete(
    call: &Call<'_>,
    grant: ControlGrant<control::PrincipalsWrite>,
    key: ApplicationKey,
    name: String,
) -> Result<Response<Bytes>, Error> {
    let directory = &call.app.directory;
    directory.remove_federated_credential(&grant, key, name).await?;
    Ok(body::empty(StatusCode::NO_CONTENT))
}
