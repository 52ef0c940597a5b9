//! Imports: asked for here, done by a job, and polled here until they are done.

use bytes::Bytes;
use holdfast_access::{ControlGrant, ControlReach, control};
use holdfast_arm::{Code, Error as Arm, ResourceId};
use holdfast_model::{JobId, JobRecord, JobState};
use holdfast_oci::{Reference, RegistryHost, RepositoryName, Tag};
use holdfast_resources::{ImportFailure, ImportFailureKind, ImportTag, NewImport, NewImportSource};
use http::{HeaderValue, Response, StatusCode, header};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    body,
    error::Error,
    route::{OperationPath, RegistryPath},
    serve::Call,
};

/// What precedes an import's id in the URL of its outcome, as ACR writes it.
const PREFIX: &str = "registries-";
/// When to ask again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");
/// The longest user name that is stored.
const MAX_NAME_CHARS: usize = 255;
/// The longest password or token that is stored.
const MAX_PASSWORD_CHARS: usize = 16 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    source: Source,
    target_tags: Option<Vec<String>>,
    untagged_target_repositories: Option<Vec<String>>,
    mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    resource_id: Option<String>,
    registry_uri: Option<String>,
    source_image: String,
    credentials: Option<Credentials>,
}

#[derive(Deserialize)]
struct Credentials {
    username: Option<String>,
    password: Option<String>,
}

pub(crate) async fn import_image(
    call: &Call<'_>,
    grant: ControlGrant<control::ImportImage>,
    path: &RegistryPath,
) -> Result<Response<Bytes>, Error> {
    let request: Request = body::parse(call.body)?;
    let (repository, reference) = image(&request.source.source_image, "source.sourceImage")?;
    let (tags, untagged) = targets(&request, &repository, &reference)?;
    let is_forced = is_forced(request.mode.as_deref())?;
    let new = NewImport {
        source: source(call, &grant, request.source, repository).await?,
        reference,
        tags,
        untagged,
        is_forced,
    };
    let (id, location) = call.app.resources.ask_for_import(&grant, new).await?;
    let location = format!(
        "{}/subscriptions/{}/providers/Microsoft.ContainerRegistry/locations/{}/operationResults/{PREFIX}{}?api-version={}",
        call.site.base_url, path.subscription, location, id.0, call.version
    );
    Ok(underway(&Value::Null, &location))
}

/// How an import stands: whoever may import there may ask.
pub(crate) async fn operation_result(
    call: &Call<'_>,
    reach: ControlReach<control::ImportImage>,
    path: &OperationPath,
) -> Result<Response<Bytes>, Error> {
    let unknown = || {
        Arm::new(
            Code::NotFound,
            format!("The operation '{}' could not be found.", path.id),
        )
    };
    let id = path
        .id
        .strip_prefix(PREFIX)
        .and_then(|id| Uuid::try_parse(id).ok())
        .ok_or_else(unknown)?;
    let job = call
        .app
        .resources
        .find_import(&reach, JobId(id))
        .await?
        .ok_or_else(unknown)?;
    match job.state {
        JobState::Open => {
            let location = format!(
                "{}/subscriptions/{}/providers/Microsoft.ContainerRegistry/locations/{}/operationResults/{}?api-version={}",
                call.site.base_url, path.subscription, path.location, path.id, call.version
            );
            Ok(underway(&progress(&job), &location))
        }
        JobState::Succeeded => Ok(body::json(StatusCode::OK, &json!({ "status": "Succeeded" }))),
        JobState::Failed => Err(failure(ImportFailure::of(&job)).into()),
    }
}

fn underway(answer: &Value, location: &str) -> Response<Bytes> {
    let mut response = body::json(StatusCode::ACCEPTED, answer);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

/// ACR's word, and how far the import came, as ARM says that.
fn progress(job: &JobRecord) -> Value {
    let stored: Value = serde_json::from_str(&job.progress).unwrap_or_default();
    let count = |name: &str| stored[name].as_u64().unwrap_or(0);
    // The manifests come after the blobs, so it is never done before the end.
    let percent = (count("bytesDone") * 99)
        .checked_div(count("sizeBytes"))
        .unwrap_or(0)
        .min(99);
    json!({ "status": "Accepted", "percentComplete": percent })
}

fn failure(failure: ImportFailure) -> Arm {
    match failure.kind {
        ImportFailureKind::Conflict => Arm::conflict(&failure.message),
        ImportFailureKind::NotAllowed => Arm::new(Code::LinkedAuthorizationFailed, failure.message),
        ImportFailureKind::Source => Arm::of_provider(Code::InvalidParameters, failure.message),
        ImportFailureKind::TargetGone => Arm::new(Code::ResourceNotFound, failure.message),
        ImportFailureKind::Internal => Arm::new(Code::InternalServerError, failure.message),
    }
}

/// `REPOSITORY`, `REPOSITORY:TAG` or `REPOSITORY@DIGEST`; without either the tag is `latest`, as in ACR.
fn image(text: &str, parameter: &str) -> Result<(RepositoryName, Reference), Arm> {
    let wrong = |why: String| Arm::invalid_parameter(parameter, &why);
    let (repository, reference) = match text.split_once('@') {
        Some((repository, digest)) => (repository, digest),
        None => text.rsplit_once(':').unwrap_or((text, "latest")),
    };
    let name = repository
        .parse()
        .map_err(|error| wrong(format!("'{text}' names no image: {error}.")))?;
    let reference = reference
        .parse()
        .map_err(|error| wrong(format!("'{text}' names no image: {error}.")))?;
    Ok((name, reference))
}

/// Where the image goes. Without a word about it, it keeps its name.
fn targets(
    request: &Request,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<(Vec<ImportTag>, Vec<RepositoryName>), Arm> {
    let mut tags = Vec::new();
    for text in request.target_tags.iter().flatten() {
        tags.push(target(text, reference)?);
    }
    let mut untagged: Vec<RepositoryName> = Vec::new();
    for text in request.untagged_target_repositories.iter().flatten() {
        let wrong = |error| {
            let why = format!("'{text}' is no name of a repository: {error}.");
            Arm::invalid_parameter("untaggedTargetRepositories", &why)
        };
        untagged.push(text.parse().map_err(wrong)?);
    }
    if tags.is_empty() && untagged.is_empty() {
        match reference {
            Reference::Tag(tag) => tags.push(ImportTag {
                repository: repository.clone(),
                tag: tag.clone(),
            }),
            Reference::Digest(_) => untagged.push(repository.clone()),
        }
    }
    Ok((tags, untagged))
}

/// A target without a tag gets that of the source, or `latest`.
fn target(text: &str, source: &Reference) -> Result<ImportTag, Arm> {
    let wrong = |why: &str| Arm::invalid_parameter("targetTags", &format!("'{text}' {why}."));
    let (repository, tag) = match (text.rsplit_once(':'), source) {
        (Some((repository, tag)), _) => (repository, tag.to_owned()),
        (None, Reference::Tag(tag)) => (text, tag.to_string()),
        (None, Reference::Digest(_)) => (text, "latest".to_owned()),
    };
    let repository = repository
        .parse()
        .map_err(|_| wrong("is not of the form repository:tag"))?;
    let tag: Tag = tag.parse().map_err(|_| wrong("is not of the form repository:tag"))?;
    Ok(ImportTag { repository, tag })
}

fn is_forced(mode: Option<&str>) -> Result<bool, Arm> {
    match mode {
        None => Ok(false),
        Some(mode) if mode.eq_ignore_ascii_case("NoForce") => Ok(false),
        Some(mode) if mode.eq_ignore_ascii_case("Force") => Ok(true),
        Some(_) => Err(Arm::invalid_parameter("mode", "The mode must be NoForce or Force.")),
    }
}

/// The source, with what proves the right to it or with the password for it.
async fn source(
    call: &Call<'_>,
    grant: &ControlGrant<control::ImportImage>,
    source: Source,
    repository: RepositoryName,
) -> Result<NewImportSource, Error> {
    let password = source.credentials.as_ref().and_then(|given| given.password.clone());
    if source.credentials.is_some() && password.as_ref().is_none_or(String::is_empty) {
        return Err(Arm::invalid_parameter("source.credentials", "A password is required.").into());
    }
    match (source.resource_id, source.registry_uri) {
        (Some(id), None) => {
            let id: ResourceId = id.parse().map_err(Arm::from)?;
            Ok(call
                .app
                .resources
                .load_import_source(grant, call.who, &id, &repository)
                .await?)
        }
        (None, Some(uri)) => {
            let host = host(&uri)?;
            if password.is_none()
                && let Some(own) = named(call, grant, host.as_str(), &repository).await?
            {
                return Ok(own);
            }
            let username = source
                .credentials
                .and_then(|given| given.username)
                .filter(|name| !name.is_empty());
            let is_longer = |text: &Option<_>, most| text.as_ref().is_some_and(|text: &String| text.len() > most);
            if is_longer(&username, MAX_NAME_CHARS) || is_longer(&password, MAX_PASSWORD_CHARS) {
                return Err(Arm::invalid_parameter("source", "A user name or password is too long.").into());
            }
            let seal = |password| {
                let context = NewImportSource::secret_context(&host);
                call.app.sealer.seal(&SecretString::from(password), &context)
            };
            let password = password.map(seal).transpose().map_err(Error::Sealed)?;
            Ok(NewImportSource::Upstream {
                host,
                repository,
                username,
                password,
            })
        }
        _ => {
            let why = "Exactly one of resourceId and registryUri is required.";
            Err(Arm::invalid_parameter("source", why).into())
        }
    }
}

/// The host of a URI without anything else in it, as people write it too.
fn host(uri: &str) -> Result<RegistryHost, Arm> {
    let host = uri.strip_prefix("https://").unwrap_or(uri);
    let host = host.strip_suffix('/').unwrap_or(host);
    host.parse()
        .map_err(|error| Arm::invalid_parameter("source.registryUri", &format!("The registryUri {error}.")))
}

/// A repository of the registry of this server that answers at a host.
async fn named(
    call: &Call<'_>,
    grant: &ControlGrant<control::ImportImage>,
    host: &str,
    repository: &RepositoryName,
) -> Result<Option<NewImportSource>, Error> {
    let resources = &call.app.resources;
    match host.strip_suffix(&call.app.login_server_suffix) {
        Some(name) => Ok(resources.find_import_source(grant, call.who, name, repository).await?),
        None => Ok(None),
    }
}
