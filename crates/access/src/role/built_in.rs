//! The table of built-in roles. Ids, names and actions are Azure's; of the two registry administrators the actions on
//! services that are not served here (alerts, virtual networks, diagnostics) are left out.

use super::{Role, RoleId, data_action};

pub(super) const REPOSITORY_READER: RoleId = RoleId::new(0xb93a_a761_3e63_49ed_ac28_beff_a264_f7ac);
pub(super) const REPOSITORY_WRITER: RoleId = RoleId::new(0x2a1e_307c_b015_4ebd_883e_5b76_98a0_7328);
pub(super) const REPOSITORY_CONTRIBUTOR: RoleId = RoleId::new(0x2efd_daa5_3f1f_4df3_97df_af3f_1381_8f4c);

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

pub(super) const BUILT_IN: &[Role] = &[
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
        "Manage access to Azure resources by assigning roles using Azure RBAC. This role does not allow you to \
         manage access using other ways, such as Azure Policy.",
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
        "Creates, reads, updates and deletes registries, their settings, networking, replications, webhooks, tokens, \
         scope maps and admin credentials. No direct access to content, and no tasks, imports, cache rules or \
         pipelines.",
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
        "Reads registries, their settings, networking, replications, webhooks, tokens, scope maps and admin \
         credentials. No direct access to content, and no tasks, imports, cache rules or pipelines.",
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
            "Imports images through the import operation, lists repositories, views images and tags, gets manifests \
             and pulls. No pipelines, cache rules or sync rules.",
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
