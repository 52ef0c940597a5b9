//! The columns of a registry's settings: to words and back.

use super::row::{self, Row};
use holdfast_access::{IpRule, NetworkAction, NetworkRules, RoleAssignmentMode};
use holdfast_model::{Author, AuthorKind, ShownSettings, Sku, SystemData};

use super::column::{misread, named, timestamp};

pub(super) fn sku(row: &Row<'_>, index: usize) -> row::Result<Sku> {
    named(row, index, "a registry's tier", Sku::from_name)
}

pub(super) fn role_assignment_mode(row: &Row<'_>, index: usize) -> row::Result<RoleAssignmentMode> {
    named(row, index, "a role assignment mode", RoleAssignmentMode::find)
}

/// Three columns: whether the public has access, what happens by default, and the rules.
pub(super) fn network(row: &Row<'_>, first: usize) -> row::Result<NetworkRules> {
    Ok(NetworkRules {
        public_access: row.get(first)?,
        default_action: named(row, first + 1, "an action of network rules", NetworkAction::find)?,
        ip_rules: ip_rules(row, first + 2)?,
    })
}

fn ip_rules(row: &Row<'_>, index: usize) -> row::Result<Vec<IpRule>> {
    let text = row.get::<&str>(index)?;
    let rules: Vec<String> = serde_json::from_str(text).map_err(|source| misread(index, source))?;
    let parse = |rule: &String| rule.parse().map_err(|source| misread(index, source));
    rules.iter().map(parse).collect()
}

pub(super) fn ip_rules_text(rules: &[IpRule]) -> String {
    let rules: Vec<&str> = rules.iter().map(IpRule::as_str).collect();
    serde_json::to_string(&rules).expect("a list of texts serialises")
}

pub(super) fn shown(row: &Row<'_>, index: usize) -> row::Result<ShownSettings> {
    let text = row.get::<&str>(index)?;
    serde_json::from_str(text).map_err(|source| misread(index, source))
}

pub(super) fn shown_text(shown: &ShownSettings) -> String {
    serde_json::to_string(shown).expect("a record of plain values serialises")
}

/// Two columns: the name, and what has it.
pub(super) fn author(row: &Row<'_>, first: usize) -> row::Result<Option<Author>> {
    let Some(name) = row.get(first)? else {
        return Ok(None);
    };
    let kind = named(row, first + 1, "a kind of author", AuthorKind::from_name)?;
    Ok(Some(Author { name, kind }))
}

/// Six columns: who made it, when, who changed it last, when.
pub(super) fn system_data(row: &Row<'_>, first: usize) -> row::Result<SystemData> {
    Ok(SystemData {
        created_by: author(row, first)?,
        created_at: timestamp(row, first + 2)?,
        updated_by: author(row, first + 3)?,
        updated_at: timestamp(row, first + 5)?,
    })
}

/// An author as parameters.
pub(super) fn author_columns(author: Option<&Author>) -> (Option<&str>, Option<&'static str>) {
    (
        author.map(|author| author.name.as_str()),
        author.map(|author| author.kind.as_str()),
    )
}
