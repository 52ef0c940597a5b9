//! Tokens and their passwords.

use super::row::{self, Row};
use super::value::params;
use holdfast_access::RegistryId;
use holdfast_model::{MetadataError, NewToken, Timestamp, TokenId, TokenPassword, TokenRead, TokenRecord, TokenTx};

use super::column;
use super::registry_columns::{author_columns, system_data};
use super::session::Session;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, registry_id, name, scope_map, is_enabled, created_by, created_by_kind, created_at, updated_by, \
             updated_by_kind, updated_at FROM token ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE registry_id = ?1 AND name COLLATE NOCASE = ?2 COLLATE NOCASE");
const LIST: &str =
    select!("WHERE registry_id = ?1 AND name COLLATE NOCASE > ?2 COLLATE NOCASE ORDER BY name COLLATE NOCASE LIMIT ?3");
const LIST_IDS: &str = "SELECT id FROM token WHERE registry_id = ?1 LIMIT ?2";
const FIND_WITH_SCOPE_MAP: &str =
    select!("WHERE registry_id = ?1 AND scope_map COLLATE NOCASE = ?2 COLLATE NOCASE LIMIT 1");
const LIST_PASSWORDS: &str = "SELECT slot, verifier, generation, expires_at, created_at FROM token_password \
    WHERE token_id = ?1 ORDER BY slot";

impl TokenRead for Session<'_> {
    fn find_token(&mut self, registry: RegistryId, name: &str) -> Result<Option<TokenRecord>, MetadataError> {
        self.find("looked up a token", FIND, params![registry.0, name], token_row)
    }

    fn list_tokens(
        &mut self,
        registry: RegistryId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<TokenRecord>, MetadataError> {
        let params = params![registry.0, after, column::limit(limit)];
        self.list("listed tokens", LIST, params, token_row)
    }

    fn list_token_ids(&mut self, registry: RegistryId, limit: usize) -> Result<Vec<TokenId>, MetadataError> {
        let params = params![registry.0, column::limit(limit)];
        self.list("listed tokens", LIST_IDS, params, |row| row.get(0).map(TokenId))
    }

    fn find_token_with_scope_map(
        &mut self,
        registry: RegistryId,
        scope_map: &str,
    ) -> Result<Option<TokenRecord>, MetadataError> {
        let params = params![registry.0, scope_map];
        self.find(
            "looked up a token by its scope map",
            FIND_WITH_SCOPE_MAP,
            params,
            token_row,
        )
    }

    fn list_token_passwords(&mut self, token: TokenId) -> Result<Vec<TokenPassword>, MetadataError> {
        self.list("listed a token's passwords", LIST_PASSWORDS, params![token.0], |row| {
            password_row(row, 0)
        })
    }
}

const INSERT: &str = "INSERT INTO token (registry_id, name, scope_map, is_enabled, created_by, created_by_kind, \
    created_at, updated_by, updated_by_kind, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id";
const UPDATE: &str = "UPDATE token SET scope_map = ?2, is_enabled = ?3, updated_by = ?4, updated_by_kind = ?5, \
    updated_at = ?6 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM token WHERE id = ?1";
const REMOVE_PASSWORDS: &str = "DELETE FROM token_password WHERE token_id = ?1";
const REMOVE_PASSWORD: &str = "DELETE FROM token_password WHERE token_id = ?1 AND slot = ?2";
const INSERT_PASSWORD: &str = "INSERT INTO token_password (token_id, slot, verifier, expires_at, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5)";

impl TokenTx for Session<'_> {
    fn insert_token(&mut self, token: &NewToken) -> Result<TokenId, MetadataError> {
        let (maker, maker_kind) = author_columns(token.system_data.created_by.as_ref());
        let (author, author_kind) = author_columns(token.system_data.updated_by.as_ref());
        let params = params![
            token.registry.0,
            token.name,
            token.scope_map,
            token.is_enabled,
            maker,
            maker_kind,
            token.system_data.created_at.0,
            author,
            author_kind,
            token.system_data.updated_at.0,
        ];
        self.insert("inserted a token", INSERT, params).map(TokenId)
    }

    fn update_token(&mut self, token: &TokenRecord) -> Result<(), MetadataError> {
        let (author, author_kind) = author_columns(token.system_data.updated_by.as_ref());
        let params = params![
            token.id.0,
            token.scope_map,
            token.is_enabled,
            author,
            author_kind,
            token.system_data.updated_at.0,
        ];
        self.change("updated a token", UPDATE, params).map(drop)
    }

    fn remove_token(&mut self, token: TokenId) -> Result<bool, MetadataError> {
        self.change("removed a token's passwords", REMOVE_PASSWORDS, params![token.0])?;
        Ok(self.change("removed a token", REMOVE, params![token.0])? > 0)
    }

    fn put_token_password(
        &mut self,
        token: TokenId,
        slot: u8,
        verifier: &[u8; 32],
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), MetadataError> {
        // Not an update: the new row gets a generation of its own.
        self.remove_token_password(token, slot)?;
        let params = params![token.0, slot, verifier, expires_at.map(|at| at.0), now.0];
        self.change("set a token's password", INSERT_PASSWORD, params).map(drop)
    }

    fn remove_token_password(&mut self, token: TokenId, slot: u8) -> Result<bool, MetadataError> {
        let removed = self.change("removed a token's password", REMOVE_PASSWORD, params![token.0, slot])?;
        Ok(removed > 0)
    }
}

fn token_row(row: &Row<'_>) -> row::Result<TokenRecord> {
    Ok(TokenRecord {
        id: TokenId(row.get(0)?),
        registry: RegistryId(row.get(1)?),
        name: row.get(2)?,
        scope_map: row.get(3)?,
        is_enabled: row.get(4)?,
        system_data: system_data(row, 5)?,
    })
}

/// A password whose columns begin at `first`.
pub(super) fn password_row(row: &Row<'_>, first: usize) -> row::Result<TokenPassword> {
    Ok(TokenPassword {
        slot: row.get(first)?,
        verifier: row.get(first + 1)?,
        generation: row.get(first + 2)?,
        expires_at: row.get::<Option<i64>>(first + 3)?.map(Timestamp),
        created_at: column::timestamp(row, first + 4)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    LIST,
    LIST_IDS,
    FIND_WITH_SCOPE_MAP,
    LIST_PASSWORDS,
    INSERT,
    UPDATE,
    REMOVE,
    REMOVE_PASSWORDS,
    REMOVE_PASSWORD,
    INSERT_PASSWORD,
];
