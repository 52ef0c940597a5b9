//! The first look of a request: a registry and how a credential stands, joined.

use super::row::{self, Row};
use super::value::params;
use holdfast_access::RegistryId;
use holdfast_model::{FrontRead, MetadataError, PrincipalAndRoles, PrincipalKey, RegistryAccess, TokenStanding};

use super::column;
use super::principal::principal_at;
use super::registry_columns as columns;
use super::role_assignment::assignment_row;
use super::scope_map::actions as scope_map_actions;
use super::session::Session;
use super::token::password_row;

macro_rules! select {
    ($columns:literal, $joins:literal) => {
        concat!(
            "SELECT registry.id, registry.name, rid, subscription_id, resource_group, admin_enabled, anonymous_pull, \
             public_network_access, network_default_action, ip_rules, role_assignment_mode, accept_arm_tokens, \
             is_deleting, ",
            $columns,
            " FROM registry ",
            $joins
        )
    };
}

macro_rules! select_principal {
    ($key:literal) => {
        select!(
            "principal.id, app_id, display_name, is_enabled, generation, principal.created_at, \
             role.id, principal_id, principal_type, role, scope, shown_scope, condition, condition_version, \
             description, role.created_at, role.created_by, role.updated_at, role.updated_by",
            $key
        )
    };
}

/// Where the columns begin that are not the registry's.
const OTHER: usize = 13;
const FIND: &str = select!(
    "generation",
    "LEFT JOIN admin_password ON registry_id = registry.id AND slot = ?2 WHERE registry.name COLLATE NOCASE = ?1 COLLATE NOCASE"
);
const FIND_TOKEN: &str = select!(
    "token.name, is_enabled, token.scope_map, actions, slot, verifier, generation, expires_at, \
     token_password.created_at",
    "LEFT JOIN token ON token.registry_id = registry.id AND token.name COLLATE NOCASE = ?2 COLLATE NOCASE \
     LEFT JOIN scope_map ON scope_map.registry_id = registry.id AND scope_map.name COLLATE NOCASE = token.scope_map COLLATE NOCASE \
     LEFT JOIN token_password ON token_id = token.id WHERE registry.name COLLATE NOCASE = ?1 COLLATE NOCASE"
);
const FIND_PRINCIPAL: &str = select_principal!(
    "LEFT JOIN principal ON principal.id = ?2 \
     LEFT JOIN role_assignment AS role ON principal_id = principal.id WHERE registry.name COLLATE NOCASE = ?1 COLLATE NOCASE"
);
const FIND_APPLICATION: &str = select_principal!(
    "LEFT JOIN principal ON app_id = ?2 \
     LEFT JOIN role_assignment AS role ON principal_id = principal.id WHERE registry.name COLLATE NOCASE = ?1 COLLATE NOCASE"
);

impl FrontRead for Session<'_> {
    fn find_access(
        &mut self,
        registry: &str,
        slot: Option<u8>,
    ) -> Result<Option<(RegistryAccess, Option<i64>)>, MetadataError> {
        self.find(
            "looked up a registry for a request",
            FIND,
            params![registry, slot],
            |row| Ok((access_row(row)?, row.get(OTHER)?)),
        )
    }

    fn find_access_and_token(
        &mut self,
        registry: &str,
        token: &str,
    ) -> Result<Option<(RegistryAccess, Option<TokenStanding>)>, MetadataError> {
        const PASSWORD: usize = OTHER + 4;
        let (mut found, mut passwords) = (None, Vec::new());
        self.list(
            "looked up a registry and a token",
            FIND_TOKEN,
            params![registry, token],
            |row| {
                if found.is_none() {
                    found = Some((access_row(row)?, column::joined(row, OTHER, standing_row)?));
                }
                passwords.extend(column::joined(row, PASSWORD, password_row)?);
                Ok(())
            },
        )?;
        passwords.sort_unstable_by_key(|password| password.slot);
        if let Some((_, Some(standing))) = &mut found {
            standing.passwords = passwords;
        }
        Ok(found)
    }

    fn find_access_and_principal(
        &mut self,
        registry: &str,
        principal: PrincipalKey,
    ) -> Result<Option<(RegistryAccess, Option<PrincipalAndRoles>)>, MetadataError> {
        const ROLE: usize = OTHER + 6;
        let (sql, id) = match principal {
            PrincipalKey::Object(id) => (FIND_PRINCIPAL, id),
            PrincipalKey::Application(id) => (FIND_APPLICATION, id),
        };
        let (mut found, mut roles) = (None, Vec::new());
        let params = params![registry, id.as_bytes()];
        self.list("looked up a registry and a principal", sql, params, |row| {
            if found.is_none() {
                found = Some((access_row(row)?, column::joined(row, OTHER, principal_at)?));
            }
            roles.extend(column::joined(row, ROLE, assignment_row)?);
            Ok(())
        })?;
        roles.sort_by(|one, other| (one.role, &one.scope).cmp(&(other.role, &other.scope)));
        Ok(found.map(|(access, principal)| (access, principal.map(|principal| (principal, roles)))))
    }
}

fn access_row(row: &Row<'_>) -> row::Result<RegistryAccess> {
    Ok(RegistryAccess {
        id: RegistryId(row.get(0)?),
        name: row.get(1)?,
        rid: column::uuid(row, 2)?,
        subscription_id: column::uuid(row, 3)?,
        resource_group: row.get(4)?,
        admin_enabled: row.get(5)?,
        anonymous_pull: row.get(6)?,
        network: columns::network(row, 7)?,
        role_assignment_mode: columns::role_assignment_mode(row, 10)?,
        accept_arm_tokens: row.get(11)?,
        is_deleting: row.get(12)?,
    })
}

/// Without its passwords, each of which is in a row of its own.
fn standing_row(row: &Row<'_>, first: usize) -> row::Result<TokenStanding> {
    Ok(TokenStanding {
        name: row.get(first)?,
        is_enabled: row.get(first + 1)?,
        scope_map: row.get(first + 2)?,
        actions: column::joined(row, first + 3, scope_map_actions)?,
        passwords: Vec::new(),
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[FIND, FIND_TOKEN, FIND_PRINCIPAL, FIND_APPLICATION];
