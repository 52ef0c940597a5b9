-- Applications of the directory with several credentials of three kinds. What was a principal's secret
-- is now its application's. "folded_name" is the name in lower case.

CREATE TABLE application (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    app_id       BLOB NOT NULL UNIQUE CHECK (length(app_id) = 16),
    display_name TEXT NOT NULL,
    folded_name  TEXT NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX application_by_name ON application (folded_name, id);

ALTER TABLE principal ADD COLUMN is_enabled INTEGER NOT NULL DEFAULT 1;

INSERT INTO application (id, app_id, display_name, folded_name, created_at)
    SELECT randomblob(16), app_id, display_name, lower(display_name), created_at FROM principal;

CREATE TABLE application_secret (
    id             BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    application_id BLOB NOT NULL REFERENCES application (id),
    display_name   TEXT,
    hint           TEXT NOT NULL,
    verifier       BLOB NOT NULL CHECK (length(verifier) = 32),
    starts_at      INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX application_secret_by_application ON application_secret (application_id, created_at, id);

INSERT INTO application_secret (id, application_id, hint, verifier, starts_at, expires_at, created_at)
    SELECT secret.id, application.id, '', secret.verifier, secret.created_at, secret.expires_at, secret.created_at
    FROM principal_secret AS secret
    JOIN principal ON principal.id = secret.principal_id
    JOIN application ON application.app_id = principal.app_id;
DROP TABLE principal_secret;

CREATE TABLE application_certificate (
    application_id BLOB NOT NULL REFERENCES application (id),
    id             BLOB NOT NULL CHECK (length(id) = 16),
    display_name   TEXT,
    der            BLOB NOT NULL,
    sha256         BLOB NOT NULL CHECK (length(sha256) = 32),
    sha1           BLOB NOT NULL CHECK (length(sha1) = 20),
    starts_at      INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (application_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX application_certificate_by_time ON application_certificate (application_id, created_at, id);

-- The subject is a text to be equal to, or, where "is_pattern", one with wildcards. The audiences are a JSON list.
CREATE TABLE federated_credential (
    id             BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    application_id BLOB NOT NULL REFERENCES application (id),
    name           TEXT NOT NULL,
    issuer         TEXT NOT NULL,
    subject        TEXT NOT NULL,
    is_pattern     INTEGER NOT NULL,
    audiences      TEXT NOT NULL,
    description    TEXT,
    created_at     INTEGER NOT NULL,
    UNIQUE (application_id, name),
    UNIQUE (application_id, issuer, subject, is_pattern)
) STRICT, WITHOUT ROWID;
