//! Named errors of ARM's front end: paths, versions, bodies, callers, rights, subscriptions, groups and locations.

use super::{Code, Error};
use crate::{ApiVersion, ResourceGroupName, ResourceId};

/// Of paths, versions and bodies.
impl Error {
    /// The request has no `api-version`.
    #[must_use]
    pub fn missing_api_version() -> Self {
        Self::new(
            Code::MissingApiVersionParameter,
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    }

    /// The api-version is malformed. `supported` are those announced for the type.
    #[must_use]
    pub fn invalid_api_version(given: &str, supported: &[&str]) -> Self {
        Self::new(
            Code::InvalidApiVersionParameter,
            format!(
                "The api-version '{given}' is invalid. The supported versions are '{}'.",
                supported.join(",")
            ),
        )
    }

    /// The type does not exist at this version or location. `kind` is the type without its namespace.
    #[must_use]
    pub fn no_registered_provider(
        location: Option<&str>,
        version: ApiVersion,
        kind: &str,
        versions: &[&str],
        locations: &[&str],
    ) -> Self {
        let place = location.map_or_else(String::new, |location| format!("location '{location}' and "));
        Self::new(
            Code::NoRegisteredProviderFound,
            format!(
                "No registered resource provider found for {place}API version '{version}' for type '{kind}'. The \
                 supported api-versions are '{}'. The supported locations are '{}'.",
                versions.join(", "),
                locations.join(", ")
            ),
        )
    }

    /// The namespace is none that is served.
    #[must_use]
    pub fn invalid_resource_namespace(namespace: &str) -> Self {
        Self::new(
            Code::InvalidResourceNamespace,
            format!("The resource namespace '{namespace}' is invalid."),
        )
    }

    /// The type is none that is served in its namespace.
    #[must_use]
    pub fn invalid_resource_type(kind: &str, namespace: &str, version: ApiVersion) -> Self {
        Self::new(
            Code::InvalidResourceType,
            format!(
                "The resource type '{kind}' could not be found in the namespace '{namespace}' for api version \
                 '{version}'."
            ),
        )
    }

    /// Nothing is served at this path.
    #[must_use]
    pub fn path_not_found(path: &str) -> Self {
        Self::new(Code::NotFound, format!("The requested path '{path}' does not exist."))
    }

    /// The method does not fit the path.
    #[must_use]
    pub fn method_not_supported(method: &str) -> Self {
        Self::new(
            Code::HttpMethodNotSupported,
            format!("The http method '{method}' is not supported for this resource."),
        )
    }

    /// The body is not the JSON that is expected. `why` says what is wrong and where.
    #[must_use]
    pub fn invalid_request_content(why: &str) -> Self {
        Self::new(
            Code::InvalidRequestContent,
            format!("The request content was invalid and could not be deserialized: '{why}'."),
        )
    }

    /// The body is over its limit.
    #[must_use]
    pub fn request_content_too_large(limit_bytes: usize) -> Self {
        Self::new(
            Code::RequestContentTooLarge,
            format!("The request content size exceeds the maximum size of {limit_bytes} bytes."),
        )
    }

    /// The body is not JSON by its `Content-Type`.
    #[must_use]
    pub fn unsupported_media_type(given: &str) -> Self {
        Self::new(
            Code::UnsupportedMediaType,
            format!("The content media type '{given}' is not supported. Only 'application/json' is supported."),
        )
    }

    /// `If-Match` or `If-None-Match` does not hold.
    #[must_use]
    pub fn precondition_failed(etag: &str) -> Self {
        Self::new(
            Code::PreconditionFailed,
            format!("The condition '{etag}' specified using HTTP conditional header(s) is not met."),
        )
    }

    /// Something broke here; `request_id` leads to the log.
    #[must_use]
    pub fn internal(request_id: &str) -> Self {
        Self::new(
            Code::InternalServerError,
            format!("Encountered internal server error. Diagnostic information: request id '{request_id}'."),
        )
    }

    /// The body did not come in time.
    #[must_use]
    pub fn request_timeout(seconds: u64) -> Self {
        Self::new(
            Code::RequestTimeout,
            format!("The request content did not come: no data for {seconds} seconds."),
        )
    }

    /// Too busy, or shutting down.
    #[must_use]
    pub fn server_timeout() -> Self {
        Self::new(Code::ServerTimeout, "The request timed out. Please retry the request.")
    }

    /// Too many requests, or guesses.
    #[must_use]
    pub fn too_many_requests(retry_after_secs: u64) -> Self {
        Self::new(
            Code::TooManyRequests,
            format!("The request is being throttled. Please retry after {retry_after_secs} seconds."),
        )
    }
}

/// Of callers and rights.
impl Error {
    /// The request has no token.
    #[must_use]
    pub fn authentication_missing() -> Self {
        Self::new(
            Code::AuthenticationFailed,
            "Authentication failed. The 'Authorization' header is missing.",
        )
    }

    /// The token cannot be read or was not signed here.
    #[must_use]
    pub fn invalid_token() -> Self {
        Self::new(Code::InvalidAuthenticationToken, "The access token is invalid.")
    }

    /// The token is past its end. Moments as `M/D/YYYY h:mm:ss AM`, or in any form that people read.
    #[must_use]
    pub fn expired_token(expired_at: &str, now: &str) -> Self {
        Self::new(
            Code::ExpiredAuthenticationToken,
            format!("The access token expiry UTC time '{expired_at}' is earlier than current UTC time '{now}'."),
        )
    }

    /// The token is for somebody else.
    #[must_use]
    pub fn invalid_token_audience(given: &str, expected: &str) -> Self {
        Self::new(
            Code::InvalidAuthenticationTokenAudience,
            format!(
                "The access token has been obtained for wrong audience or resource '{given}'. It should exactly \
                 match with one of the allowed audiences '{expected}'."
            ),
        )
    }

    /// The token is from a directory that this server does not trust.
    #[must_use]
    pub fn invalid_token_tenant(issuer: &str) -> Self {
        Self::new(
            Code::InvalidAuthenticationTokenTenant,
            format!("The access token is from the wrong issuer '{issuer}'."),
        )
    }

    /// The caller lacks the right. `client` is the name or application id, `action` such as
    /// `Microsoft.ContainerRegistry/registries/write`.
    #[must_use]
    pub fn authorization_failed(client: &str, object_id: &str, action: &str, scope: &str) -> Self {
        Self::new(
            Code::AuthorizationFailed,
            format!(
                "The client '{client}' with object id '{object_id}' does not have authorization to perform action \
                 '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please \
                 refresh your credentials."
            ),
        )
    }

    /// The caller has the right on the resource, but not the one needed on another that the body names.
    #[must_use]
    pub fn linked_authorization_failed(
        client: &str,
        object_id: &str,
        (action, scope): (&str, &str),
        (linked_action, linked_scope): (&str, &str),
    ) -> Self {
        Self::new(
            Code::LinkedAuthorizationFailed,
            format!(
                "The client '{client}' with object id '{object_id}' has permission to perform action '{action}' on \
                 scope '{scope}'; however, it does not have permission to perform action(s) '{linked_action}' on the \
                 linked scope(s) '{linked_scope}' or the linked scope(s) are invalid."
            ),
        )
    }

    /// The same principal has the same role on the same scope.
    #[must_use]
    pub fn role_assignment_exists() -> Self {
        Self::new(Code::RoleAssignmentExists, "The role assignment already exists.")
    }

    /// More resource groups than a subscription can have.
    #[must_use]
    pub fn resource_group_quota_exceeded(name: &str, limit: u64) -> Self {
        Self::new(
            Code::ResourceGroupQuotaExceeded,
            format!(
                "Creating the resource group '{name}' would exceed the quota of '{limit}'. The current resource group \
                 count is '{limit}', please delete some groups before creating a new one."
            ),
        )
    }

    /// More resources of a type than a `resource group` or a `subscription` can have.
    #[must_use]
    pub fn resource_quota_exceeded(resource_type: &str, place: &str, limit: u64) -> Self {
        Self::new(
            Code::ResourceQuotaExceeded,
            format!(
                "Creating the resource of type '{resource_type}' would exceed the quota of '{limit}' resources of type \
                 '{resource_type}' per {place}. The current resource count is '{limit}', please delete some resources of \
                 this type before creating a new one."
            ),
        )
    }

    /// More role assignments than there can be.
    #[must_use]
    pub fn role_assignment_limit_exceeded(limit: u64) -> Self {
        Self::new(
            Code::RoleAssignmentLimitExceeded,
            format!("No more role assignments can be created: there are {limit}, the most there can be."),
        )
    }

    /// No such role assignment.
    #[must_use]
    pub fn role_assignment_not_found(name: &str) -> Self {
        Self::new(
            Code::RoleAssignmentNotFound,
            format!("The role assignment '{name}' is not found."),
        )
    }

    /// Principal, role and scope of an assignment are fixed.
    #[must_use]
    pub fn role_assignment_update_not_permitted() -> Self {
        Self::new(
            Code::RoleAssignmentUpdateNotPermitted,
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
        )
    }

    /// The condition of a role assignment is not read here. `why` begins small and has no full stop.
    #[must_use]
    pub fn invalid_condition(why: &str) -> Self {
        Self::new(
            Code::InvalidConditionSyntax,
            format!("The condition of the role assignment is not valid: {why}."),
        )
        .with_target("properties.condition")
    }

    /// No such role definition.
    #[must_use]
    pub fn role_definition_not_found(role: &str) -> Self {
        Self::new(
            Code::RoleDefinitionDoesNotExist,
            format!("The specified role definition with ID '{role}' does not exist."),
        )
    }

    /// The id of a principal is no GUID.
    #[must_use]
    pub fn invalid_principal_id(given: &str) -> Self {
        Self::new(
            Code::InvalidPrincipalId,
            format!("The Principal ID '{given}' is not valid. Principal ID must be a GUID."),
        )
    }

    /// The principal is of another type than the body says.
    #[must_use]
    pub fn unmatched_principal_type(principal: &str, found: &str, given: &str) -> Self {
        Self::new(
            Code::UnmatchedPrincipalType,
            format!(
                "The PrincipalId '{principal}' has type '{found}', which is different from specified PrincipalType \
                 '{given}'."
            ),
        )
    }

    /// The directory has no such principal.
    #[must_use]
    pub fn principal_not_found(principal: &str, tenant: &str) -> Self {
        Self::new(
            Code::PrincipalNotFound,
            format!(
                "Principal {principal} does not exist in the directory {tenant}. Check that you have the correct \
                 principal ID."
            ),
        )
    }
}

/// Of subscriptions, groups and locations.
impl Error {
    /// The id of a subscription is no GUID.
    #[must_use]
    pub fn invalid_subscription_id(given: &str) -> Self {
        Self::new(
            Code::InvalidSubscriptionId,
            format!("The provided subscription identifier '{given}' is malformed or invalid."),
        )
    }

    /// No such subscription.
    #[must_use]
    pub fn subscription_not_found(id: &str) -> Self {
        Self::new(
            Code::SubscriptionNotFound,
            format!("The subscription '{id}' could not be found."),
        )
    }

    /// The provider is not registered in the subscription.
    #[must_use]
    pub fn missing_subscription_registration(namespace: &str) -> Self {
        Self::new(
            Code::MissingSubscriptionRegistration,
            format!(
                "The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found \
                 for how to register subscriptions."
            ),
        )
    }

    /// No such resource group.
    #[must_use]
    pub fn resource_group_not_found(group: &ResourceGroupName) -> Self {
        Self::new(
            Code::ResourceGroupNotFound,
            format!("Resource group '{group}' could not be found."),
        )
    }

    /// The group is being deleted.
    #[must_use]
    pub fn resource_group_being_deleted(group: &ResourceGroupName) -> Self {
        Self::new(
            Code::ResourceGroupBeingDeleted,
            format!("The resource group '{group}' is in deprovisioning state and cannot perform this operation."),
        )
    }

    /// The group exists in another location.
    #[must_use]
    pub fn resource_group_elsewhere(given: &str, existing: &str) -> Self {
        Self::new(
            Code::InvalidResourceGroupLocation,
            format!(
                "Invalid resource group location '{given}'. The Resource group already exists in location '{existing}'."
            ),
        )
    }

    /// The location is none that resource groups can have.
    #[must_use]
    pub fn location_unavailable_for_group(given: &str, available: &[&str]) -> Self {
        Self::new(
            Code::LocationNotAvailableForResourceGroup,
            format!(
                "The provided location '{given}' is not available for resource group. List of available regions is \
                 '{}'.",
                available.join(",")
            ),
        )
    }

    /// The location is none that resources of this full type can have.
    #[must_use]
    pub fn location_unavailable_for_type(given: &str, resource_type: &str, available: &[&str]) -> Self {
        Self::new(
            Code::LocationNotAvailableForResourceType,
            format!(
                "The provided location '{given}' is not available for resource type '{resource_type}'. List of \
                 available regions for the resource type is '{}'. The operator of this server adds one with: holdfast \
                 serve --location {given}",
                available.join(",")
            ),
        )
    }

    /// The body lacks `location`.
    #[must_use]
    pub fn location_required() -> Self {
        Self::new(
            Code::LocationRequired,
            "The location property is required for this definition.",
        )
    }

    /// The resource exists in another location.
    #[must_use]
    pub fn resource_elsewhere(name: &str, existing: &str, group: &str, given: &str) -> Self {
        Self::new(
            Code::InvalidResourceLocation,
            format!(
                "The resource '{name}' already exists in location '{existing}' in resource group '{group}'. A \
                 resource with the same name cannot be created in location '{given}'. Please select a new resource \
                 name."
            ),
        )
    }

    /// No such resource directly in a group. ARM's front end says so from its own records.
    #[must_use]
    pub fn resource_not_found(resource_type: &str, name: &str, group: &str) -> Self {
        Self::new(
            Code::ResourceNotFound,
            format!(
                "The Resource '{resource_type}/{name}' under resource group '{group}' was not found. For more \
                 details please go to https://aka.ms/ARMResourceNotFoundFix"
            ),
        )
    }

    /// The same for an id: a group, a resource in one, or a resource inside a resource.
    #[must_use]
    pub fn not_found(id: &ResourceId) -> Self {
        match (id.resource_type(), id.names().as_slice(), id.resource_group()) {
            (Some(kind), [name], Some(group)) => Self::resource_not_found(&kind, name, group),
            (None, _, Some(group)) => Self::new(
                Code::ResourceGroupNotFound,
                format!("Resource group '{group}' could not be found."),
            ),
            (None, _, None) if id.subscription().is_some() => Self::subscription_not_found(id.name()),
            _ => Self::child_not_found(id.name()),
        }
    }

    /// A property names a resource that is in the wrong place or does not exist.
    #[must_use]
    pub fn linked_property_invalid(id: &str, path: &str) -> Self {
        Self::new(
            Code::LinkedInvalidPropertyId,
            format!(
                "Property id '{id}' at path '{path}' is invalid. Expect fully qualified resource Id that start with \
                 '/subscriptions/{{subscriptionId}}' or '/providers/{{resourceProviderNamespace}}/'."
            ),
        )
    }
}
