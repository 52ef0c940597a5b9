//! The codes of errors, as ARM spells them.

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident,)+) => {
        /// The machine-readable part of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $code,)+ }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// The code as it stands in the body.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)+ }
            }
        }
    };
}

codes! {
    /// The caller's token was not accepted as a whole; also its absence.
    AuthenticationFailed,
    /// The caller lacks the right (403).
    AuthorizationFailed,
    /// The provider refuses a value.
    BadRequest,
    /// The resource is in a state that does not allow this.
    Conflict,
    /// The token is past its end.
    ExpiredAuthenticationToken,
    /// The method does not fit the path.
    HttpMethodNotSupported,
    /// Something broke here.
    InternalServerError,
    /// The api-version is malformed.
    InvalidApiVersionParameter,
    /// The token cannot be read or was not signed here.
    InvalidAuthenticationToken,
    /// The token is for somebody else.
    InvalidAuthenticationTokenAudience,
    /// The token is from a directory that this server does not trust.
    InvalidAuthenticationTokenTenant,
    /// The condition of a role assignment is not read here.
    InvalidConditionSyntax,
    /// `$filter` is not read here.
    InvalidFilterInQueryString,
    /// A value of the body is out of its range.
    InvalidParameter,
    /// Several values do not go together.
    InvalidParameters,
    /// The id of a principal is no GUID.
    InvalidPrincipalId,
    /// The body is not the JSON that is expected; also two tags whose names differ in case alone.
    InvalidRequestContent,
    /// The name of a resource group is out of the grammar.
    InvalidResourceGroup,
    /// The group exists in another location.
    InvalidResourceGroupLocation,
    /// The id of a resource is out of the grammar.
    InvalidResourceId,
    /// The resource exists in another location.
    InvalidResourceLocation,
    /// The namespace is none that is served.
    InvalidResourceNamespace,
    /// The type is none that is served.
    InvalidResourceType,
    /// The name of a role assignment is no GUID.
    InvalidRoleAssignmentId,
    /// The SKU does not exist.
    InvalidSku,
    /// The id of a subscription is no GUID.
    InvalidSubscriptionId,
    /// A tag's name holds what ARM refuses.
    InvalidTagNameCharacters,
    /// The caller lacks a right on another resource that the body names.
    LinkedAuthorizationFailed,
    /// Another resource that the body names is in the wrong place or does not exist.
    LinkedInvalidPropertyId,
    /// The location is none that is served.
    LocationNotAvailableForResourceGroup,
    /// The location is none that is served.
    LocationNotAvailableForResourceType,
    /// The body lacks `location`.
    LocationRequired,
    /// The api-version is missing.
    MissingApiVersionParameter,
    /// The provider is not registered in the subscription.
    MissingSubscriptionRegistration,
    /// No such type at this version or location.
    NoRegisteredProviderFound,
    /// Nothing is served at this path.
    NotFound,
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed,
    /// The directory has no such principal.
    PrincipalNotFound,
    /// A registry of this name exists, maybe out of the caller's sight.
    RegistryNameAlreadyInUse,
    /// The body is over its limit.
    RequestContentTooLarge,
    /// The body did not come.
    RequestTimeout,
    /// The name is kept for the system.
    ReservedResourceName,
    /// The group is being deleted.
    ResourceGroupBeingDeleted,
    /// No such resource group.
    ResourceGroupNotFound,
    /// More resource groups than a subscription can have.
    ResourceGroupQuotaExceeded,
    /// The name is out of the grammar of its kind.
    ResourceNameInvalid,
    /// No such resource.
    ResourceNotFound,
    /// More resources of a type than a group or a subscription can have.
    ResourceQuotaExceeded,
    /// The same principal has the same role on the same scope.
    RoleAssignmentExists,
    /// More role assignments than there can be.
    RoleAssignmentLimitExceeded,
    /// No such role assignment.
    RoleAssignmentNotFound,
    /// Principal, role and scope of an assignment are fixed.
    RoleAssignmentUpdateNotPermitted,
    /// No such role definition.
    RoleDefinitionDoesNotExist,
    /// Too busy, or shutting down.
    ServerTimeout,
    /// A storage account of this name exists, maybe out of the caller's sight.
    StorageAccountAlreadyTaken,
    /// No such subscription.
    SubscriptionNotFound,
    /// A tag's name is too long or empty.
    TagNameTooLong,
    /// A tag's value is too long.
    TagValueTooLong,
    /// Too many requests, or guesses.
    TooManyRequests,
    /// More tags than a resource can have.
    TooManyTags,
    /// The principal is of another type than the body says.
    UnmatchedPrincipalType,
    /// The body is not JSON by its type.
    UnsupportedMediaType,
}
