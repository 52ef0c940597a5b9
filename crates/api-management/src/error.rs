//! What an error looks like on the control plane: one table from ARM's code to the status, one from the rules' errors to
//! ARM's. No status code of an error stands anywhere else in this crate.

mod role;
mod token;

use bytes::Bytes;
use holdfast_access::{ControlAction, ControlGrant, ControlRefusal, control};
use holdfast_arm::{Code, Error as Arm, ResourceGroupName};
use holdfast_directory::RoleError;
use holdfast_model::StorageError;
use holdfast_oci::message::chain;
use holdfast_resources::{Error as ResourceError, ImportError, QuotaError};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::{arm::storage_account, body};

/// When to try again, in seconds, where as many imports wait as a registry may have.
const IMPORTS_RETRY_SECS: u64 = 30;
/// The number of throttled sign-ins in Entra ID's table of errors.
const TOO_MANY_TRIES: u32 = 50053;
/// That of what cannot be read.
const MALFORMED_REQUEST: u32 = 90013;
/// That of what may be done later.
const TRY_AGAIN: u32 = 90033;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// In ARM's words.
    #[error(transparent)]
    Arm(#[from] Arm),
    /// The caller lacks a right.
    #[error(transparent)]
    Refused(#[from] ControlRefusal),
    /// In OAuth's words: the directory's token service.
    #[error("{description}")]
    OAuth {
        /// OAuth's code.
        code: &'static str,
        /// The number in Entra ID's table of errors.
        number: u32,
        /// For people.
        description: String,
    },
    /// A form of the token service that was not taken.
    #[error(transparent)]
    Form(Arm),
    /// Too many wrong secrets.
    #[error("too many failed sign-ins")]
    Throttled {
        /// When to try again.
        retry_after_secs: u64,
    },
    /// A secret that is stored does not open.
    #[error("a stored secret cannot be read")]
    Sealed(#[source] holdfast_identity::sealed::Error),
    /// An operation on a resource failed.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// One on a role assignment failed.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// A store did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// For people who tried too often.
pub(crate) fn too_many_tries(retry_after_secs: u64) -> String {
    let plural = if retry_after_secs == 1 { "" } else { "s" };
    format!("There were too many tries. Try again in {retry_after_secs} second{plural}.")
}

/// The answer. `group` is the resource group of the path, which some messages name.
pub(crate) fn render(error: Error, group: Option<&ResourceGroupName>, request_id: &str) -> Response<Bytes> {
    let arm = match error {
        Error::Arm(arm) => arm,
        Error::Refused(refusal) => refused(&refusal),
        Error::OAuth {
            code,
            number,
            description,
        } => return oauth(code, number, &description),
        Error::Form(arm) => return form(&arm),
        Error::Throttled { retry_after_secs } => {
            let description = too_many_tries(retry_after_secs);
            let mut response = oauth("temporarily_unavailable", TOO_MANY_TRIES, &description);
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            let seconds = HeaderValue::from(retry_after_secs);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            return response;
        }
        Error::Sealed(source) => {
            tracing::error!(error = %source, "a stored secret cannot be read");
            Arm::internal(request_id)
        }
        Error::Resource(error) => resource_error(error, group, request_id),
        Error::Role(error) => role::role_error(error, request_id),
        Error::Storage(error) => storage_error(&error, request_id),
    };
    arm_response(&arm)
}

fn arm_response(error: &Arm) -> Response<Bytes> {
    let mut response = body::json(status(error.code()), error);
    if status(error.code()) == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Entra ID's form, which MSAL reads.
fn oauth(code: &str, number: u32, description: &str) -> Response<Bytes> {
    let status = match code {
        "invalid_client" => StatusCode::UNAUTHORIZED,
        "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let document = json!({
        "error": code,
        "error_description": format!("AADSTS{number}: {description}"),
        "error_codes": [number],
    });
    body::json(status, &document)
}

/// In the token service's form, with the status of the cause.
fn form(cause: &Arm) -> Response<Bytes> {
    let status = status(cause.code());
    let (code, number) = match status.is_server_error() {
        true => ("temporarily_unavailable", TRY_AGAIN),
        false => ("invalid_request", MALFORMED_REQUEST),
    };
    let mut response = oauth(code, number, cause.message());
    *response.status_mut() = status;
    response
}

/// ARM says it the same way whether the thing is there or not, unless the caller may read it.
fn refused(refusal: &ControlRefusal) -> Arm {
    let id = actor_id(refusal);
    Arm::authorization_failed(&id, &id, refusal.action, &refusal.scope)
}

/// The caller may do what it asked for, but lacks a right on another resource that the body names.
pub(crate) fn refused_linked<A: ControlAction>(grant: &ControlGrant<A>, linked: &ControlRefusal) -> Error {
    self::linked::<A>(grant.scope().key(), linked).into()
}

fn linked<A: ControlAction>(scope: &str, linked: &ControlRefusal) -> Arm {
    let id = actor_id(linked);
    Arm::linked_authorization_failed(&id, &id, (A::ACTION, scope), (linked.action, &linked.scope))
}

fn actor_id(refusal: &ControlRefusal) -> String {
    match &refusal.actor {
        holdfast_access::Actor::Principal { id } => id.clone(),
        other => other.to_string(),
    }
}

fn resource_error(error: ResourceError, group: Option<&ResourceGroupName>, request_id: &str) -> Arm {
    let group_name = group.map_or_else(String::new, ToString::to_string);
    match error {
        ResourceError::ResourceGroupUnknown { name } => group_unknown(group, &name),
        ResourceError::ResourceGroupBeingDeleted { name } => group_being_deleted(group, &name),
        ResourceError::ResourceGroupElsewhere { wanted, found } => Arm::resource_group_elsewhere(&wanted, &found),
        ResourceError::RegistryUnknown { name } => {
            Arm::resource_not_found("Microsoft.ContainerRegistry/registries", &name, &group_name)
        }
        ResourceError::RegistryNameTaken { name } => Arm::registry_name_in_use(&name),
        ResourceError::RegistryElsewhere { wanted, found } => Arm::new(
            Code::InvalidResourceLocation,
            format!("The resource already exists in location '{found}'; it cannot be created in location '{wanted}'."),
        ),
        ResourceError::RegistryProtected { name } => Arm::conflict(&format!(
            "The registry {name} is the default registry of this server and cannot be deleted."
        )),
        ResourceError::AdminDisabled { name } => Arm::of_provider(
            Code::BadRequest,
            format!("The admin user is disabled for the registry {name}. Please enable it and try again."),
        ),
        ResourceError::LocationUnknown {
            resource_type,
            location,
            known,
        } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            Arm::location_unavailable_for_type(&location, resource_type, &known)
        }
        ResourceError::StorageAccount(error) => storage_account::error(error, &group_name),
        ResourceError::SkuLacks { feature, sku } => Arm::unsupported_in_sku(feature, sku.as_str()),
        ResourceError::QuotaExceeded { feature, quota, sku } => Arm::quota_exceeded(feature, quota, sku.as_str()),
        ResourceError::Token(error) => token::token_error(error),
        ResourceError::SkuTooSmall { sku, in_use } => Arm::of_provider(
            Code::BadRequest,
            format!(
                "The SKU cannot be changed to {}, which does not have what the registry uses: {}. Switch it off or \
                 remove it first.",
                sku.as_str(),
                in_use.join(", ")
            ),
        ),
        ResourceError::SettingsContradict { reason } => Arm::of_provider(Code::InvalidParameters, reason),
        ResourceError::PreconditionFailed { condition } => Arm::precondition_failed(&condition),
        ResourceError::Quota(error) => quota_error(&error),
        ResourceError::Import(error) => import_error(error),
        ResourceError::Storage(error) => storage_error(&error, request_id),
        error @ ResourceError::Interrupted { .. } => internal(&error, request_id),
    }
}

fn import_error(error: ImportError) -> Arm {
    match error {
        ImportError::TagExists { repository, tag } => {
            Arm::conflict(&format!("Tag {repository}:{tag} already exists in target registry"))
        }
        ImportError::SourceUnknown { name, group } => {
            Arm::resource_not_found("Microsoft.ContainerRegistry/registries", &name, &group)
        }
        ImportError::SourceRefused { refusal, target } => linked::<control::ImportImage>(&target, &refusal),
        ImportError::TooManyImports { .. } => Arm::too_many_requests(IMPORTS_RETRY_SECS),
        ImportError::TooManyTags { count, limit } => {
            let why = format!("{count} targets in one request; at most {limit} are taken.");
            Arm::invalid_parameter("targetTags", &why)
        }
        ImportError::ExportDisabled { name } => Arm::conflict(&format!(
            "The export policy of the registry {name} is disabled. Images cannot be imported from it."
        )),
    }
}

/// What is wrong with a store is told to nobody but the log.
fn storage_error(error: &StorageError, request_id: &str) -> Arm {
    match error {
        StorageError::Overloaded { .. } => Arm::server_timeout(),
        StorageError::Full { .. }
        | StorageError::Metadata(_)
        | StorageError::AccountClosed { .. }
        | StorageError::Blobs { .. } => internal(error, request_id),
    }
}

fn internal(error: &dyn std::error::Error, request_id: &str) -> Arm {
    tracing::error!(error = %chain(error), request_id, "a request of the control plane failed");
    Arm::internal(request_id)
}

fn group_unknown(group: Option<&ResourceGroupName>, name: &str) -> Arm {
    match group {
        Some(group) => Arm::resource_group_not_found(group),
        None => Arm::new(
            Code::ResourceGroupNotFound,
            format!("Resource group '{name}' could not be found."),
        ),
    }
}

fn group_being_deleted(group: Option<&ResourceGroupName>, name: &str) -> Arm {
    match group {
        Some(group) => Arm::resource_group_being_deleted(group),
        None => Arm::new(
            Code::ResourceGroupBeingDeleted,
            format!("The resource group '{name}' is in deprovisioning state."),
        ),
    }
}

fn quota_error(error: &QuotaError) -> Arm {
    match error {
        QuotaError::ResourceGroups { name, limit } => Arm::resource_group_quota_exceeded(name, *limit),
        QuotaError::Resources {
            resource_type,
            place,
            limit,
        } => Arm::resource_quota_exceeded(resource_type, place, *limit),
    }
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::AuthenticationFailed
        | Code::ExpiredAuthenticationToken
        | Code::InvalidAuthenticationToken
        | Code::InvalidAuthenticationTokenAudience
        | Code::InvalidAuthenticationTokenTenant => StatusCode::UNAUTHORIZED,
        Code::AuthorizationFailed | Code::LinkedAuthorizationFailed | Code::RoleAssignmentUpdateNotPermitted => {
            StatusCode::FORBIDDEN
        }
        Code::NotFound
        | Code::InvalidResourceNamespace
        | Code::InvalidResourceType
        | Code::ResourceGroupNotFound
        | Code::ResourceNotFound
        | Code::RoleAssignmentNotFound
        | Code::RoleDefinitionDoesNotExist
        | Code::SubscriptionNotFound => StatusCode::NOT_FOUND,
        Code::HttpMethodNotSupported => StatusCode::METHOD_NOT_ALLOWED,
        Code::Conflict
        | Code::InvalidResourceGroupLocation
        | Code::InvalidResourceLocation
        | Code::MissingSubscriptionRegistration
        | Code::RegistryNameAlreadyInUse
        | Code::ReservedResourceName
        | Code::ResourceGroupBeingDeleted
        | Code::ResourceGroupQuotaExceeded
        | Code::ResourceQuotaExceeded
        | Code::RoleAssignmentExists
        | Code::StorageAccountAlreadyTaken => StatusCode::CONFLICT,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::RequestContentTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Code::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
        Code::ServerTimeout => StatusCode::SERVICE_UNAVAILABLE,
        Code::BadRequest
        | Code::InvalidApiVersionParameter
        | Code::InvalidConditionSyntax
        | Code::InvalidFilterInQueryString
        | Code::InvalidParameter
        | Code::InvalidParameters
        | Code::InvalidRequestContent
        | Code::InvalidPrincipalId
        | Code::InvalidResourceGroup
        | Code::InvalidResourceId
        | Code::InvalidRoleAssignmentId
        | Code::InvalidSku
        | Code::InvalidSubscriptionId
        | Code::InvalidTagNameCharacters
        | Code::LinkedInvalidPropertyId
        | Code::LocationNotAvailableForResourceGroup
        | Code::LocationNotAvailableForResourceType
        | Code::LocationRequired
        | Code::MissingApiVersionParameter
        | Code::NoRegisteredProviderFound
        | Code::PrincipalNotFound
        | Code::ResourceNameInvalid
        | Code::RoleAssignmentLimitExceeded
        | Code::TagNameTooLong
        | Code::TagValueTooLong
        | Code::TooManyTags
        | Code::UnmatchedPrincipalType => StatusCode::BAD_REQUEST,
    }
}
