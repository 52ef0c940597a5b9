//! The keys that nodes share.

use holdfast_model::{MetadataError, ServerKeyRead, ServerKeyRecord, ServerKeyTx, Timestamp};

use super::column;
use super::row::{self, Row};
use super::session::Session;
use super::value::params;

// A handful of rows, read now and then: sorting them costs nothing.
const LIST: &str = "SELECT kid, public, sealed, signs_from, verifies_until FROM server_key \
    ORDER BY signs_from DESC, kid";

impl ServerKeyRead for Session<'_> {
    fn list_server_keys(&mut self) -> Result<Vec<ServerKeyRecord>, MetadataError> {
        self.list("listed the keys of the service", LIST, params![], key_row)
    }
}

const PUT: &str = "INSERT INTO server_key (kid, public, sealed, signs_from, verifies_until) \
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (kid) DO UPDATE SET public = excluded.public, sealed = excluded.sealed, \
    signs_from = excluded.signs_from, verifies_until = excluded.verifies_until";
const REMOVE: &str = "DELETE FROM server_key WHERE kid = ?1";

impl ServerKeyTx for Session<'_> {
    fn put_server_key(&mut self, key: &ServerKeyRecord) -> Result<(), MetadataError> {
        let verifies_until = key.verifies_until.map(|until| until.0);
        let params = params![key.kid, key.public, key.sealed, key.signs_from.0, verifies_until];
        self.change("put a key of the service", PUT, params).map(drop)
    }

    fn remove_server_key(&mut self, kid: &str) -> Result<bool, MetadataError> {
        let removed = self.change("removed a key of the service", REMOVE, params![kid])?;
        Ok(removed > 0)
    }
}

fn key_row(row: &Row<'_>) -> row::Result<ServerKeyRecord> {
    Ok(ServerKeyRecord {
        kid: row.get(0)?,
        public: row.get(1)?,
        sealed: row.get(2)?,
        signs_from: column::timestamp(row, 3)?,
        verifies_until: row.get::<Option<i64>>(4)?.map(Timestamp),
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[PUT, REMOVE];
