//! Roles: named lists of actions, with the ids and names that Azure gives them. Only built-in ones; a role that somebody
//! makes up is refused where it is assigned.
//!
//! A role says what, not where or to whom: that is an [`Assignment`](crate::Assignment).

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
    pub const BUILT_IN: &'static [Self] = BUILT_IN;

    /// The role of this name, in any spelling; a GUID will do as well, as it does for `az role assignment create --role`.
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
        [REPOSITORY_READER, REPOSITORY_WRITER, REPOSITORY_CONTRIBUTOR].contains(&self.id)
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

const REPOSITORY_READER: RoleId = RoleId::new(0xb93a_a761_3e63_49ed_ac28_beff_a264_f7ac);
const REPOSITORY_WRITER: RoleId = RoleId::new(0x2a1e_307c_b015_4ebd_883e_5b76_98a0_7328);
const REPOSITORY_CONTRIBUTOR: RoleId = RoleId::new(0x2efd_daa5_3f1f_4df3_97df_af3f_1381_8f4c);

const NOTHING: &[&str] = &[];

/// A role of ARM actions alone.
const fn role(id: RoleId, name: &'static str, description: &'static str, actions: &'static [&'static str]) -> Role {
    Role {
        id,
        name,
        description,
        actions,
        not_actions: NOTHING,
        data_actions: NOTHING,
        not_data_actions: NOTHING,
    }
}

/// A role of data actions alone, or of both kinds.
const fn data_role(base: Role, data_actions: &'static [&'static str]) -> Role {
    Role { data_actions, ..base }
}

const BUILT_IN: &[Role] = &[
    role(
        RoleId::OWNER,
        "Owner",
        "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
        &["*"],
    ),
    Role {
        not_actions: &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
        ],
        ..role(
            RoleId::CONTRIBUTOR,
            "Contributor",
            "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC.",
            &["*"],
        )
    },
    role(
        RoleId::READER,
        "Reader",
        "View all resources, but does not allow you to make any changes.",
        &["*/read"],
    ),
    role(
        RoleId::USER_ACCESS_ADMINISTRATOR,
        "User Access Administrator",
        "Lets you manage user access to Azure resources.",
        &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
    ),
    role(
        RoleId::new(0xf583_10d9_a9f6_439a_9e8d_f62e_7b41_a168),
        "Role Based Access Control Administrator",
        "Manage access to Azure resources by assigning roles using Azure RBAC. This role does not allow you to manage access \
         using other ways, such as Azure Policy.",
        &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ],
    ),
    role(
        RoleId::ACR_PULL,
        "AcrPull",
        "acr pull",
        &["Microsoft.ContainerRegistry/registries/pull/read"],
    ),
    role(
        RoleId::ACR_PUSH,
        "AcrPush",
        "acr push",
        &[
            "Microsoft.ContainerRegistry/registries/pull/read",
            "Microsoft.ContainerRegistry/registries/push/write",
        ],
    ),
    role(
        RoleId::ACR_DELETE,
        "AcrDelete",
        "acr delete",
        &["Microsoft.ContainerRegistry/registries/artifacts/delete"],
    ),
    data_role(
        role(
            RoleId::new(0x6cef_56e8_d556_48e5_a04f_b8e6_4114_680f),
            "AcrImageSigner",
            "acr image signer",
            &["Microsoft.ContainerRegistry/registries/sign/write"],
        ),
        &["Microsoft.ContainerRegistry/registries/trustedCollections/write"],
    ),
    data_role(
        role(
            RoleId::new(0xcdda_3590_29a3_44f6_95f2_9f98_0659_eb04),
            "AcrQuarantineReader",
            "acr quarantine data reader",
            &["Microsoft.ContainerRegistry/registries/quarantine/read"],
        ),
        &["Microsoft.ContainerRegistry/registries/quarantinedArtifacts/read"],
    ),
    data_role(
        role(
            RoleId::new(0xc8d4_ff99_41c3_41a8_9f60_21df_dad5_9608),
            "AcrQuarantineWriter",
            "acr quarantine data writer",
            &[
                "Microsoft.ContainerRegistry/registries/quarantine/read",
                "Microsoft.ContainerRegistry/registries/quarantine/write",
            ],
        ),
        &[
            "Microsoft.ContainerRegistry/registries/quarantinedArtifacts/read",
            "Microsoft.ContainerRegistry/registries/quarantinedArtifacts/write",
        ],
    ),
    data_role(
        role(
            REPOSITORY_READER,
            "Container Registry Repository Reader",
            "Allows for read access to Azure Container Registry repositories, but excluding catalog listing.",
            NOTHING,
        ),
        &[data_action::METADATA_READ, data_action::CONTENT_READ],
    ),
    data_role(
        role(
            REPOSITORY_WRITER,
            "Container Registry Repository Writer",
            "Allows for read and write access to Azure Container Registry repositories, but excluding catalog listing.",
            NOTHING,
        ),
        &[
            data_action::METADATA_READ,
            data_action::CONTENT_READ,
            data_action::METADATA_WRITE,
            data_action::CONTENT_WRITE,
        ],
    ),
    data_role(
        role(
            REPOSITORY_CONTRIBUTOR,
            "Container Registry Repository Contributor",
            "Allows for read, write, and delete access to Azure Container Registry repositories, but excluding catalog \
             listing.",
            NOTHING,
        ),
        &[
            data_action::METADATA_READ,
            data_action::CONTENT_READ,
            data_action::METADATA_WRITE,
            data_action::CONTENT_WRITE,
            data_action::METADATA_DELETE,
            data_action::CONTENT_DELETE,
        ],
    ),
    data_role(
        role(
            RoleId::new(0xbfdb_9389_c9a5_478a_bb2f_ba9c_a092_c3c7),
            "Container Registry Repository Catalog Lister",
            "Allows for listing all repositories in an Azure Container Registry.",
            NOTHING,
        ),
        &[data_action::CATALOG_READ],
    ),
    role(
        RoleId::new(0x3bc7_48fc_213d_45c1_8d91_9da5_7255_39b9),
        "Container Registry Contributor and Data Access Configuration Administrator",
        "Creates, reads, updates and deletes registries, their settings, networking, replications, webhooks, tokens, scope \
         maps and admin credentials. No direct access to content, and no tasks, imports, cache rules or pipelines.",
        &[
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.ContainerRegistry/registries/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/read",
            "Microsoft.ContainerRegistry/registries/write",
            "Microsoft.ContainerRegistry/registries/delete",
            "Microsoft.ContainerRegistry/registries/listCredentials/action",
            "Microsoft.ContainerRegistry/registries/regenerateCredential/action",
            "Microsoft.ContainerRegistry/registries/generateCredentials/action",
            "Microsoft.ContainerRegistry/registries/replications/read",
            "Microsoft.ContainerRegistry/registries/replications/write",
            "Microsoft.ContainerRegistry/registries/replications/delete",
            "Microsoft.ContainerRegistry/registries/replications/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/privateEndpointConnectionsApproval/action",
            "Microsoft.ContainerRegistry/registries/privateEndpointConnections/read",
            "Microsoft.ContainerRegistry/registries/privateEndpointConnections/write",
            "Microsoft.ContainerRegistry/registries/privateEndpointConnections/delete",
            "Microsoft.ContainerRegistry/registries/privateEndpointConnections/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/tokens/read",
            "Microsoft.ContainerRegistry/registries/tokens/write",
            "Microsoft.ContainerRegistry/registries/tokens/delete",
            "Microsoft.ContainerRegistry/registries/tokens/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/scopeMaps/read",
            "Microsoft.ContainerRegistry/registries/scopeMaps/write",
            "Microsoft.ContainerRegistry/registries/scopeMaps/delete",
            "Microsoft.ContainerRegistry/registries/scopeMaps/operationStatuses/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Authorization/*/read",
            "Microsoft.ContainerRegistry/registries/connectedRegistries/read",
            "Microsoft.ContainerRegistry/registries/connectedRegistries/write",
            "Microsoft.ContainerRegistry/registries/connectedRegistries/delete",
            "Microsoft.ContainerRegistry/registries/connectedRegistries/deactivate/action",
            "Microsoft.ContainerRegistry/registries/webhooks/read",
            "Microsoft.ContainerRegistry/registries/webhooks/write",
            "Microsoft.ContainerRegistry/registries/webhooks/delete",
            "Microsoft.ContainerRegistry/registries/webhooks/getCallbackConfig/action",
            "Microsoft.ContainerRegistry/registries/webhooks/ping/action",
            "Microsoft.ContainerRegistry/registries/webhooks/listEvents/action",
            "Microsoft.ContainerRegistry/registries/webhooks/operationStatuses/read",
            "Microsoft.ContainerRegistry/locations/operationResults/read",
        ],
    ),
    role(
        RoleId::new(0x69b0_7be0_09bf_439a_b9a6_e73d_e851_bd59),
        "Container Registry Configuration Reader and Data Access Configuration Reader",
        "Reads registries, their settings, networking, replications, webhooks, tokens, scope maps and admin credentials. No \
         direct access to content, and no tasks, imports, cache rules or pipelines.",
        &[
            "Microsoft.ContainerRegistry/registries/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/read",
            "Microsoft.ContainerRegistry/registries/privateEndpointConnections/read",
            "Microsoft.ContainerRegistry/registries/privateEndpointConnections/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/listCredentials/action",
            "Microsoft.ContainerRegistry/registries/tokens/read",
            "Microsoft.ContainerRegistry/registries/tokens/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/scopeMaps/read",
            "Microsoft.ContainerRegistry/registries/scopeMaps/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/webhooks/read",
            "Microsoft.ContainerRegistry/registries/webhooks/getCallbackConfig/action",
            "Microsoft.ContainerRegistry/registries/webhooks/listEvents/action",
            "Microsoft.ContainerRegistry/registries/webhooks/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/replications/read",
            "Microsoft.ContainerRegistry/registries/replications/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/connectedRegistries/read",
        ],
    ),
    data_role(
        role(
            RoleId::new(0x577a_9874_89fd_4f24_9dbd_b503_4d0a_d23a),
            "Container Registry Data Importer and Data Reader",
            "Imports images through the import operation, lists repositories, views images and tags, gets manifests and pulls. \
             No pipelines, cache rules or sync rules.",
            &[
                "Microsoft.ContainerRegistry/registries/importImage/action",
                "Microsoft.ContainerRegistry/registries/read",
                "Microsoft.ContainerRegistry/registries/pull/read",
            ],
        ),
        &[
            data_action::CONTENT_READ,
            data_action::METADATA_READ,
            data_action::CATALOG_READ,
        ],
    ),
    role(
        RoleId::new(0xfb38_2eab_e894_4461_af04_9443_5c36_6c3f),
        "Container Registry Tasks Contributor",
        "Manages and runs tasks, runs and agent pools. What a task may do, this role may do.",
        &[
            "Microsoft.ContainerRegistry/registries/read",
            "Microsoft.ContainerRegistry/registries/tasks/*",
            "Microsoft.ContainerRegistry/registries/taskruns/*",
            "Microsoft.ContainerRegistry/registries/runs/*",
            "Microsoft.ContainerRegistry/registries/agentpools/*",
            "Microsoft.ContainerRegistry/registries/scheduleRun/action",
            "Microsoft.ContainerRegistry/registries/listBuildSourceUploadUrl/action",
        ],
    ),
    role(
        RoleId::new(0xbf94_e731_3a51_4a7c_8c54_a1ab_9971_dfc1),
        "Container Registry Transfer Pipeline Contributor",
        "Manages and runs import and export pipelines.",
        &[
            "Microsoft.ContainerRegistry/registries/exportPipelines/*",
            "Microsoft.ContainerRegistry/registries/importPipelines/*",
            "Microsoft.ContainerRegistry/registries/pipelineRuns/*",
        ],
    ),
    role(
        RoleId::new(0xdf87_f177_bb12_4db1_9793_a413_691e_ff94),
        "Container Registry Cache Rule Administrator",
        "Create, read, update and delete cache rules. No credential sets.",
        &[
            "Microsoft.ContainerRegistry/registries/cacheRules/read",
            "Microsoft.ContainerRegistry/registries/cacheRules/write",
            "Microsoft.ContainerRegistry/registries/cacheRules/delete",
            "Microsoft.ContainerRegistry/registries/cacheRules/operationStatuses/read",
        ],
    ),
    role(
        RoleId::new(0xc357_b964_0002_4b64_a50d_7a28_f02e_dc52),
        "Container Registry Cache Rule Reader",
        "Read cache rules. No credential sets.",
        &["Microsoft.ContainerRegistry/registries/cacheRules/read"],
    ),
    role(
        RoleId::new(0xf094_fb07_0703_4400_ad6a_e16d_d800_0e14),
        "Container Registry Credential Set Administrator",
        "Create, read, update and delete credential sets. No cache rules.",
        &[
            "Microsoft.ContainerRegistry/registries/credentialSets/read",
            "Microsoft.ContainerRegistry/registries/credentialSets/write",
            "Microsoft.ContainerRegistry/registries/credentialSets/delete",
            "Microsoft.ContainerRegistry/registries/credentialSets/operationStatuses/read",
        ],
    ),
    role(
        RoleId::new(0x2909_3635_9924_4f2c_913b_650a_1294_9526),
        "Container Registry Credential Set Reader",
        "Read credential sets. No cache rules.",
        &["Microsoft.ContainerRegistry/registries/credentialSets/read"],
    ),
];
