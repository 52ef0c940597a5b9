//! Names, each with the grammar that ARM or ACR gives it. A name keeps its spelling and compares without regard to
//! case.
//!
//! A name says nothing of whether it is free or reserved. All are ASCII, where everybody folds case alike; a resource
//! group's too, though Azure takes letters of any script.

use crate::text::{compared_by_key, excerpt, fold_case, serde_as_text};

/// What the errors of these names name: ARM answers each with a code of its own.
pub(crate) const RESOURCE_GROUP: &str = "resource group";
pub(crate) const SUBSCRIPTION: &str = "subscription";
pub(crate) const ROLE_ASSIGNMENT: &str = "role assignment";

/// What a name may look like.
#[derive(Debug)]
struct Grammar {
    /// What is named, for the message: `registry`.
    what: &'static str,
    least: usize,
    most: usize,
    allows: fn(char) -> bool,
    /// The rule in ACR's or ARM's words; follows "Invalid resource name: 'x'. ".
    rule: &'static str,
}

/// Why a text is not a name of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} name {} is not valid: {rule}", excerpt(.input))]
pub struct Error {
    /// What it should have named, such as `registry`.
    pub what: &'static str,
    /// What was given.
    pub input: String,
    /// The rule, in the words of ACR or ARM.
    pub rule: &'static str,
}

impl Grammar {
    fn check(&self, input: &str) -> Result<(), Error> {
        let length = input.chars().take(self.most + 1).count();
        if (self.least..=self.most).contains(&length) && input.chars().all(self.allows) {
            Ok(())
        } else {
            Err(self.error(input))
        }
    }

    fn error(&self, input: &str) -> Error {
        Error {
            what: self.what,
            input: input.to_owned(),
            rule: self.rule,
        }
    }
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn is_alphanumeric_or_dash(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn is_alphanumeric_dash_or_underscore(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn is_group_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '(' | ')')
}

fn is_lower_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn any_end(_: &str) -> bool {
    true
}

fn no_dot_at_the_end(text: &str) -> bool {
    !text.ends_with('.')
}

fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

fn is_guid_character(c: char) -> bool {
    c.is_ascii_hexdigit() || c == '-'
}

const ALPHANUMERIC_RULE: &str =
    "Resource names may contain alpha numeric characters only and must be between 5 and 50 characters.";
const DASH_RULE: &str =
    "Resource names may contain alpha numeric characters and '-' only and must be between 5 and 50 characters.";
const DASH_UNDERSCORE_RULE: &str =
    "Resource names may contain alpha numeric characters, '-' and '_' only and must be between 5 and 50 characters.";
const GROUP_RULE: &str = "The name can only be a letter from a to z, digit, '-', '.', '(', ')' or '_', must be between \
                          1 and 90 characters and cannot end with '.'.";
const STORAGE_RULE: &str =
    "Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.";
const GUID_RULE: &str = "A GUID such as '00000000-0000-0000-0000-000000000000' is expected.";

macro_rules! names {
    ($(
        $(#[$doc:meta])*
        $name:ident: $what:expr, $least:literal to $most:literal of $allows:ident, $rule:ident, where $also:ident;
    )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            text: String,
            key: String,
        }

        impl $name {
            const GRAMMAR: Grammar = Grammar {
                what: $what,
                least: $least,
                most: $most,
                allows: $allows,
                rule: $rule,
            };

            /// The name as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.text
            }

            /// The name in lower case, as it is compared.
            #[must_use]
            pub fn key(&self) -> &str {
                &self.key
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(input: &str) -> Result<Self, Error> {
                Self::GRAMMAR.check(input)?;
                if !$also(input) {
                    return Err(Self::GRAMMAR.error(input));
                }
                Ok(Self { text: input.to_owned(), key: fold_case(input) })
            }
        }

        compared_by_key!($name);
        serde_as_text!($name);
    )+};
}

names! {
    /// The name of a registry: unique in the whole server, and the first label of its login server (in lower case).
    RegistryName: "registry", 5 to 50 of is_alphanumeric, ALPHANUMERIC_RULE, where any_end;
    /// The name of a webhook in its registry.
    WebhookName: "webhook", 5 to 50 of is_alphanumeric, ALPHANUMERIC_RULE, where any_end;
    /// The name of a replication in its registry; by custom its location.
    ReplicationName: "replication", 5 to 50 of is_alphanumeric, ALPHANUMERIC_RULE, where any_end;
    /// The name of a connected registry.
    ConnectedRegistryName: "connected registry", 5 to 50 of is_alphanumeric, ALPHANUMERIC_RULE, where any_end;
    /// The name of a scope map; those of the system begin with `_`.
    ScopeMapName: "scope map", 5 to 50 of is_alphanumeric_dash_or_underscore, DASH_UNDERSCORE_RULE, where any_end;
    /// The name of a token, which is also its user name.
    TokenName: "token", 5 to 50 of is_alphanumeric_or_dash, DASH_RULE, where any_end;
    /// The name of a cache rule.
    CacheRuleName: "cache rule", 5 to 50 of is_alphanumeric_or_dash, DASH_RULE, where any_end;
    /// The name of a credential set.
    CredentialSetName: "credential set", 5 to 50 of is_alphanumeric_or_dash, DASH_RULE, where any_end;
    /// The name of a resource group in its subscription.
    ResourceGroupName: RESOURCE_GROUP, 1 to 90 of is_group_character, GROUP_RULE, where no_dot_at_the_end;
    /// The name of a storage account, unique in the whole server.
    StorageAccountName: "storage account", 3 to 24 of is_lower_alphanumeric, STORAGE_RULE, where any_end;
    /// The id of a subscription: a GUID.
    SubscriptionId: SUBSCRIPTION, 36 to 36 of is_guid_character, GUID_RULE, where is_guid;
    /// The id of a directory: a GUID.
    TenantId: "tenant", 36 to 36 of is_guid_character, GUID_RULE, where is_guid;
    /// The name of a role assignment: a GUID that the client makes up.
    RoleAssignmentName: ROLE_ASSIGNMENT, 36 to 36 of is_guid_character, GUID_RULE, where is_guid;
}

/// What `checkNameAvailability` says of a name that is no registry's, word for word (recorded).
pub const INVALID_REGISTRY_NAME: &str =
    "Registry names may contain alpha numeric characters only and must be between 5 and 50 characters";
