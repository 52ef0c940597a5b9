//! Sign-ins under way: codes and used assertions.

use holdfast_model::{
    AuthorizationCode, DeviceAnswer, DeviceCode, MetadataError, ProvenPerson, SignInRead, SignInTx, Timestamp,
};

use super::row::{self, Row};
use super::value::params;

use super::column;
use super::session::Session;

const FIND_DEVICE: &str = "SELECT verifier, user_verifier, client_id, scope, answer, person_id, generation, polled_at, \
    expires_at, near, far FROM device_code WHERE verifier = ?1";
const FIND_DEVICE_BY_USER: &str = "SELECT verifier, user_verifier, client_id, scope, answer, person_id, generation, \
    polled_at, expires_at, near, far FROM device_code WHERE user_verifier = ?1";

const WAITING: i64 = 0;
const APPROVED: i64 = 1;
const DENIED: i64 = 2;

impl SignInRead for Session<'_> {
    fn find_device_code(&mut self, verifier: &[u8; 32]) -> Result<Option<DeviceCode>, MetadataError> {
        self.find("looked up a device code", FIND_DEVICE, params![verifier], device_row)
    }

    fn find_device_code_by_user(&mut self, user_verifier: &[u8; 32]) -> Result<Option<DeviceCode>, MetadataError> {
        self.find(
            "looked up a user code",
            FIND_DEVICE_BY_USER,
            params![user_verifier],
            device_row,
        )
    }
}

const INSERT_CODE: &str = "INSERT INTO authorization_code (verifier, person_id, generation, client_id, redirect_uri, \
    challenge, scope, nonce, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const TAKE_CODE: &str = "DELETE FROM authorization_code WHERE verifier = ?1 RETURNING verifier, person_id, generation, \
    client_id, redirect_uri, challenge, scope, nonce, expires_at";
const INSERT_DEVICE: &str = "INSERT INTO device_code (verifier, user_verifier, client_id, scope, answer, person_id, \
    generation, polled_at, expires_at, near, far) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const UPDATE_DEVICE: &str = "UPDATE device_code SET answer = ?2, person_id = ?3, generation = ?4, polled_at = ?5 \
    WHERE verifier = ?1";
const REMOVE_DEVICE: &str = "DELETE FROM device_code WHERE verifier = ?1";
const INSERT_ASSERTION: &str =
    "INSERT INTO used_assertion (hash, expires_at) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING";
const REMOVE_EXPIRED_CODES: &str = "DELETE FROM authorization_code WHERE expires_at < ?1";
const REMOVE_EXPIRED_DEVICES: &str = "DELETE FROM device_code WHERE expires_at < ?1";
const REMOVE_EXPIRED_ASSERTIONS: &str = "DELETE FROM used_assertion WHERE expires_at < ?1";

impl SignInTx for Session<'_> {
    fn insert_authorization_code(&mut self, code: &AuthorizationCode) -> Result<(), MetadataError> {
        let params = params![
            code.verifier,
            code.person.id.as_bytes(),
            code.person.generation,
            code.client_id.as_bytes(),
            code.redirect_uri,
            code.challenge,
            code.scope,
            code.nonce,
            code.expires_at.0,
        ];
        self.change("inserted an authorization code", INSERT_CODE, params)
            .map(drop)
    }

    fn take_authorization_code(&mut self, verifier: &[u8; 32]) -> Result<Option<AuthorizationCode>, MetadataError> {
        let taken = self.put("took an authorization code", TAKE_CODE, params![verifier], code_row)?;
        Ok(taken.into_iter().next())
    }

    fn insert_device_code(&mut self, code: &DeviceCode) -> Result<(), MetadataError> {
        let (answer, person) = answer_columns(code.answer);
        let params = params![
            code.verifier,
            code.user_verifier,
            code.client_id.as_bytes(),
            code.scope,
            answer,
            person.as_ref().map(|person| person.id.as_bytes().as_slice()),
            person.map(|person| person.generation),
            code.polled_at.0,
            code.expires_at.0,
            code.near.to_string(),
            code.far.map(|far| far.to_string()),
        ];
        self.change("inserted a device code", INSERT_DEVICE, params).map(drop)
    }

    fn update_device_code(&mut self, code: &DeviceCode) -> Result<(), MetadataError> {
        let (answer, person) = answer_columns(code.answer);
        let params = params![
            code.verifier,
            answer,
            person.as_ref().map(|person| person.id.as_bytes().as_slice()),
            person.map(|person| person.generation),
            code.polled_at.0,
        ];
        self.change("updated a device code", UPDATE_DEVICE, params).map(drop)
    }

    fn remove_device_code(&mut self, verifier: &[u8; 32]) -> Result<bool, MetadataError> {
        Ok(self.change("removed a device code", REMOVE_DEVICE, params![verifier])? > 0)
    }

    fn insert_used_assertion(&mut self, hash: &[u8; 32], expires_at: Timestamp) -> Result<bool, MetadataError> {
        let inserted = self.change("remembered an assertion", INSERT_ASSERTION, params![hash, expires_at.0])?;
        Ok(inserted > 0)
    }

    fn remove_expired_sign_ins(&mut self, moment: Timestamp) -> Result<usize, MetadataError> {
        let mut removed = 0;
        for statement in [REMOVE_EXPIRED_CODES, REMOVE_EXPIRED_DEVICES, REMOVE_EXPIRED_ASSERTIONS] {
            removed += self.change("removed expired sign-ins", statement, params![moment.0])?;
        }
        Ok(removed)
    }
}

fn answer_columns(answer: DeviceAnswer) -> (i64, Option<ProvenPerson>) {
    match answer {
        DeviceAnswer::Waiting => (WAITING, None),
        DeviceAnswer::Approved(person) => (APPROVED, Some(person)),
        DeviceAnswer::Denied => (DENIED, None),
    }
}

fn device_row(row: &Row<'_>) -> row::Result<DeviceCode> {
    let answer = match row.get(4)? {
        WAITING => DeviceAnswer::Waiting,
        APPROVED => DeviceAnswer::Approved(ProvenPerson {
            id: column::uuid(row, 5)?,
            generation: row.get(6)?,
        }),
        DENIED => DeviceAnswer::Denied,
        _ => return Err(column::misread(4, "no answer of a person")),
    };
    Ok(DeviceCode {
        verifier: row.get(0)?,
        user_verifier: row.get(1)?,
        client_id: column::uuid(row, 2)?,
        scope: row.get(3)?,
        near: column::word(row, 9)?,
        far: column::optional_word(row, 10)?,
        answer,
        polled_at: column::timestamp(row, 7)?,
        expires_at: column::timestamp(row, 8)?,
    })
}

fn code_row(row: &Row<'_>) -> row::Result<AuthorizationCode> {
    Ok(AuthorizationCode {
        verifier: row.get(0)?,
        person: ProvenPerson {
            id: column::uuid(row, 1)?,
            generation: row.get(2)?,
        },
        client_id: column::uuid(row, 3)?,
        redirect_uri: row.get(4)?,
        challenge: row.get(5)?,
        scope: row.get(6)?,
        nonce: row.get(7)?,
        expires_at: column::timestamp(row, 8)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND_DEVICE,
    FIND_DEVICE_BY_USER,
    INSERT_CODE,
    TAKE_CODE,
    INSERT_DEVICE,
    UPDATE_DEVICE,
    REMOVE_DEVICE,
    INSERT_ASSERTION,
    REMOVE_EXPIRED_CODES,
    REMOVE_EXPIRED_DEVICES,
    REMOVE_EXPIRED_ASSERTIONS,
];
