//! Applications of the directory and their credentials.

use super::row::{self, Row};
use super::value::params;
use holdfast_model::{
    ApplicationCertificate, ApplicationMarker, ApplicationRead, ApplicationRecord, ApplicationSecret, ApplicationTx,
    FederatedCredential, FederatedSubject, MetadataError, PrincipalRecord,
};
use uuid::Uuid;

use super::column;
use super::principal::principal_row;
use super::session::Session;

/// Sorts behind every name: the largest character there is.
const LAST: char = char::MAX;

const FIND: &str = "SELECT id, app_id, display_name, created_at, created_by FROM application WHERE id = ?1";
const FIND_BY_APP: &str = "SELECT id, app_id, display_name, created_at, created_by FROM application WHERE app_id = ?1";
const FIND_SOME: &str = "SELECT id, app_id, display_name, created_at, created_by FROM application \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const FIND_SOME_BY_APP: &str = "SELECT id, app_id, display_name, created_at, created_by FROM application \
    WHERE app_id IN (SELECT unhex(value) FROM json_each(?1))";
const LIST: &str = "SELECT id, app_id, display_name, created_at, created_by FROM application \
    WHERE folded_name >= ?1 AND folded_name <= ?2 AND (folded_name, id) > (?3, ?4) ORDER BY folded_name, id LIMIT ?5";
const LIST_WITH_PRINCIPAL: &str = "SELECT principal.id, principal.app_id, principal.display_name, \
    principal.is_enabled, principal.generation, principal.created_at, \
    application.id, application.app_id, application.display_name, application.created_at, application.created_by \
    FROM application CROSS JOIN principal ON principal.app_id = application.app_id \
    WHERE folded_name >= ?1 AND folded_name <= ?2 AND (folded_name, application.id) > (?3, ?4) \
    ORDER BY folded_name, application.id LIMIT ?5";
const LIST_SECRETS: &str = "SELECT id, application_id, display_name, hint, verifier, starts_at, expires_at, created_at \
    FROM application_secret WHERE application_id = ?1 ORDER BY created_at, id";
const LIST_SECRETS_BY_APP: &str = "SELECT id, application_id, display_name, hint, verifier, starts_at, expires_at, \
    created_at FROM application_secret WHERE application_id = (SELECT id FROM application WHERE app_id = ?1) \
    ORDER BY created_at, id";
const LIST_SECRETS_OF_SOME: &str = "SELECT id, application_id, display_name, hint, verifier, starts_at, expires_at, \
    created_at FROM application_secret WHERE application_id IN (SELECT unhex(value) FROM json_each(?1))";
const LIST_CERTIFICATES_OF_SOME: &str = "SELECT id, application_id, display_name, der, sha256, sha1, starts_at, \
    expires_at, created_at FROM application_certificate \
    WHERE application_id IN (SELECT unhex(value) FROM json_each(?1))";
const LIST_CERTIFICATES: &str = "SELECT id, application_id, display_name, der, sha256, sha1, starts_at, expires_at, \
    created_at FROM application_certificate WHERE application_id = ?1 ORDER BY created_at, id";
const LIST_FEDERATED: &str = "SELECT id, application_id, name, issuer, subject, is_pattern, audiences, description, \
    created_at FROM federated_credential WHERE application_id = ?1 ORDER BY name";

impl ApplicationRead for Session<'_> {
    fn find_application(&mut self, id: Uuid) -> Result<Option<ApplicationRecord>, MetadataError> {
        self.find("looked up an application", FIND, params![id.as_bytes()], |row| {
            application_row(row, 0)
        })
    }

    fn find_application_by_app(&mut self, app_id: Uuid) -> Result<Option<ApplicationRecord>, MetadataError> {
        self.find(
            "looked up an application by its application id",
            FIND_BY_APP,
            params![app_id.as_bytes()],
            |row| application_row(row, 0),
        )
    }

    fn find_applications(&mut self, ids: &[Uuid]) -> Result<Vec<ApplicationRecord>, MetadataError> {
        let ids = column::uuids_text(ids);
        self.list("looked up applications", FIND_SOME, params![ids], |row| {
            application_row(row, 0)
        })
    }

    fn find_applications_by_app(&mut self, app_ids: &[Uuid]) -> Result<Vec<ApplicationRecord>, MetadataError> {
        let ids = column::uuids_text(app_ids);
        self.list(
            "looked up applications by their application ids",
            FIND_SOME_BY_APP,
            params![ids],
            |row| application_row(row, 0),
        )
    }

    fn list_applications(
        &mut self,
        prefix: &str,
        after: Option<&ApplicationMarker>,
        limit: usize,
    ) -> Result<Vec<ApplicationRecord>, MetadataError> {
        let (name, id) = seek(after);
        let params = params![prefix, format!("{prefix}{LAST}"), name, id, column::limit(limit)];
        self.list("listed applications", LIST, params, |row| application_row(row, 0))
    }

    fn list_service_principals(
        &mut self,
        prefix: &str,
        after: Option<&ApplicationMarker>,
        limit: usize,
    ) -> Result<Vec<(ApplicationRecord, PrincipalRecord)>, MetadataError> {
        let (name, id) = seek(after);
        let params = params![prefix, format!("{prefix}{LAST}"), name, id, column::limit(limit)];
        self.list("listed service principals", LIST_WITH_PRINCIPAL, params, |row| {
            Ok((application_row(row, 6)?, principal_row(row)?))
        })
    }

    fn list_application_secrets_by_app(&mut self, app_id: Uuid) -> Result<Vec<ApplicationSecret>, MetadataError> {
        self.list(
            "listed the secrets of an application id",
            LIST_SECRETS_BY_APP,
            params![app_id.as_bytes()],
            secret_row,
        )
    }

    fn list_secrets_of_applications(&mut self, applications: &[Uuid]) -> Result<Vec<ApplicationSecret>, MetadataError> {
        let ids = column::uuids_text(applications);
        self.list(
            "listed the secrets of applications",
            LIST_SECRETS_OF_SOME,
            params![ids],
            secret_row,
        )
    }

    fn list_certificates_of_applications(
        &mut self,
        applications: &[Uuid],
    ) -> Result<Vec<ApplicationCertificate>, MetadataError> {
        let ids = column::uuids_text(applications);
        self.list(
            "listed the certificates of applications",
            LIST_CERTIFICATES_OF_SOME,
            params![ids],
            certificate_row,
        )
    }

    fn list_application_secrets(&mut self, application: Uuid) -> Result<Vec<ApplicationSecret>, MetadataError> {
        self.list(
            "listed an application's secrets",
            LIST_SECRETS,
            params![application.as_bytes()],
            secret_row,
        )
    }

    fn list_application_certificates(
        &mut self,
        application: Uuid,
    ) -> Result<Vec<ApplicationCertificate>, MetadataError> {
        self.list(
            "listed an application's certificates",
            LIST_CERTIFICATES,
            params![application.as_bytes()],
            certificate_row,
        )
    }

    fn list_federated_credentials(&mut self, application: Uuid) -> Result<Vec<FederatedCredential>, MetadataError> {
        self.list(
            "listed an application's federated credentials",
            LIST_FEDERATED,
            params![application.as_bytes()],
            federated_row,
        )
    }
}

const INSERT: &str = "INSERT INTO application (id, app_id, display_name, folded_name, created_at, created_by) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const UPDATE: &str = "UPDATE application SET display_name = ?2, folded_name = ?3 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM application WHERE id = ?1";
const INSERT_SECRET: &str = "INSERT INTO application_secret \
    (id, application_id, display_name, hint, verifier, starts_at, expires_at, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const REMOVE_SECRET: &str = "DELETE FROM application_secret WHERE application_id = ?1 AND id = ?2";
const INSERT_CERTIFICATE: &str = "INSERT INTO application_certificate \
    (application_id, id, display_name, der, sha256, sha1, starts_at, expires_at, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const REMOVE_CERTIFICATE: &str = "DELETE FROM application_certificate WHERE application_id = ?1 AND id = ?2";
const INSERT_FEDERATED: &str = "INSERT INTO federated_credential \
    (id, application_id, name, issuer, subject, is_pattern, audiences, description, created_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const UPDATE_FEDERATED: &str = "UPDATE federated_credential \
    SET issuer = ?3, subject = ?4, is_pattern = ?5, audiences = ?6, description = ?7 \
    WHERE application_id = ?1 AND id = ?2";
const REMOVE_FEDERATED: &str = "DELETE FROM federated_credential WHERE application_id = ?1 AND id = ?2";
const REMOVE_ALL: [&str; 3] = [
    "DELETE FROM application_secret WHERE application_id = ?1",
    "DELETE FROM application_certificate WHERE application_id = ?1",
    "DELETE FROM federated_credential WHERE application_id = ?1",
];

impl ApplicationTx for Session<'_> {
    fn insert_application(&mut self, application: &ApplicationRecord) -> Result<(), MetadataError> {
        let params = params![
            application.id.as_bytes(),
            application.app_id.as_bytes(),
            application.display_name,
            application.folded_name(),
            application.created_at.0,
            application.created_by,
        ];
        self.change("inserted an application", INSERT, params).map(drop)
    }

    fn update_application(&mut self, application: &ApplicationRecord) -> Result<(), MetadataError> {
        let params = params![
            application.id.as_bytes(),
            application.display_name,
            application.folded_name()
        ];
        self.change("updated an application", UPDATE, params).map(drop)
    }

    fn remove_application(&mut self, id: Uuid) -> Result<bool, MetadataError> {
        let removed = self.change("removed an application", REMOVE, params![id.as_bytes()])?;
        Ok(removed > 0)
    }

    fn remove_application_credentials(&mut self, application: Uuid) -> Result<u64, MetadataError> {
        let mut removed = 0;
        for sql in REMOVE_ALL {
            removed += self.change(
                "removed an application's credentials",
                sql,
                params![application.as_bytes()],
            )? as u64;
        }
        Ok(removed)
    }

    fn insert_application_secret(&mut self, secret: &ApplicationSecret) -> Result<(), MetadataError> {
        let params = params![
            secret.id.as_bytes(),
            secret.application.as_bytes(),
            secret.display_name,
            secret.hint,
            secret.verifier,
            secret.starts_at.0,
            secret.expires_at.0,
            secret.created_at.0,
        ];
        self.change("inserted a secret", INSERT_SECRET, params).map(drop)
    }

    fn remove_application_secret(&mut self, application: Uuid, id: Uuid) -> Result<bool, MetadataError> {
        let params = params![application.as_bytes(), id.as_bytes()];
        Ok(self.change("removed a secret", REMOVE_SECRET, params)? > 0)
    }

    fn insert_application_certificate(&mut self, certificate: &ApplicationCertificate) -> Result<(), MetadataError> {
        let params = params![
            certificate.application.as_bytes(),
            certificate.id.as_bytes(),
            certificate.display_name,
            certificate.der,
            certificate.sha256,
            certificate.sha1,
            certificate.starts_at.0,
            certificate.expires_at.0,
            certificate.created_at.0,
        ];
        self.change("inserted a certificate", INSERT_CERTIFICATE, params)
            .map(drop)
    }

    fn remove_application_certificate(&mut self, application: Uuid, id: Uuid) -> Result<bool, MetadataError> {
        let params = params![application.as_bytes(), id.as_bytes()];
        Ok(self.change("removed a certificate", REMOVE_CERTIFICATE, params)? > 0)
    }

    fn insert_federated_credential(&mut self, credential: &FederatedCredential) -> Result<(), MetadataError> {
        let params = params![
            credential.id.as_bytes(),
            credential.application.as_bytes(),
            credential.name,
            credential.issuer,
            credential.subject.as_str(),
            is_pattern(&credential.subject),
            column::texts_text(&credential.audiences),
            credential.description,
            credential.created_at.0,
        ];
        self.change("inserted a federated credential", INSERT_FEDERATED, params)
            .map(drop)
    }

    fn update_federated_credential(&mut self, credential: &FederatedCredential) -> Result<(), MetadataError> {
        let params = params![
            credential.application.as_bytes(),
            credential.id.as_bytes(),
            credential.issuer,
            credential.subject.as_str(),
            is_pattern(&credential.subject),
            column::texts_text(&credential.audiences),
            credential.description,
        ];
        self.change("updated a federated credential", UPDATE_FEDERATED, params)
            .map(drop)
    }

    fn remove_federated_credential(&mut self, application: Uuid, id: Uuid) -> Result<bool, MetadataError> {
        let params = params![application.as_bytes(), id.as_bytes()];
        Ok(self.change("removed a federated credential", REMOVE_FEDERATED, params)? > 0)
    }
}

/// The marker as parameters. Nothing sorts before the empty name with an empty id.
fn seek(after: Option<&ApplicationMarker>) -> (&str, &[u8]) {
    after.map_or(("", &[][..]), |marker| (&marker.folded_name, marker.id.as_bytes()))
}

fn is_pattern(subject: &FederatedSubject) -> bool {
    matches!(subject, FederatedSubject::Pattern(_))
}

/// An application whose columns begin at `at`.
fn application_row(row: &Row<'_>, at: usize) -> row::Result<ApplicationRecord> {
    Ok(ApplicationRecord {
        id: column::uuid(row, at)?,
        app_id: column::uuid(row, at + 1)?,
        display_name: row.get(at + 2)?,
        created_at: column::timestamp(row, at + 3)?,
        created_by: row.get(at + 4)?,
    })
}

fn secret_row(row: &Row<'_>) -> row::Result<ApplicationSecret> {
    Ok(ApplicationSecret {
        id: column::uuid(row, 0)?,
        application: column::uuid(row, 1)?,
        display_name: row.get(2)?,
        hint: row.get(3)?,
        verifier: row.get(4)?,
        starts_at: column::timestamp(row, 5)?,
        expires_at: column::timestamp(row, 6)?,
        created_at: column::timestamp(row, 7)?,
    })
}

fn certificate_row(row: &Row<'_>) -> row::Result<ApplicationCertificate> {
    Ok(ApplicationCertificate {
        id: column::uuid(row, 0)?,
        application: column::uuid(row, 1)?,
        display_name: row.get(2)?,
        der: row.get(3)?,
        sha256: row.get(4)?,
        sha1: row.get(5)?,
        starts_at: column::timestamp(row, 6)?,
        expires_at: column::timestamp(row, 7)?,
        created_at: column::timestamp(row, 8)?,
    })
}

fn federated_row(row: &Row<'_>) -> row::Result<FederatedCredential> {
    let subject: String = row.get(4)?;
    Ok(FederatedCredential {
        id: column::uuid(row, 0)?,
        application: column::uuid(row, 1)?,
        name: row.get(2)?,
        issuer: row.get(3)?,
        subject: if row.get(5)? {
            FederatedSubject::Pattern(subject)
        } else {
            FederatedSubject::Exact(subject)
        },
        audiences: column::texts(row, 6)?,
        description: row.get(7)?,
        created_at: column::timestamp(row, 8)?,
    })
}

/// Statements whose plans the tests look at.
#[cfg(test)]
pub(super) const PLANNED: &[&str] = &[
    FIND,
    FIND_BY_APP,
    FIND_SOME,
    FIND_SOME_BY_APP,
    LIST_SECRETS_OF_SOME,
    LIST_CERTIFICATES_OF_SOME,
    LIST,
    LIST_WITH_PRINCIPAL,
    LIST_SECRETS,
    LIST_SECRETS_BY_APP,
    LIST_CERTIFICATES,
    LIST_FEDERATED,
    UPDATE,
    REMOVE,
    REMOVE_SECRET,
    REMOVE_CERTIFICATE,
    UPDATE_FEDERATED,
    REMOVE_FEDERATED,
    REMOVE_ALL[0],
    REMOVE_ALL[1],
    REMOVE_ALL[2],
];
