//! Roles: named lists of actions, with the ids and names that Azure gives them. Only built-in ones; a role that
//! somebody makes up is refused where it is assigned.
//!
//! A role says what, not where or to whom: that is an [`Assignment`](crate::Assignment).

mod built_in;

use std::fmt;
use std::str::FromStr;

/// Data actions of registries, as roles and conditions name them.
pub mod data_action {
    /// Pull.
    pub const CONTENT_READ: &str = "Microsoft.ContainerRegistry/registries/repositories/content/read";
    /// Push.
    pub const CONTENT_WRITE: &str = "Microsoft.ContainerRegistry/registries/repositories/content/write";
    /// Delete content.
    pub const CONTENT_DELETE: &str = "Microsoft.ContainerRegistry/registries/repositories/content/delete";
    /// Read attributes and listings.
    pub const METADATA_READ: &str = "Microsoft.ContainerRegistry/registries/repositories/metadata/read";
    /// Change attributes.
    pub const METADATA_WRITE: &str = "Microsoft.ContainerRegistry/registries/repositories/metadata/write";
    /// Delete attributes; nothing in this registry asks for it.
    pub const METADATA_DELETE: &str = "Microsoft.ContainerRegistry/registries/repositories/metadata/delete";
    /// List the repositories.
    pub const CATALOG_READ: &str = "Microsoft.ContainerRegistry/registries/catalog/read";
}

/// The id of a role definition: a GUID, the same in every directory for built-in ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(u128);

/// Why a text is not the id of a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("role id {input:?} is not a GUID, nor ends in one after roleDefinitions/")]
pub struct RoleIdError {
    /// What was given.
    pub input: String,
}

impl RoleId {
    /// The role with every right, assignment of roles too.
    pub const OWNER: Self = Self(0x8e3a_f657_a8ff_443c_a75c_2fe8_c4bc_b635);
    /// As the owner, but for the assignment of roles.
    pub const CONTRIBUTOR: Self = Self(0xb249_88ac_6180_42a0_ab88_20f7_382d_d24c);
    /// Reads everything.
    pub const READER: Self = Self(0xacdd_72a7_3385_48ef_bd42_f606_fba8_1ae7);
    /// Reads everything and assigns roles.
    pub const USER_ACCESS_ADMINISTRATOR: Self = Self(0x18d7_d88d_d35e_4fb5_a5c3_7773_c20a_72d9);
    /// Pulls from every repository (where repositories have no permissions of their own).
    pub const ACR_PULL: Self = Self(0x7f95_1dda_4ed3_4680_a7ca_43fe_172d_538d);
    /// Pulls and pushes.
    pub const ACR_PUSH: Self = Self(0x8311_e382_0749_4cb8_b61a_304f_252e_45ec);
    /// Deletes content.
    pub const ACR_DELETE: Self = Self(0xc2f4_ef07_c644_48eb_af81_4b1b_4947_fb11);

    const fn new(value: u128) -> Self {
        Self(value)
    }

    /// What is known of the role.
    #[must_use]
    pub fn role(self) -> Option<&'static Role> {
        Role::BUILT_IN.iter().find(|role| role.id == self)
    }
}

impl FromStr for RoleId {
    type Err = RoleIdError;

    /// Reads a GUID in any case, alone or as the last segment of a role definition's ARM id.
    fn from_str(input: &str) -> Result<Self, RoleIdError> {
        let refused = || RoleIdError {
            input: input.to_owned(),
        };
        let guid = match input.rsplit_once('/') {
            Some((path, guid)) if path.to_ascii_lowercase().ends_with("/roledefinitions") => guid,
            Some(_) => return Err(refused()),
            None => input,
        };
        let is_guid = guid.split('-').map(str::len).eq([8, 4, 4, 4, 12])
            && guid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if !is_guid {
            return Err(refused());
        }
        u128::from_str_radix(&guid.replace('-', ""), 16)
            .map(Self)
            .map_err(|_| refused())
    }
}

impl fmt::Display for RoleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(
            f,
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}

impl fmt::Debug for RoleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleId({self})")
    }
}

/// A role. Lists hold patterns in which `*` stands for any text, slashes too; the lists of what it may not do win.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name, such as `AcrPull`.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub description: &'static str,
    /// What it may do through ARM, and (for registries without repository permissions) with all content.
    pub actions: &'static [&'static str],
    /// What of `actions` it may not do.
    pub not_actions: &'static [&'static str],
    /// What it may do with content.
    pub data_actions: &'static [&'static str],
    /// What of `data_actions` it may not do.
    pub not_data_actions: &'static [&'static str],
}

impl Role {
    /// Every role there is, in the order in which they are listed.
    pub const BUILT_IN: &'static [Self] = built_in::BUILT_IN;

    /// The role of this name, in any spelling; a GUID will do as well, as it does for `az role assignment create
    /// --role`.
    #[must_use]
    pub fn find(name_or_id: &str) -> Option<&'static Self> {
        match name_or_id.parse::<RoleId>() {
            Ok(id) => id.role(),
            Err(_) => Self::BUILT_IN
                .iter()
                .find(|role| role.name.eq_ignore_ascii_case(name_or_id)),
        }
    }

    /// Whether the role allows an action of ARM, such as `Microsoft.ContainerRegistry/registries/read`.
    #[must_use]
    pub fn allows(&self, action: &str) -> bool {
        listed(self.actions, action) && !listed(self.not_actions, action)
    }

    /// Whether the role allows a data action, such as those in [`data_action`].
    #[must_use]
    pub fn allows_data(&self, action: &str) -> bool {
        listed(self.data_actions, action) && !listed(self.not_data_actions, action)
    }

    /// Whether an assignment of the role may carry a condition: ACR has them for the three roles of repositories only.
    #[must_use]
    pub fn takes_condition(&self) -> bool {
        [
            built_in::REPOSITORY_READER,
            built_in::REPOSITORY_WRITER,
            built_in::REPOSITORY_CONTRIBUTOR,
        ]
        .contains(&self.id)
    }
}

fn listed(patterns: &[&str], action: &str) -> bool {
    patterns.iter().any(|pattern| action_matches(pattern, action))
}

/// Whether a pattern such as `Microsoft.Authorization/*/read` covers an action, without regard to case.
#[must_use]
pub fn action_matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == action;
    };
    let Some(mut left) = action.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    // The earliest place for each piece leaves most room for those after it.
    for piece in pieces {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}
