//! Children of a registry that ACR has and nobody can make here, so that a list of them is empty and anything else says
//! what is not served. It refuses to grow into a kind that is: that gets routes of its own.

use http::Method;

use super::{ArmRoute, RegistryPath};

/// A kind of child, by the segment of its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unserved {
    /// The segment as ARM writes it.
    pub segment: &'static str,
    /// The feature, in words.
    pub feature: &'static str,
}

/// Kinds with a list.
const KINDS: [(&str, &str); 14] = [
    ("agentPools", "agent pools"),
    ("cacheRules", "cache rules"),
    ("connectedRegistries", "connected registries"),
    ("credentialSets", "credential sets"),
    ("exportPipelines", "transfer pipelines"),
    ("importPipelines", "transfer pipelines"),
    ("packages", "archives"),
    ("pipelineRuns", "transfer pipelines"),
    ("privateEndpointConnections", "private endpoints"),
    ("privateLinkResources", "private links"),
    ("runs", "tasks"),
    ("taskRuns", "tasks"),
    ("tasks", "tasks"),
    ("webhooks", "webhooks"),
];

/// What is only acted on, or has its list elsewhere.
const OTHERS: [(&str, &str); 3] = [
    ("listBuildSourceUploadUrl", "tasks"),
    ("scheduleRun", "tasks"),
    ("replications", "replications"),
];

/// What lies below a registry in the segments of such a kind, in lower case; `None` where it is none of them.
pub(super) fn read(method: &Method, registry: RegistryPath, lower: &[&str]) -> Option<ArmRoute> {
    let (first, rest) = lower.split_first()?;
    let named = |kinds: &[(&'static str, &'static str)]| {
        let mut kinds = kinds.iter().filter(|(segment, _)| segment.eq_ignore_ascii_case(first));
        kinds.next().map(|(segment, feature)| Unserved { segment, feature })
    };
    let listed = named(&KINDS);
    let kind = listed.or_else(|| named(&OTHERS))?;
    // `packages/TYPE/archives`
    let is_list = listed.is_some() && matches!(rest, [] | [_, "archives"]);
    Some(match *method {
        Method::GET if is_list => ArmRoute::UnservedList(registry, kind),
        Method::GET | Method::DELETE => ArmRoute::UnservedChild(registry, kind),
        _ => ArmRoute::UnservedChange(registry, kind),
    })
}
