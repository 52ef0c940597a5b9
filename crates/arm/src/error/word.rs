//! What a malformed word is answered with.

use super::{Code, Error};
use crate::{api_version, filter, location, name, resource_id, tags};

impl From<name::Error> for Error {
    fn from(error: name::Error) -> Self {
        let name::Error { what, input, rule } = error;
        match what {
            name::RESOURCE_GROUP => Self::new(
                Code::InvalidResourceGroup,
                format!("The provided resource group name '{input}' is invalid. {rule}"),
            ),
            name::SUBSCRIPTION => Self::invalid_subscription_id(&input),
            name::ROLE_ASSIGNMENT => Self::new(
                Code::InvalidRoleAssignmentId,
                format!("The role assignment ID '{input}' is not valid. The role assignment ID must be a GUID."),
            ),
            _ => Self::of_provider(
                Code::ResourceNameInvalid,
                format!("Invalid resource name: '{input}'. {rule}"),
            ),
        }
    }
}

impl From<resource_id::Error> for Error {
    fn from(error: resource_id::Error) -> Self {
        Self::new(Code::InvalidResourceId, sentence(&error))
    }
}

impl From<api_version::Error> for Error {
    fn from(error: api_version::Error) -> Self {
        Self::invalid_api_version(&error.input, api_version::REGISTRY_VERSIONS)
    }
}

impl From<filter::Error> for Error {
    fn from(error: filter::Error) -> Self {
        Self::new(
            Code::InvalidFilterInQueryString,
            format!("Invalid $filter specified in the query string: {error}."),
        )
    }
}

impl From<location::Error> for Error {
    fn from(error: location::Error) -> Self {
        Self::new(Code::LocationNotAvailableForResourceType, sentence(&error))
    }
}

impl From<tags::Error> for Error {
    fn from(error: tags::Error) -> Self {
        let code = match &error {
            tags::Error::TooMany { .. } => Code::TooManyTags,
            tags::Error::Name { .. } => Code::InvalidTagNameCharacters,
            tags::Error::NameLength { .. } => Code::TagNameTooLong,
            tags::Error::ValueLength { .. } => Code::TagValueTooLong,
            tags::Error::Twice { .. } => Code::InvalidRequestContent,
        };
        Self::new(code, sentence(&error)).with_target("tags")
    }
}

/// ARM's messages are sentences, ours begin small and have no full stop.
fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => text,
    }
}
