//! Whether somebody may do something, and why.

use holdfast_access::{Permission, control};
use holdfast_arm::ResourceId;
use holdfast_oci::RepositoryName;
use holdfast_operations::{Answer, Decision, Wish};
use serde::{Deserialize, Serialize};

use super::{AdminCommand, Context, Progress};

/// A question in three words, as they were typed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainDecision {
    pub(crate) who: String,
    pub(crate) action: String,
    pub(crate) what: String,
}

/// What came of the question.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Verdict {
    /// Yes or no.
    Decided(Explained),
    /// The question names what there is not.
    Misunderstood(String),
}

/// What scripts read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explained {
    pub(crate) allowed: bool,
    pub(crate) who: String,
    pub(crate) action: String,
    pub(crate) what: String,
    /// What allows it.
    pub(crate) because: Vec<String>,
    /// What was looked at and does not.
    pub(crate) against: Vec<String>,
    /// Any one of these would be enough.
    pub(crate) needed: Vec<String>,
    /// What else can stop a request, whoever asks.
    pub(crate) notes: Vec<String>,
}

impl AdminCommand for ExplainDecision {
    const PATH: &'static str = "/can";
    type Output = Verdict;

    async fn run(self, context: &Context, _progress: &Progress) -> anyhow::Result<Verdict> {
        let Self { who, action, what } = self;
        let wish = match read_wish(context, &action, &what).await? {
            Ok(wish) => wish,
            Err(why) => return Ok(Verdict::Misunderstood(why)),
        };
        Ok(match context.app.operator.explain_decision(who.clone(), wish).await? {
            Answer::Decided(decision) => Verdict::Decided(explained(decision, action, what)),
            Answer::RegistryUnknown => Verdict::Misunderstood(no_registry(&what)),
            Answer::NobodyKnown => Verdict::Misunderstood(format!(
                "nobody here is {who:?}; name an application's or object's id, a user, a token of the registry, admin \
                 or anonymous"
            )),
        })
    }
}

fn explained(decision: Decision, action: String, what: String) -> Explained {
    let Decision {
        is_allowed,
        who,
        because,
        against,
        needed,
        notes,
    } = decision;
    Explained {
        allowed: is_allowed,
        who,
        action,
        what,
        because,
        against,
        needed,
        notes,
    }
}

fn no_registry(what: &str) -> String {
    format!(
        "there is no registry {:?} here",
        what.split('/').next().unwrap_or_default()
    )
}

/// The inner error is a sentence about what was typed.
async fn read_wish(context: &Context, action: &str, what: &str) -> anyhow::Result<Result<Wish, String>> {
    let permission = Permission::ALL
        .into_iter()
        .find(|one| one.to_string() == action.to_ascii_lowercase());
    let known = control::ACTIONS
        .iter()
        .find(|(one, _)| one.eq_ignore_ascii_case(action));
    if permission.is_none() && known.is_none() {
        let words: Vec<String> = Permission::ALL.iter().map(Permission::to_string).collect();
        return Ok(Err(format!(
            "there is no action {action:?}; there are {}, and those of ARM, such as \
             Microsoft.ContainerRegistry/registries/read",
            words.join(", ")
        )));
    }
    let target = if what.starts_with('/') {
        ResourceId::parse(what).map_err(|error| error.to_string())
    } else {
        let (name, repository) = what.split_once('/').unwrap_or((what, ""));
        let Some(registry) = context.app.operator.resources().find_registry(name).await? else {
            return Ok(Err(no_registry(what)));
        };
        let below = if repository.is_empty() {
            String::new()
        } else {
            format!("/repositories/{}", untagged(repository))
        };
        ResourceId::parse(&format!("{}{below}", registry.arm_id())).map_err(|error| error.to_string())
    };
    Ok(target.and_then(|target| match (permission, known) {
        (Some(permission), _) => content(permission, &target, what),
        (None, known) => Ok(Wish::Control {
            action: known.map_or(action, |(known, _)| known).to_owned(),
            scope: target,
        }),
    }))
}

fn content(permission: Permission, target: &ResourceId, what: &str) -> Result<Wish, String> {
    let registry = target
        .registry()
        .ok_or_else(|| format!("{what} is no registry, nor in one"))?;
    let repository = target.repository().map(str::parse::<RepositoryName>).transpose();
    let repository = repository.map_err(|error| format!("{what} names no repository: {error}"))?;
    let is_of_registry = permission == Permission::CatalogRead;
    if repository.is_none() && !is_of_registry {
        return Err(format!("{permission} is about a repository: {registry}/REPOSITORY"));
    }
    let tag = what.rsplit('/').next().and_then(|last| last.split_once(':'));
    let tag = tag.map(|(_, tag)| tag.parse()).transpose();
    Ok(Wish::Content {
        permission,
        registry: registry.to_owned(),
        repository: repository.filter(|_| !is_of_registry),
        tag: tag.map_err(|error| format!("{what} names no tag: {error}"))?,
    })
}

/// The name without what follows its colon.
fn untagged(repository: &str) -> &str {
    repository.split_once(':').map_or(repository, |(name, _)| name)
}
