//! What an error looks like in Graph: one table from its codes to statuses, one from the rules' errors to its codes.

use bytes::Bytes;
use holdfast_access::ControlRefusal;
use holdfast_arm::{Code as ArmCode, Error as Arm};
use holdfast_directory::application::Error as Application;
use holdfast_model::StorageError;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::{body, error::Error as Management};

/// Graph's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BadRequest,
    UnsupportedQuery,
    InvalidToken,
    RequestDenied,
    ResourceNotFound,
    MethodNotAllowed,
    MultipleObjects,
    QuotaExceeded,
    TooLarge,
    TooManyRequests,
    ServiceUnavailable,
    Timeout,
    Internal,
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// In Graph's words.
    #[error("{message}")]
    Graph {
        /// Its code.
        code: Code,
        /// For people.
        message: String,
    },
    /// The caller lacks a right.
    #[error(transparent)]
    Refused(ControlRefusal),
    /// What the whole face shares: tokens, bodies.
    #[error(transparent)]
    Shared(#[from] Management),
    /// The operation on an application failed.
    #[error(transparent)]
    Application(#[from] Application),
    /// A store did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Error {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Graph {
            code,
            message: message.into(),
        }
    }

    /// A property that is not as it should be.
    pub(super) fn invalid_value(property: &str, why: &str) -> Self {
        Self::new(
            Code::BadRequest,
            format!("Invalid value specified for property '{property}': {why}."),
        )
    }

    /// A reference to something that is not there.
    pub(super) fn not_found(id: &str) -> Self {
        Self::new(Code::ResourceNotFound, no_resource(id))
    }
}

impl From<Arm> for Error {
    fn from(error: Arm) -> Self {
        Self::Shared(error.into())
    }
}

/// The answer.
pub(super) fn render(error: Error, request_id: &str) -> Response<Bytes> {
    let (code, message) = match error {
        Error::Graph { code, message } => (code, message),
        Error::Refused(_) => denied(),
        Error::Application(error) => application(error, request_id),
        Error::Storage(error) | Error::Shared(Management::Storage(error)) => storage(&error, request_id),
        Error::Shared(Management::Arm(arm)) => shared(&arm),
        Error::Shared(Management::Refused(_)) => denied(),
        // What the other audiences of the face are told: Graph asks for no token, no resource and no role assignment.
        Error::Shared(
            error @ (Management::OAuth { .. }
            | Management::Form(_)
            | Management::Throttled { .. }
            | Management::Sealed(_)
            | Management::Resource(_)
            | Management::Role(_)),
        ) => internal(&error, request_id),
    };
    let (status, word) = code.on_the_wire();
    let document = json!({
        "error": {
            "code": word,
            "message": message,
            "innerError": { "request-id": request_id },
        }
    });
    let mut response = body::json(status, &document);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

impl Code {
    fn on_the_wire(self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "Request_BadRequest"),
            Self::UnsupportedQuery => (StatusCode::BAD_REQUEST, "Request_UnsupportedQuery"),
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken"),
            Self::RequestDenied => (StatusCode::FORBIDDEN, "Authorization_RequestDenied"),
            Self::ResourceNotFound => (StatusCode::NOT_FOUND, "Request_ResourceNotFound"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest"),
            Self::MultipleObjects => (StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue"),
            Self::QuotaExceeded => (StatusCode::BAD_REQUEST, "Directory_QuotaExceeded"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request_EntityTooLarge"),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests"),
            Self::ServiceUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "Request_Timeout"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "generalException"),
        }
    }
}

fn no_resource(id: &str) -> String {
    format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.")
}

fn denied() -> (Code, String) {
    let message = "Insufficient privileges to complete the operation.";
    (Code::RequestDenied, message.to_owned())
}

fn internal(error: &dyn std::error::Error, request_id: &str) -> (Code, String) {
    tracing::error!(error = %holdfast_oci::message::chain(error), request_id, "a request of Graph failed");
    (
        Code::Internal,
        format!("An error has occurred; its cause is in the server's log under {request_id}."),
    )
}

/// Of what ARM says about a token or a body.
fn shared(error: &Arm) -> (Code, String) {
    (code_of(error.code()), error.message().to_owned())
}

fn code_of(code: ArmCode) -> Code {
    match code {
        ArmCode::AuthenticationFailed
        | ArmCode::ExpiredAuthenticationToken
        | ArmCode::InvalidAuthenticationToken
        | ArmCode::InvalidAuthenticationTokenAudience
        | ArmCode::InvalidAuthenticationTokenTenant => Code::InvalidToken,
        ArmCode::RequestContentTooLarge => Code::TooLarge,
        ArmCode::TooManyRequests => Code::TooManyRequests,
        ArmCode::ServerTimeout => Code::ServiceUnavailable,
        ArmCode::RequestTimeout => Code::Timeout,
        ArmCode::InternalServerError => Code::Internal,
        ArmCode::AuthorizationFailed
        | ArmCode::LinkedAuthorizationFailed
        | ArmCode::RoleAssignmentUpdateNotPermitted
        | ArmCode::NotFound
        | ArmCode::InvalidResourceNamespace
        | ArmCode::InvalidResourceType
        | ArmCode::ResourceGroupNotFound
        | ArmCode::ResourceNotFound
        | ArmCode::RoleAssignmentNotFound
        | ArmCode::RoleDefinitionDoesNotExist
        | ArmCode::SubscriptionNotFound
        | ArmCode::HttpMethodNotSupported
        | ArmCode::Conflict
        | ArmCode::InvalidResourceGroupLocation
        | ArmCode::InvalidResourceLocation
        | ArmCode::MissingSubscriptionRegistration
        | ArmCode::RegistryNameAlreadyInUse
        | ArmCode::ReservedResourceName
        | ArmCode::ResourceGroupBeingDeleted
        | ArmCode::ResourceGroupQuotaExceeded
        | ArmCode::ResourceQuotaExceeded
        | ArmCode::RoleAssignmentExists
        | ArmCode::StorageAccountAlreadyTaken
        | ArmCode::PreconditionFailed
        | ArmCode::UnsupportedMediaType
        | ArmCode::BadRequest
        | ArmCode::InvalidApiVersionParameter
        | ArmCode::InvalidConditionSyntax
        | ArmCode::InvalidFilterInQueryString
        | ArmCode::InvalidParameter
        | ArmCode::InvalidParameters
        | ArmCode::InvalidRequestContent
        | ArmCode::InvalidPrincipalId
        | ArmCode::InvalidResourceGroup
        | ArmCode::InvalidResourceId
        | ArmCode::InvalidRoleAssignmentId
        | ArmCode::InvalidSku
        | ArmCode::InvalidSubscriptionId
        | ArmCode::InvalidTagNameCharacters
        | ArmCode::LinkedInvalidPropertyId
        | ArmCode::LocationNotAvailableForResourceGroup
        | ArmCode::LocationNotAvailableForResourceType
        | ArmCode::LocationRequired
        | ArmCode::MissingApiVersionParameter
        | ArmCode::NoRegisteredProviderFound
        | ArmCode::PrincipalNotFound
        | ArmCode::ResourceNameInvalid
        | ArmCode::RoleAssignmentLimitExceeded
        | ArmCode::TagNameTooLong
        | ArmCode::TagValueTooLong
        | ArmCode::TooManyTags
        | ArmCode::UnmatchedPrincipalType => Code::BadRequest,
    }
}

/// Entra ID's words, with the number and who may do more.
fn quota_exceeded(whose: &str, limit: u64, next: &str) -> (Code, String) {
    let message = format!(
        "The directory object quota limit for the {whose} has been exceeded: there are {limit} applications, the most \
         there can be. Please {next}."
    );
    (Code::QuotaExceeded, message)
}

/// What is wrong with a store is told to nobody but the log.
fn storage(error: &StorageError, request_id: &str) -> (Code, String) {
    match error {
        StorageError::Overloaded { .. } => {
            let message = "The server has too much to do; try again shortly.";
            (Code::ServiceUnavailable, message.to_owned())
        }
        StorageError::Full { .. }
        | StorageError::Metadata(_)
        | StorageError::AccountClosed { .. }
        | StorageError::Blobs { .. } => internal(error, request_id),
    }
}

fn application(error: Application, request_id: &str) -> (Code, String) {
    let not_found = |what: &str| (Code::ResourceNotFound, no_resource(what));
    match error {
        Application::Unknown { id } => not_found(&id.to_string()),
        Application::FederatedUnknown { name } => not_found(&name),
        Application::OutOfReach { .. } => denied(),
        Application::PrincipalExists { app_id } => (
            Code::MultipleObjects,
            format!(
                "The service principal cannot be created, updated, or restored because the service principal name \
                 {app_id} is already in use."
            ),
        ),
        Application::SecretUnknown { id } => (
            Code::BadRequest,
            format!("No password credential found with keyId '{id}'."),
        ),
        Application::CertificateUnknown { id } => (
            Code::BadRequest,
            format!("No key credential found with keyId '{id}'; a new one needs its 'key'."),
        ),
        Application::FederatedTaken { what } => (
            Code::MultipleObjects,
            format!("FederatedIdentityCredential with {what} already exists."),
        ),
        Application::TooManyOfAuthor { limit } => quota_exceeded(
            "Principal",
            limit,
            "delete objects to reduce the used quota, or use another principal",
        ),
        Application::TooMany { limit } => quota_exceeded(
            "Tenant",
            limit,
            "ask your administrator to delete objects that nobody uses",
        ),
        Application::Storage(error) => storage(&error, request_id),
        Application::TooManyCredentials { what, limit } => (
            Code::QuotaExceeded,
            format!("An application has at most {limit} {what}; remove one first."),
        ),
    }
}
