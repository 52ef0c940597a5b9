//! What a path means. It is read once into a [`Route`]; nothing behind this module looks at a path again. Letters count
//! without regard to case, as in ARM, and a slash at the end does not count.

mod directory;
mod operation;
mod parent;
mod role;
mod scope_map;
mod storage_account;
mod token;
mod unserved;

use holdfast_arm::{Error, RegistryName, ResourceGroupName, RoleAssignmentName, SubscriptionId};
use http::Method;
use percent_encoding::percent_decode_str;

pub(crate) use operation::OperationPath;
pub(crate) use role::ScopePath;
pub(crate) use scope_map::ScopeMapPath;
pub(crate) use storage_account::StoragePath;
pub(crate) use token::TokenPath;
pub(crate) use unserved::Unserved;

/// The longest path that is looked at.
const MAX_PATH_BYTES: usize = 4096;

/// A resource group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPath {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The group, as written.
    pub group: ResourceGroupName,
}

/// A registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryPath {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The group, as written.
    pub group: ResourceGroupName,
    /// The registry, as written.
    pub name: RegistryName,
}

/// An enum of endpoints with their labels.
macro_rules! routes {
    ($route:ident, $($(#[$doc:meta])* $name:ident $(($($field:ty),+))? = $label:literal;)+) => {
        /// An endpoint of the control plane with its parameters.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $route { $($(#[$doc])* $name $(($($field),+))?,)+ }

        impl $route {
            /// The labels of all routes: for metrics, and for tests that must miss none.
            pub const LABELS: &[&str] = &[$($label,)+];

            /// Its name in logs and metrics.
            #[must_use]
            pub fn label(&self) -> &'static str {
                match self { $(Self::$name { .. } => $label,)+ }
            }
        }
    };
}

pub(crate) use routes;

/// An endpoint of this face with its parameters, by who answers it. Those of the directory that `az ad` calls are
/// [`GraphRoute`](crate::GraphRoute).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET /metadata/endpoints`
    Metadata,
    /// The directory's token service: where tokens come from, so it wants none.
    Directory(DirectoryRoute),
    /// The control plane.
    Arm(Box<ArmRoute>),
}

/// The label of the first of these.
const METADATA: &str = "arm.metadata";

routes! { DirectoryRoute,
    /// `GET /{tenant}[/v2.0]/.well-known/openid-configuration`
    OpenIdConfiguration(String) = "directory.openid-configuration";
    /// `GET /{tenant}/discovery/v2.0/keys`
    Keys(String) = "directory.keys";
    /// `POST /{tenant}/oauth2/v2.0/token`
    Token(String) = "directory.token";
    /// `POST /{tenant}/oauth2/v2.0/devicecode`
    DeviceCode(String) = "directory.device-code";
    /// `GET /devicelogin`
    DevicePage = "directory.device-page";
    /// `POST /devicelogin`
    DeviceSubmit = "directory.device-answer";
    /// `GET /{tenant}/oauth2/v2.0/authorize`
    AuthorizePage(String) = "directory.authorize-page";
    /// `POST /{tenant}/oauth2/v2.0/authorize`
    AuthorizeSubmit(String) = "directory.authorize-answer";
    /// `GET /common/userrealm/{user}`
    UserRealm = "directory.user-realm";
}

routes! { ArmRoute,
    /// `GET /tenants`
    TenantsList = "arm.tenants.list";
    /// `GET /subscriptions`
    SubscriptionsList = "arm.subscriptions.list";
    /// `GET /subscriptions/{s}`
    SubscriptionGet(SubscriptionId) = "arm.subscriptions.get";
    /// `GET …/locations`
    LocationsList(SubscriptionId) = "arm.locations.list";
    /// `GET …/resourceGroups`
    GroupsList(SubscriptionId) = "arm.groups.list";
    /// `PUT …/resourceGroups/{g}`
    GroupPut(GroupPath) = "arm.groups.put";
    /// `GET …/resourceGroups/{g}`
    GroupGet(GroupPath) = "arm.groups.get";
    /// `HEAD …/resourceGroups/{g}`
    GroupHead(GroupPath) = "arm.groups.head";
    /// `PATCH …/resourceGroups/{g}`
    GroupPatch(GroupPath) = "arm.groups.patch";
    /// `DELETE …/resourceGroups/{g}`
    GroupDelete(GroupPath) = "arm.groups.delete";
    /// `GET …/resources` of a subscription
    ResourcesList(SubscriptionId) = "arm.resources.list";
    /// `GET …/resources` of a group
    ResourcesOfGroup(GroupPath) = "arm.resources.list-of-group";
    /// `GET …/providers`
    ProvidersList(SubscriptionId) = "arm.providers.list";
    /// `GET …/providers/{ns}`
    ProviderGet(SubscriptionId, String) = "arm.providers.get";
    /// `POST …/providers/{ns}/register`
    ProviderRegister(SubscriptionId, String) = "arm.providers.register";
    /// `POST …/checkNameAvailability`
    CheckName(SubscriptionId) = "arm.registries.check-name";
    /// `GET …/registries` of a subscription
    RegistriesList(SubscriptionId) = "arm.registries.list";
    /// `GET …/registries` of a group
    RegistriesOfGroup(GroupPath) = "arm.registries.list-of-group";
    /// `PUT …/registries/{r}`
    RegistryPut(RegistryPath) = "arm.registries.put";
    /// `GET …/registries/{r}`
    RegistryGet(RegistryPath) = "arm.registries.get";
    /// `PATCH …/registries/{r}`
    RegistryPatch(RegistryPath) = "arm.registries.patch";
    /// `DELETE …/registries/{r}`
    RegistryDelete(RegistryPath) = "arm.registries.delete";
    /// `POST …/listCredentials`
    ListCredentials(RegistryPath) = "arm.registries.list-credentials";
    /// `POST …/regenerateCredential`
    RegenerateCredential(RegistryPath) = "arm.registries.regenerate-credential";
    /// `GET …/listUsages`
    ListUsages(RegistryPath) = "arm.registries.list-usages";
    /// `POST …/importImage`
    ImportImage(RegistryPath) = "arm.registries.import-image";
    /// `GET …/locations/{l}/operationResults/{o}`
    OperationResult(OperationPath) = "arm.operation-results.get";
    /// `GET …/listPolicies`
    ListPolicies(RegistryPath) = "arm.registries.list-policies";
    /// `POST …/updatePolicies`
    UpdatePolicies(RegistryPath) = "arm.registries.update-policies";
    /// `GET …/replications`
    ReplicationsList(RegistryPath) = "arm.replications.list";
    /// `GET …/webhooks` and other lists of what is not served
    UnservedList(RegistryPath, Unserved) = "arm.unserved.list";
    /// `GET …/webhooks/{w}`, and `DELETE`
    UnservedChild(RegistryPath, Unserved) = "arm.unserved.child";
    /// `PUT …/webhooks/{w}` and whatever else would make or run one
    UnservedChange(RegistryPath, Unserved) = "arm.unserved.change";
    /// `GET /providers/Microsoft.ContainerRegistry/operations`
    OperationsList = "arm.providers.operations";
    /// `GET …/scopeMaps`
    ScopeMapsList(RegistryPath) = "arm.scope-maps.list";
    /// `PUT …/scopeMaps/{m}`
    ScopeMapPut(ScopeMapPath) = "arm.scope-maps.put";
    /// `GET …/scopeMaps/{m}`
    ScopeMapGet(ScopeMapPath) = "arm.scope-maps.get";
    /// `PATCH …/scopeMaps/{m}`
    ScopeMapPatch(ScopeMapPath) = "arm.scope-maps.patch";
    /// `DELETE …/scopeMaps/{m}`
    ScopeMapDelete(ScopeMapPath) = "arm.scope-maps.delete";
    /// `GET …/tokens`
    TokensList(RegistryPath) = "arm.tokens.list";
    /// `PUT …/tokens/{t}`
    TokenPut(TokenPath) = "arm.tokens.put";
    /// `GET …/tokens/{t}`
    TokenGet(TokenPath) = "arm.tokens.get";
    /// `PATCH …/tokens/{t}`
    TokenPatch(TokenPath) = "arm.tokens.patch";
    /// `DELETE …/tokens/{t}`
    TokenDelete(TokenPath) = "arm.tokens.delete";
    /// `POST …/generateCredentials`
    GenerateCredentials(RegistryPath) = "arm.tokens.generate-credentials";
    /// `GET {scope}/…/roleAssignments`
    RoleAssignmentsList(ScopePath) = "arm.role-assignments.list";
    /// `PUT {scope}/…/roleAssignments/{a}`
    RoleAssignmentPut(ScopePath, RoleAssignmentName) = "arm.role-assignments.put";
    /// `GET {scope}/…/roleAssignments/{a}`
    RoleAssignmentGet(ScopePath, RoleAssignmentName) = "arm.role-assignments.get";
    /// `DELETE {scope}/…/roleAssignments/{a}`
    RoleAssignmentDelete(ScopePath, RoleAssignmentName) = "arm.role-assignments.delete";
    /// `GET {scope}/…/roleDefinitions`
    RoleDefinitionsList(ScopePath) = "arm.role-definitions.list";
    /// `GET {scope}/…/roleDefinitions/{d}`
    RoleDefinitionGet(ScopePath, String) = "arm.role-definitions.get";
    /// `GET {scope}/…/denyAssignments`
    DenyAssignmentsList(ScopePath) = "arm.deny-assignments.list";
    /// `POST …/checkNameAvailability` of storage accounts
    StorageCheckName(SubscriptionId) = "arm.storage-accounts.check-name";
    /// `GET …/storageAccounts` of a subscription
    StorageAccountsList(SubscriptionId) = "arm.storage-accounts.list";
    /// `GET …/storageAccounts` of a group
    StorageAccountsOfGroup(GroupPath) = "arm.storage-accounts.list-of-group";
    /// `PUT …/storageAccounts/{a}`
    StoragePut(StoragePath) = "arm.storage-accounts.put";
    /// `GET …/storageAccounts/{a}`
    StorageGet(StoragePath) = "arm.storage-accounts.get";
    /// `PATCH …/storageAccounts/{a}`
    StoragePatch(StoragePath) = "arm.storage-accounts.patch";
    /// `DELETE …/storageAccounts/{a}`
    StorageDelete(StoragePath) = "arm.storage-accounts.delete";
}

impl Route {
    /// Whether a path is the control plane's.
    #[must_use]
    pub fn handles(path: &str) -> bool {
        let path = path.to_ascii_lowercase();
        let mut segments = path.trim_matches('/').split('/');
        let first = segments.next().unwrap_or_default();
        let second = segments.next().unwrap_or_default();
        matches!(
            first,
            "devicelogin" | "metadata" | "providers" | "subscriptions" | "tenants"
        ) || matches!(second, ".well-known" | "v2.0" | "discovery" | "oauth2" | "userrealm")
    }

    /// Reads a method and a path.
    ///
    /// # Errors
    /// Nothing is served there, the method does not fit, or a name is out of its grammar.
    pub fn parse(method: &Method, path: &str) -> Result<Self, Error> {
        let unknown = || Error::path_not_found(&path.chars().take(256).collect::<String>());
        if path.len() > MAX_PATH_BYTES {
            return Err(unknown());
        }
        let decoded = percent_decode_str(path).decode_utf8().map_err(|_| unknown())?;
        let trimmed = decoded.trim_start_matches('/').trim_end_matches('/');
        let segments: Vec<&str> = trimmed.split('/').collect();
        let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        if let Some(route) = role::parse(method, &segments, &lower) {
            return route.map(|route| Self::Arm(Box::new(route)));
        }
        let arm = |route| only(method, &Method::GET, Self::Arm(Box::new(route)));
        match lower[..] {
            ["metadata", "endpoints"] => only(method, &Method::GET, Self::Metadata),
            ["tenants"] => arm(ArmRoute::TenantsList),
            ["providers", "microsoft.containerregistry", "operations"] => arm(ArmRoute::OperationsList),
            ["subscriptions"] => arm(ArmRoute::SubscriptionsList),
            ["subscriptions", _, ..] => {
                let subscription = segments[1].parse::<SubscriptionId>()?;
                let found = in_subscription(method, subscription, &segments[2..], &lower[2..]);
                found
                    .unwrap_or_else(|| Err(unknown()))
                    .map(|route| Self::Arm(Box::new(route)))
            }
            _ => match directory::parse(method, &lower) {
                Some(route) => route.map(Self::Directory),
                None => Err(unknown()),
            },
        }
    }

    /// Its name in logs and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Metadata => METADATA,
            Self::Directory(route) => route.label(),
            Self::Arm(route) => route.label(),
        }
    }

    /// The labels of all routes.
    pub fn labels() -> impl Iterator<Item = &'static str> {
        let others = DirectoryRoute::LABELS.iter().chain(ArmRoute::LABELS);
        std::iter::once(METADATA).chain(others.copied())
    }

    /// The resource group it is in.
    #[must_use]
    pub fn group(&self) -> Option<&ResourceGroupName> {
        match self {
            Self::Arm(route) => route.group(),
            Self::Metadata | Self::Directory(_) => None,
        }
    }
}

/// What lies below a subscription; `None` when nothing does.
fn in_subscription(
    method: &Method,
    subscription: SubscriptionId,
    segments: &[&str],
    lower: &[&str],
) -> Option<Result<ArmRoute, Error>> {
    const NAMESPACE: &str = "microsoft.containerregistry";
    let get = |route| only(method, &Method::GET, route);
    let post = |route| only(method, &Method::POST, route);
    Some(match lower {
        [] => get(ArmRoute::SubscriptionGet(subscription)),
        ["locations"] => get(ArmRoute::LocationsList(subscription)),
        ["resources"] => get(ArmRoute::ResourcesList(subscription)),
        ["providers"] => get(ArmRoute::ProvidersList(subscription)),
        ["providers", _] => get(ArmRoute::ProviderGet(subscription, segments[1].to_owned())),
        ["providers", _, "register"] => post(ArmRoute::ProviderRegister(subscription, segments[1].to_owned())),
        ["providers", NAMESPACE, "locations", _, "operationresults", _] => {
            get(ArmRoute::OperationResult(OperationPath {
                subscription,
                location: segments[3].to_owned(),
                id: segments[5].to_owned(),
            }))
        }
        ["providers", NAMESPACE, "checknameavailability"] => post(ArmRoute::CheckName(subscription)),
        ["providers", NAMESPACE, "registries"] => get(ArmRoute::RegistriesList(subscription)),
        ["providers", storage_account::NAMESPACE, rest @ ..] => {
            return storage_account::in_subscription(method, subscription, rest);
        }
        ["resourcegroups"] => get(ArmRoute::GroupsList(subscription)),
        ["resourcegroups", _, rest @ ..] => {
            let group = match segments[1].parse() {
                Ok(group) => group,
                Err(error) => return Some(Err(Error::from(error))),
            };
            let path = GroupPath { subscription, group };
            return in_group(method, path, &segments[2..], rest);
        }
        _ => return None,
    })
}

/// What lies in a group; `None` when nothing does.
fn in_group(method: &Method, path: GroupPath, segments: &[&str], lower: &[&str]) -> Option<Result<ArmRoute, Error>> {
    const NAMESPACE: &str = "microsoft.containerregistry";
    let (name, rest) = match lower {
        [] => {
            return Some(match *method {
                Method::PUT => Ok(ArmRoute::GroupPut(path)),
                Method::GET => Ok(ArmRoute::GroupGet(path)),
                Method::HEAD => Ok(ArmRoute::GroupHead(path)),
                Method::PATCH => Ok(ArmRoute::GroupPatch(path)),
                Method::DELETE => Ok(ArmRoute::GroupDelete(path)),
                _ => Err(Error::method_not_supported(method.as_str())),
            });
        }
        ["resources"] => return Some(only(method, &Method::GET, ArmRoute::ResourcesOfGroup(path))),
        ["providers", NAMESPACE, "registries"] => {
            return Some(only(method, &Method::GET, ArmRoute::RegistriesOfGroup(path)));
        }
        ["providers", NAMESPACE, "registries", _, rest @ ..] => (segments[3], rest),
        ["providers", storage_account::NAMESPACE, rest @ ..] => {
            return storage_account::in_group(method, path, &segments[2..], rest);
        }
        _ => return None,
    };
    let GroupPath { subscription, group } = path;
    let name = match name.parse() {
        Ok(name) => name,
        Err(error) => return Some(Err(Error::from(error))),
    };
    let path = RegistryPath {
        subscription,
        group,
        name,
    };
    let post = |route| only(method, &Method::POST, route);
    Some(match rest {
        [] => match *method {
            Method::PUT => Ok(ArmRoute::RegistryPut(path)),
            Method::GET => Ok(ArmRoute::RegistryGet(path)),
            Method::PATCH => Ok(ArmRoute::RegistryPatch(path)),
            Method::DELETE => Ok(ArmRoute::RegistryDelete(path)),
            _ => Err(Error::method_not_supported(method.as_str())),
        },
        ["listcredentials"] => post(ArmRoute::ListCredentials(path)),
        ["regeneratecredential"] => post(ArmRoute::RegenerateCredential(path)),
        ["listusages"] => only(method, &Method::GET, ArmRoute::ListUsages(path)),
        ["importimage"] => post(ArmRoute::ImportImage(path)),
        ["listpolicies"] => only(method, &Method::GET, ArmRoute::ListPolicies(path)),
        ["updatepolicies"] => post(ArmRoute::UpdatePolicies(path)),
        ["replications"] if *method == Method::GET => Ok(ArmRoute::ReplicationsList(path)),
        ["generatecredentials"] => post(ArmRoute::GenerateCredentials(path)),
        ["scopemaps", ..] => return scope_map::read(method, path, &segments[5..]),
        ["tokens", ..] => return token::read(method, path, &segments[5..]),
        _ => return unserved::read(method, path, rest).map(Ok),
    })
}

fn only<T>(given: &Method, wanted: &Method, route: T) -> Result<T, Error> {
    if given == wanted {
        Ok(route)
    } else {
        Err(Error::method_not_supported(given.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: &str = "/subscriptions/00000000-0000-0000-0000-000000000001";

    fn label(method: &Method, path: &str) -> &'static str {
        Route::parse(method, path).map_or_else(|error| error.code().as_str(), |route| route.label())
    }

    #[test]
    fn paths_are_read_in_any_case() {
        for (path, expected) in [
            ("/Subscriptions", "arm.subscriptions.list"),
            (&format!("{S}/RESOURCEGROUPS/rg/"), "arm.groups.get"),
            (
                &format!("{S}/resourcegroups/rg/providers/microsoft.containerregistry/Registries/abcde"),
                "arm.registries.get",
            ),
            (&format!("{S}/resourceGroups/a%2Fb"), "NotFound"),
            (&format!("{S}/resourceGroups/a."), "InvalidResourceGroup"),
            ("/subscriptions/none/resourceGroups", "InvalidSubscriptionId"),
            (
                &format!("/{S}/providers/microsoft.authorization/ROLEASSIGNMENTS"),
                "arm.role-assignments.list",
            ),
            (
                "///providers/Microsoft.Authorization/roleDefinitions",
                "arm.role-definitions.list",
            ),
            (
                &format!("{S}/providers/Microsoft.Authorization/roleAssignments/one"),
                "InvalidRoleAssignmentId",
            ),
            (&format!("{S}/providers/Microsoft.Authorization"), "arm.providers.get"),
            (&format!("{S}/providers/Microsoft.Authorization/locks"), "NotFound"),
            (
                "/subscriptions/providers/Microsoft.Authorization/roleAssignments",
                "InvalidResourceId",
            ),
            (
                "/common/v2.0/.well-known/openid-configuration",
                "directory.openid-configuration",
            ),
        ] {
            assert_eq!(label(&Method::GET, path), expected, "{path}");
        }
        assert_eq!(label(&Method::POST, "/subscriptions"), "HttpMethodNotSupported");
        let padded = |length| format!("{:/<length$}", "/subscriptions");
        assert_eq!(label(&Method::GET, &padded(MAX_PATH_BYTES)), "arm.subscriptions.list");
        assert_eq!(label(&Method::GET, &padded(MAX_PATH_BYTES + 1)), "NotFound");
    }
}
