//! Why somebody may or may not do something: the question an operator asks. The answer comes from the same rights as the
//! decision itself, and everything that speaks for or against it is named. It refuses to change anything, and grants
//! nothing.

use holdfast_access::{
    Actor, Assignment, ControlCaller, NetworkRules, Permission, Rights, Role, ScopeMap,
    explain::{content_obstacle, control_obstacle},
    rights_of,
};
use holdfast_arm::ResourceId;
use holdfast_oci::{RepositoryName, Tag};
use uuid::Uuid;

use crate::Operator;
use holdfast_content::find_open;
use holdfast_directory::{in_force, is_person};
use holdfast_model::{
    MetadataError, MetadataExt, PrincipalRecord, Read, RegistryRecord, RoleAssignment, StorageError, Timestamp,
    TokenRecord, UserName,
};
use holdfast_resources::find_scope_map;

/// What somebody wants to do.
#[derive(Debug, Clone)]
pub enum Wish {
    /// Something with content.
    Content {
        /// What.
        permission: Permission,
        /// The registry's name.
        registry: String,
        /// Where in it; `None` for its catalog.
        repository: Option<RepositoryName>,
        /// The tag, whose locks are told of.
        tag: Option<Tag>,
    },
    /// An action of ARM.
    Control {
        /// Such as `Microsoft.ContainerRegistry/registries/write`.
        action: String,
        /// The thing.
        scope: ResourceId,
    },
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes or no, and why.
    Decided(Decision),
    /// Nobody has this name or id.
    NobodyKnown,
    /// There is no such registry.
    RegistryUnknown,
}

/// Yes or no, and why. Sentences begin small and have no full stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub is_allowed: bool,
    /// Who it was that was asked about.
    pub who: String,
    /// What allows it.
    pub because: Vec<String>,
    /// What was looked at and does not allow it.
    pub against: Vec<String>,
    /// Any one of these would be enough; empty when it is allowed.
    pub needed: Vec<String>,
    /// What else can stop a request, whoever asks.
    pub notes: Vec<String>,
}

/// Who was found.
enum Subject {
    Anonymous,
    Admin,
    Token {
        record: TokenRecord,
        can_sign_in: bool,
    },
    Principal {
        record: PrincipalRecord,
        roles: Vec<RoleAssignment>,
    },
}

impl Operator {
    /// Whether `who` may do it, and why: `anonymous`, `admin`, a token's name, an application's or object's id, or the
    /// name that a person signs in with.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn explain_decision(&self, who: String, wish: Wish) -> Result<Answer, StorageError> {
        let now = self.clock.now();
        self.metadata
            .query(move |read| {
                let registry = match &wish {
                    Wish::Content { registry, .. } => match find_open(read, registry)? {
                        Some(found) => Some(found),
                        None => return Ok(Answer::RegistryUnknown),
                    },
                    Wish::Control { .. } => None,
                };
                let Some(subject) = find_subject(read, &who, registry.as_ref(), now)? else {
                    return Ok(Answer::NobodyKnown);
                };
                let mut decision = match (&wish, &registry) {
                    (Wish::Control { action, scope }, _) => decide_control(&subject, action, scope),
                    (
                        Wish::Content {
                            permission, repository, ..
                        },
                        Some(registry),
                    ) => decide_content(read, &subject, registry, *permission, repository.as_ref())?,
                    (Wish::Content { .. }, None) => return Ok(Answer::RegistryUnknown),
                };
                decision.who = subject.name();
                if let (Wish::Content { repository, tag, .. }, Some(registry)) = (&wish, &registry) {
                    decision.notes = notes(read, registry, repository.as_ref(), tag.as_ref())?;
                }
                Ok(Answer::Decided(decision))
            })
            .await
    }
}

impl Subject {
    fn name(&self) -> String {
        match self {
            Self::Anonymous => "anybody, without signing in".to_owned(),
            Self::Admin => "the admin account".to_owned(),
            Self::Token { record, .. } => format!("token {}", record.name),
            Self::Principal { record, .. } => {
                let kind = if is_person(record) { "user" } else { "service principal" };
                format!("{kind} {} ({})", record.display_name, record.id)
            }
        }
    }
}

/// The registry's accounts are looked at when the question is about a registry.
fn find_subject(
    read: &mut dyn Read,
    who: &str,
    registry: Option<&RegistryRecord>,
    now: Timestamp,
) -> Result<Option<Subject>, StorageError> {
    if who.eq_ignore_ascii_case("anonymous") {
        return Ok(Some(Subject::Anonymous));
    }
    if who.eq_ignore_ascii_case("admin") || registry.is_some_and(|found| found.name.eq_ignore_ascii_case(who)) {
        return Ok(Some(Subject::Admin));
    }
    if let Some(record) = find_principal(read, who)? {
        let roles = read.list_role_assignments(record.id)?;
        return Ok(Some(Subject::Principal { record, roles }));
    }
    let Some(registry) = registry else {
        return Ok(None);
    };
    let Some(record) = read.find_token(registry.id, who)? else {
        return Ok(None);
    };
    let passwords = read.list_token_passwords(record.id)?;
    let is_good = passwords.iter().any(|one| one.expires_at.is_none_or(|at| at > now));
    Ok(Some(Subject::Token {
        can_sign_in: record.is_enabled && is_good,
        record,
    }))
}

fn find_principal(read: &mut dyn Read, who: &str) -> Result<Option<PrincipalRecord>, StorageError> {
    if let Ok(id) = Uuid::try_parse(who) {
        return match read.find_principal_by_app(id)? {
            Some(found) => Ok(Some(found)),
            None => Ok(read.find_principal(id)?),
        };
    }
    match who.parse::<UserName>() {
        Ok(name) => Ok(read.find_person_by_name(&name)?.map(|person| person.principal)),
        Err(_) => Ok(None),
    }
}

fn decide_content(
    read: &mut dyn Read,
    subject: &Subject,
    registry: &RegistryRecord,
    permission: Permission,
    repository: Option<&RepositoryName>,
) -> Result<Decision, StorageError> {
    let is_enough = |rights: &Rights| match repository {
        Some(name) => rights.permissions_on(name).contains(permission),
        None => rights.may_list_catalog(),
    };
    let mut decision = Decision::default();
    let is_open = is_enough(&Rights::read_only());
    if is_open && registry.anonymous_pull {
        decision.because.push("anonymous pull is on".to_owned());
    } else if is_open && matches!(subject, Subject::Anonymous) {
        decision.needed.push("anonymous pull, or a credential".to_owned());
    }
    match subject {
        Subject::Anonymous if !is_open => decision.needed.push("a credential".to_owned()),
        Subject::Anonymous => {}
        Subject::Admin if registry.admin_enabled => {
            decision.because.push("the admin account may do everything".to_owned());
        }
        Subject::Admin => refuse(&mut decision, "the admin account is off", "the admin account enabled"),
        Subject::Token { record, can_sign_in } => {
            weigh_token(
                read,
                &mut decision,
                registry,
                (record, *can_sign_in),
                (permission, repository),
            )?;
        }
        Subject::Principal { record, roles } => weigh_roles(&mut decision, registry, record, roles, &is_enough),
    }
    decision.is_allowed = !decision.because.is_empty();
    if decision.is_allowed {
        decision.needed.clear();
    }
    Ok(decision)
}

/// Whoever cannot sign in has no use of what it could do.
fn refuse(decision: &mut Decision, why: &str, needed: &str) {
    decision.because.clear();
    decision.against.push(why.to_owned());
    decision.needed.push(needed.to_owned());
}

fn weigh_token(
    read: &mut dyn Read,
    decision: &mut Decision,
    registry: &RegistryRecord,
    (token, can_sign_in): (&TokenRecord, bool),
    (permission, repository): (Permission, Option<&RepositoryName>),
) -> Result<(), StorageError> {
    let map = &token.scope_map;
    let actions = find_scope_map(read, registry, map)?.map(|(_, actions)| actions);
    let rights = actions.as_ref().map_or_else(Rights::none, ScopeMap::rights);
    let is_enough = match repository {
        Some(name) => rights.permissions_on(name).contains(permission),
        None => rights.may_list_catalog(),
    };
    let texts = actions.map(|actions| actions.texts()).unwrap_or_default();
    let told = format!("scope map {map} with {}", texts.join(", "));
    if is_enough {
        decision.because.push(told);
    } else {
        decision.against.push(told);
        let verb = match permission {
            Permission::Pull => "content/read",
            Permission::Push => "content/write",
            Permission::Delete => "content/delete",
            Permission::MetadataRead | Permission::CatalogRead => "metadata/read",
            Permission::MetadataWrite => "metadata/write",
        };
        let name = repository.map_or("*", RepositoryName::as_str);
        decision
            .needed
            .push(format!("repositories/{name}/{verb} in its scope map"));
    }
    if !can_sign_in {
        let why = "the token is disabled, or has no password that is good now";
        refuse(decision, why, "an enabled token with a good password");
    }
    Ok(())
}

fn weigh_roles(
    decision: &mut Decision,
    registry: &RegistryRecord,
    principal: &PrincipalRecord,
    roles: &[RoleAssignment],
    is_enough: &dyn Fn(&Rights) -> bool,
) {
    let (scope, mode) = (registry.scope(), registry.role_assignment_mode);
    for role in roles {
        let Some(assignment) = in_force(vec![role.clone()]).pop() else {
            decision
                .against
                .push(format!("{}: its condition cannot be read", told(role)));
            continue;
        };
        match content_obstacle(&assignment, &scope, mode, is_enough) {
            None => decision.because.push(told(role)),
            Some(obstacle) => decision.against.push(format!("{}: {obstacle}", told(role))),
        }
    }
    let is_enough_by_itself = |role: &&Role| is_enough(&rights_of(&[Assignment::new(role.id, &*scope)], &scope, mode));
    let names: Vec<&str> = Role::BUILT_IN
        .iter()
        .filter(is_enough_by_itself)
        .map(|role| role.name)
        .collect();
    decision
        .needed
        .push(format!("one of these roles for it: {}", names.join(", ")));
    if !principal.is_enabled {
        refuse(decision, "the principal is disabled", "an enabled principal");
    }
}

fn decide_control(subject: &Subject, action: &str, scope: &ResourceId) -> Decision {
    let mut decision = Decision::default();
    let names = Role::BUILT_IN
        .iter()
        .filter(|role| role.allows(action))
        .map(|role| role.name);
    let names: Vec<&str> = names.collect();
    decision
        .needed
        .push(format!("one of these roles for it: {}", names.join(", ")));
    let Subject::Principal { record, roles } = subject else {
        decision
            .against
            .push("only users and service principals have roles in ARM".to_owned());
        return decision;
    };
    let in_force_now = in_force(roles.clone());
    let caller = ControlCaller::new(
        Actor::Principal {
            id: record.id.to_string(),
        },
        in_force_now,
    );
    decision.is_allowed = record.is_enabled && caller.allows(action, scope.key());
    for role in roles {
        let assignment = in_force(vec![role.clone()]).pop();
        match assignment.map(|one| control_obstacle(&one, action, scope.key())) {
            Some(None) => decision.because.push(told(role)),
            Some(Some(obstacle)) => decision.against.push(format!("{}: {obstacle}", told(role))),
            None => decision
                .against
                .push(format!("{}: its condition cannot be read", told(role))),
        }
    }
    if !record.is_enabled {
        refuse(&mut decision, "the principal is disabled", "an enabled principal");
    }
    if decision.is_allowed {
        decision.needed.clear();
    }
    decision
}

/// An assignment in words.
fn told(role: &RoleAssignment) -> String {
    let name = role.role.role().map_or("an unknown role", |role| role.name);
    let condition = role.condition.as_ref();
    let condition = condition.map_or_else(String::new, |condition| {
        format!(" under the condition {}", condition.text)
    });
    format!("{name} at {}{condition}", role.shown_scope)
}

/// Locks and network rules, which stop everybody.
fn notes(
    read: &mut dyn Read,
    registry: &RegistryRecord,
    repository: Option<&RepositoryName>,
    tag: Option<&Tag>,
) -> Result<Vec<String>, MetadataError> {
    let mut notes = Vec::new();
    if registry.network != NetworkRules::default() {
        notes.push("the registry has network rules: not every address may come in".to_owned());
    }
    let Some(name) = repository else {
        return Ok(notes);
    };
    let Some(found) = read.find_repository(registry.id, name)? else {
        notes.push(format!("there is no repository {name} yet"));
        return Ok(notes);
    };
    let locks = |attributes: holdfast_model::Attributes| {
        let switches = [
            (attributes.read_enabled, "reading"),
            (attributes.write_enabled, "writing"),
            (attributes.delete_enabled, "deleting"),
        ];
        let off: Vec<&str> = switches
            .iter()
            .filter(|(is_on, _)| !is_on)
            .map(|(_, what)| *what)
            .collect();
        off.join(" and ")
    };
    let locked = locks(found.attributes);
    if !locked.is_empty() {
        notes.push(format!("repository {name} is locked against {locked}"));
    }
    let Some(tag) = tag else {
        return Ok(notes);
    };
    match read.find_tag(found.id, tag)? {
        None => notes.push(format!("there is no tag {tag} yet")),
        Some(record) => {
            let locked = locks(record.attributes);
            if !locked.is_empty() {
                notes.push(format!("tag {tag} is locked against {locked}"));
            }
        }
    }
    Ok(notes)
}
