//! The actions of ARM, as types that a [`ControlGrant`](crate::ControlGrant) is for. A list, and nothing else.

use super::{ControlAction, sealed::Sealed};

/// Each line: the type, its action, and the action of reading the same thing, both after the paths of their group.
macro_rules! control_actions {
    ($(in $group:literal, known in $known:literal { $($name:ident: $action:literal known by $read:literal;)+ })+) => {
        $($(
            #[doc = concat!("`", $group, "/", $action, "`")]
            #[derive(Debug)]
            pub enum $name {}
            impl Sealed for $name {}
            impl ControlAction for $name {
                const ACTION: &'static str = concat!($group, "/", $action);
                const READ: &'static str = concat!($known, "/", $read);
            }
        )+)+

        /// Every action that this server asks roles for, with the one that reads the same thing: for the list of
        /// operations, and for tests that must miss none.
        pub const ACTIONS: &[(&str, &str)] =
            &[$($((concat!($group, "/", $action), concat!($known, "/", $read)),)+)+];
    };
}

control_actions! {
    in "Microsoft.Resources/subscriptions", known in "Microsoft.Resources/subscriptions" {
        SubscriptionsRead: "read" known by "read";
        LocationsRead: "locations/read" known by "read";
        ProvidersRead: "providers/read" known by "read";
        ResourcesRead: "resources/read" known by "resources/read";
        ResourceGroupsRead: "resourceGroups/read" known by "resourceGroups/read";
        ResourceGroupsWrite: "resourceGroups/write" known by "resourceGroups/read";
        ResourceGroupsDelete: "resourceGroups/delete" known by "resourceGroups/read";
    }
    in "Microsoft.ContainerRegistry", known in "Microsoft.Resources/subscriptions" {
        RegisterProvider: "register/action" known by "read";
        CheckNameAvailability: "checkNameAvailability/read" known by "read";
        OperationResultsRead: "locations/operationResults/read" known by "read";
    }
    in "Microsoft.ContainerRegistry/registries", known in "Microsoft.ContainerRegistry/registries" {
        RegistriesRead: "read" known by "read";
        RegistriesWrite: "write" known by "read";
        RegistriesDelete: "delete" known by "read";
        OperationStatusesRead: "operationStatuses/read" known by "read";
        ImportImage: "importImage/action" known by "read";
        ListCredentials: "listCredentials/action" known by "read";
        RegenerateCredential: "regenerateCredential/action" known by "read";
        GenerateCredentials: "generateCredentials/action" known by "read";
        ListUsages: "listUsages/read" known by "read";
        ListPolicies: "listPolicies/read" known by "read";
        UpdatePolicies: "updatePolicies/write" known by "read";
        PrivateLinkResourcesRead: "privateLinkResources/read" known by "read";
        PullRead: "pull/read" known by "read";
        ScopeMapsRead: "scopeMaps/read" known by "scopeMaps/read";
        ScopeMapsWrite: "scopeMaps/write" known by "scopeMaps/read";
        ScopeMapsDelete: "scopeMaps/delete" known by "scopeMaps/read";
        TokensRead: "tokens/read" known by "tokens/read";
        TokensWrite: "tokens/write" known by "tokens/read";
        TokensDelete: "tokens/delete" known by "tokens/read";
        WebhooksRead: "webhooks/read" known by "webhooks/read";
        WebhooksWrite: "webhooks/write" known by "webhooks/read";
        WebhooksDelete: "webhooks/delete" known by "webhooks/read";
        WebhooksPing: "webhooks/ping/action" known by "webhooks/read";
        WebhooksListEvents: "webhooks/listEvents/action" known by "webhooks/read";
        WebhooksGetCallbackConfig: "webhooks/getCallbackConfig/action" known by "webhooks/read";
        ReplicationsRead: "replications/read" known by "replications/read";
        ReplicationsWrite: "replications/write" known by "replications/read";
        ReplicationsDelete: "replications/delete" known by "replications/read";
        CacheRulesRead: "cacheRules/read" known by "cacheRules/read";
        CacheRulesWrite: "cacheRules/write" known by "cacheRules/read";
        CacheRulesDelete: "cacheRules/delete" known by "cacheRules/read";
        CredentialSetsRead: "credentialSets/read" known by "credentialSets/read";
        CredentialSetsWrite: "credentialSets/write" known by "credentialSets/read";
        CredentialSetsDelete: "credentialSets/delete" known by "credentialSets/read";
        ConnectedRegistriesRead: "connectedRegistries/read" known by "connectedRegistries/read";
        PrivateEndpointConnectionsRead: "privateEndpointConnections/read" known by "privateEndpointConnections/read";
        TasksRead: "tasks/read" known by "tasks/read";
        TaskRunsRead: "taskruns/read" known by "taskruns/read";
        RunsRead: "runs/read" known by "runs/read";
        AgentPoolsRead: "agentpools/read" known by "agentpools/read";
    }
    in "Microsoft.Storage", known in "Microsoft.Resources/subscriptions" {
        CheckStorageAccountName: "checknameavailability/read" known by "read";
    }
    in "Microsoft.Storage/storageAccounts", known in "Microsoft.Storage/storageAccounts" {
        StorageAccountsRead: "read" known by "read";
        StorageAccountsWrite: "write" known by "read";
        StorageAccountsDelete: "delete" known by "read";
    }
    in "Microsoft.Authorization", known in "Microsoft.Authorization" {
        RoleAssignmentsRead: "roleAssignments/read" known by "roleAssignments/read";
        RoleAssignmentsWrite: "roleAssignments/write" known by "roleAssignments/read";
        RoleAssignmentsDelete: "roleAssignments/delete" known by "roleAssignments/read";
        RoleDefinitionsRead: "roleDefinitions/read" known by "roleDefinitions/read";
        DenyAssignmentsRead: "denyAssignments/read" known by "denyAssignments/read";
        // Holdfast's own: Azure guards its directory with directory roles. In this namespace a Contributor, whom Azure
        // keeps from giving rights away, cannot give a password to a principal that has more rights.
        PrincipalsRead: "principals/read" known by "principals/read";
        PrincipalsWrite: "principals/write" known by "principals/read";
        PrincipalsDelete: "principals/delete" known by "principals/read";
    }
}
