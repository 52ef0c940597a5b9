//! Pages of objects: `$filter`, `$top`, `$skiptoken` and `@odata.nextLink`. A filter by name seeks to where it begins; any
//! other is held against one object after the other, so many to a request.

use holdfast_access::{ControlGrant, control};
use holdfast_arm::{Filter, fold_case};
use holdfast_directory::{ApplicationKey, ApplicationView, application::Error as Application};
use holdfast_model::ApplicationMarker;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::{
    Call,
    error::{Code, Error},
};
use crate::paging::Filling;

/// Objects on a page when nothing is said (Graph).
const DEFAULT_TOP: usize = 100;
/// The most that may be asked for (Graph).
const MAX_TOP: usize = 999;
/// How many times a page's length may be read for one request when few objects pass its filter.
const MAX_ROUNDS: usize = 20;
/// Objects read at once: each may have a hundred credentials.
pub(super) const READ_ROWS: usize = 25;

/// The parameters that are looked at; the others are ignored: every answer has all properties.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) filter: Option<String>,
    /// Objects on a page at most.
    pub(super) top: usize,
    /// Where the page before ended, as its link says.
    pub(super) after: Option<String>,
}

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut query = Self {
            filter: None,
            top: DEFAULT_TOP,
            after: None,
        };
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            match key.to_ascii_lowercase().as_str() {
                "$filter" => query.filter = Some(value.into_owned()),
                "$top" => {
                    let top = value.parse().ok().filter(|top| (1..=MAX_TOP).contains(top));
                    query.top = top.ok_or_else(|| {
                        let message = format!(
                            "Invalid page size specified: '{value}'. Must be between 1 and {MAX_TOP} inclusive."
                        );
                        Error::new(Code::BadRequest, message)
                    })?;
                }
                "$skiptoken" => query.after = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(query)
    }

    /// The filter, whose fields must be among these (in lower case).
    pub(super) fn filter(&self, kind: &str, known: &[&str]) -> Result<Option<Filter>, Error> {
        let Some(text) = &self.filter else {
            return Ok(None);
        };
        let unsupported = |field: &str| {
            let message = format!(
                "Unsupported or invalid query filter clause specified for property '{field}' of resource '{kind}'."
            );
            Error::new(Code::UnsupportedQuery, message)
        };
        let filter = Filter::parse(text)
            .map_err(|error| Error::new(Code::BadRequest, format!("Invalid filter clause: {error}.")))?;
        let odd = filter
            .fields()
            .into_iter()
            .find(|field| !known.contains(&field.to_ascii_lowercase().as_str()));
        match odd {
            Some(field) => Err(unsupported(&field)),
            None => Ok(Some(filter)),
        }
    }

    pub(super) fn next_link(&self, call: &Call<'_>, path: &str, marker: &str) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        if let Some(filter) = &self.filter {
            text.append_pair("$filter", filter);
        }
        text.append_pair("$top", &self.top.to_string());
        text.append_pair("$skiptoken", marker);
        format!("{}/v1.0/{path}?{}", call.site.base_url, text.finish())
    }
}

/// A position that no page ended at.
pub(super) fn odd_marker() -> Error {
    Error::new(Code::BadRequest, "The $skiptoken is not one of this server's.")
}

/// `ID:name`
fn marker(text: &str) -> Result<ApplicationMarker, Error> {
    let read = || {
        let (id, name) = text.split_once(':')?;
        Some(ApplicationMarker {
            folded_name: fold_case(name),
            id: Uuid::parse_str(id).ok()?,
        })
    };
    read().ok_or_else(odd_marker)
}

/// What a kind of object is listed by.
pub(super) struct Kind {
    /// Whether it is the service principals of applications, not those themselves.
    pub(super) is_principal: bool,
    /// Its name in errors.
    pub(super) name: &'static str,
    /// The segment of its list.
    pub(super) path: &'static str,
    /// The fields that can be filtered by, in lower case.
    pub(super) fields: &'static [&'static str],
    /// Those among them that hold the application id.
    pub(super) app_fields: &'static [&'static str],
    /// The values of a field.
    pub(super) values: fn(&ApplicationView, &str) -> Vec<String>,
    /// The object.
    pub(super) view: fn(&Call<'_>, &ApplicationView) -> Value,
}

/// A page of objects in Graph's form.
#[derive(Serialize)]
pub(super) struct Listed {
    #[serde(rename = "@odata.context")]
    context: String,
    value: Vec<Box<RawValue>>,
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

/// A page of what passes the filter of the request.
pub(super) async fn page(
    call: &Call<'_>,
    kind: &Kind,
    grant: &ControlGrant<control::PrincipalsRead>,
) -> Result<Listed, Error> {
    let query = &call.query;
    let filter = query.filter(kind.name, kind.fields)?;
    let passes = |one: &ApplicationView| {
        let values = |field: &str| (kind.values)(one, field);
        filter
            .as_ref()
            .is_none_or(|filter| filter.passes(&values, &|_, _| false))
    };
    let demanded_app = filter
        .as_ref()
        .and_then(|filter| kind.app_fields.iter().find_map(|field| filter.demanded(field)));
    let (mut filling, mut next) = (Filling::new(query.top), None);
    if let Some(text) = demanded_app {
        // A name of another grammar is nobody's.
        if let Ok(id) = Uuid::parse_str(text) {
            let found = find(call, kind, grant, ApplicationKey::App(id)).await?;
            if let Some(one) = found.filter(passes) {
                filling.push(&(kind.view)(call, &one));
            }
        }
    } else {
        let prefix = filter.as_ref().and_then(|filter| filter.demanded_prefix("displayName"));
        let prefix = fold_case(prefix.unwrap_or_default());
        next = query.after.as_deref().map(marker).transpose()?;
        for _ in 0..(MAX_ROUNDS * query.top).div_ceil(READ_ROWS) {
            let batch = read(call, kind, grant, prefix.clone(), next.take()).await?;
            let is_last = batch.len() < READ_ROWS;
            for one in batch {
                next = Some(one.application.marker());
                if passes(&one) {
                    filling.push(&(kind.view)(call, &one));
                }
                if filling.is_full() {
                    break;
                }
            }
            if filling.is_full() {
                break;
            }
            if is_last {
                next = None;
                break;
            }
        }
    }
    let marker = next.map(|marker| format!("{}:{}", marker.id, marker.folded_name));
    Ok(Listed {
        context: format!("{}/v1.0/$metadata#{}", call.site.base_url, kind.path),
        value: filling.into_value(),
        next_link: marker.map(|marker| query.next_link(call, kind.path, &marker)),
    })
}

/// Some objects whose folded names begin so, behind a marker.
async fn read(
    call: &Call<'_>,
    kind: &Kind,
    grant: &ControlGrant<control::PrincipalsRead>,
    prefix: String,
    after: Option<ApplicationMarker>,
) -> Result<Vec<ApplicationView>, Error> {
    let (directory, limit) = (&call.app.directory, READ_ROWS);
    Ok(if kind.is_principal {
        directory.list_service_principals(grant, prefix, after, limit).await?
    } else {
        directory.list_applications(grant, prefix, after, limit).await?
    })
}

/// The object of a key, if there is one of that kind.
async fn find(
    call: &Call<'_>,
    kind: &Kind,
    grant: &ControlGrant<control::PrincipalsRead>,
    key: ApplicationKey,
) -> Result<Option<ApplicationView>, Error> {
    let found = found(call, grant, key).await?;
    Ok(found.filter(|view| !kind.is_principal || view.principal.is_some()))
}

/// The application of a key, if there is one.
pub(super) async fn found(
    call: &Call<'_>,
    grant: &ControlGrant<control::PrincipalsRead>,
    key: ApplicationKey,
) -> Result<Option<ApplicationView>, Error> {
    match call.app.directory.load_application(grant, key).await {
        Ok(view) => Ok(Some(view)),
        Err(Application::Unknown { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
