-- The first schema. Digests are Digest::to_db (they sort as digests sort), ids of the outside are
-- 16-byte UUIDs, moments are microseconds since 1970, "attributes" is Attributes::bits. Rows whose
-- id leaves the transaction are AUTOINCREMENT: an id that a cache or a job still holds is never
-- given to another row.

CREATE TABLE directory (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    tenant_id  BLOB NOT NULL CHECK (length(tenant_id) = 16),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE subscription (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    display_name TEXT NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE resource_group (
    subscription_id BLOB NOT NULL REFERENCES subscription (id),
    name            TEXT NOT NULL COLLATE NOCASE,
    location        TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (subscription_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE storage_account (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL COLLATE NOCASE UNIQUE,
    location   TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE registry (
    id                      INTEGER PRIMARY KEY AUTOINCREMENT,
    name                    TEXT NOT NULL COLLATE NOCASE UNIQUE,
    rid                     BLOB NOT NULL UNIQUE CHECK (length(rid) = 16),
    subscription_id         BLOB NOT NULL,
    resource_group          TEXT NOT NULL COLLATE NOCASE,
    location                TEXT NOT NULL,
    sku                     TEXT NOT NULL,
    storage_account_id      INTEGER NOT NULL REFERENCES storage_account (id),
    admin_enabled           INTEGER NOT NULL,
    anonymous_pull          INTEGER NOT NULL,
    accept_sparse_manifests INTEGER NOT NULL,
    retention_days          INTEGER,
    created_at              INTEGER NOT NULL,
    updated_at              INTEGER NOT NULL,
    FOREIGN KEY (subscription_id, resource_group) REFERENCES resource_group (subscription_id, name)
) STRICT;

CREATE TABLE admin_password (
    registry_id INTEGER NOT NULL REFERENCES registry (id),
    slot        INTEGER NOT NULL CHECK (slot IN (1, 2)),
    sealed      BLOB NOT NULL,
    verifier    BLOB NOT NULL CHECK (length(verifier) = 32),
    generation  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (registry_id, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE repository (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    registry_id    INTEGER NOT NULL REFERENCES registry (id),
    name           TEXT NOT NULL,
    attributes     INTEGER NOT NULL,
    manifest_count INTEGER NOT NULL CHECK (manifest_count >= 0),
    tag_count      INTEGER NOT NULL CHECK (tag_count >= 0),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (registry_id, name)
) STRICT;
-- The catalogue: empty and hidden repositories cost it nothing. 8 is the list_enabled bit.
CREATE INDEX repository_listed ON repository (registry_id, name)
    WHERE manifest_count > 0 AND attributes & 8 = 8;

CREATE TABLE manifest (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id     INTEGER NOT NULL REFERENCES repository (id),
    digest            BLOB NOT NULL,
    media_type        TEXT NOT NULL,
    size_bytes        INTEGER NOT NULL,
    subject           BLOB,
    artifact_type     TEXT,
    config_media_type TEXT,
    annotations       TEXT,
    architecture      TEXT,
    os                TEXT,
    image_size_bytes  INTEGER NOT NULL,
    attributes        INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    UNIQUE (repository_id, digest)
) STRICT;
CREATE INDEX manifest_by_time ON manifest (repository_id, updated_at, digest);
CREATE INDEX manifest_by_subject ON manifest (repository_id, subject, digest)
    WHERE subject IS NOT NULL;
CREATE INDEX manifest_by_subject_and_type ON manifest (repository_id, subject, artifact_type, digest)
    WHERE subject IS NOT NULL;

-- The exact bytes, apart, so that listings do not read past them.
CREATE TABLE manifest_content (
    manifest_id INTEGER PRIMARY KEY REFERENCES manifest (id),
    bytes       BLOB NOT NULL
) STRICT;

-- Blobs a manifest needs. The repository is repeated to answer "who needs this blob here".
CREATE TABLE manifest_blob (
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id),
    digest        BLOB NOT NULL,
    repository_id INTEGER NOT NULL,
    PRIMARY KEY (manifest_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_blob_by_digest ON manifest_blob (repository_id, digest);

-- Manifests an index lists; repeated likewise.
CREATE TABLE manifest_child (
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id),
    digest        BLOB NOT NULL,
    repository_id INTEGER NOT NULL,
    PRIMARY KEY (manifest_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_child_by_digest ON manifest_child (repository_id, digest);

-- The digest repeats the manifest's, which never changes: a tag is resolved by one look-up.
CREATE TABLE tag (
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    name          TEXT NOT NULL,
    manifest_id   INTEGER NOT NULL REFERENCES manifest (id),
    digest        BLOB NOT NULL,
    attributes    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (repository_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_manifest ON tag (manifest_id, name);
CREATE INDEX tag_by_time ON tag (repository_id, updated_at, name);

CREATE TABLE blob (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    storage_account_id INTEGER NOT NULL REFERENCES storage_account (id),
    digest             BLOB NOT NULL,
    size_bytes         INTEGER NOT NULL,
    object_key         BLOB NOT NULL CHECK (length(object_key) = 16),
    created_at         INTEGER NOT NULL,
    UNIQUE (storage_account_id, digest)
) STRICT;
CREATE UNIQUE INDEX blob_by_object ON blob (storage_account_id, object_key);

-- A repository may read a blob when a row here says so. The digest repeats the blob's, the registry
-- repeats the repository's; neither ever changes.
CREATE TABLE blob_link (
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    digest        BLOB NOT NULL,
    blob_id       INTEGER NOT NULL REFERENCES blob (id),
    registry_id   INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_link_by_blob ON blob_link (blob_id, registry_id);

CREATE TABLE upload (
    id                 BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    registry_id        INTEGER NOT NULL REFERENCES registry (id),
    repository         TEXT NOT NULL,
    actor              TEXT NOT NULL,
    storage_account_id INTEGER NOT NULL REFERENCES storage_account (id),
    object_key         BLOB NOT NULL CHECK (length(object_key) = 16),
    algorithm          TEXT NOT NULL,
    offset_bytes       INTEGER NOT NULL,
    hash_state         BLOB NOT NULL,
    started_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_by_time ON upload (updated_at);
CREATE INDEX upload_by_actor ON upload (registry_id, actor);
CREATE INDEX upload_by_repository ON upload (registry_id, repository);
CREATE INDEX upload_by_object ON upload (storage_account_id, object_key);

-- What may be garbage. kind 1: the link of a blob (owner is the repository, name its digest);
-- 2: an untagged manifest, 3: an orphaned one (likewise); 4: an object (owner is the storage
-- account, name its key).
-- Queueing again gives a new id, so ids run in the order of time.
CREATE TABLE candidate (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       INTEGER NOT NULL CHECK (kind IN (1, 2, 3, 4)),
    owner_id   INTEGER NOT NULL,
    name       BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    queued_at  INTEGER NOT NULL,
    UNIQUE (kind, owner_id, name)
) STRICT;
CREATE INDEX candidate_by_time ON candidate (queued_at);

-- Counts that would otherwise cost a walk over the whole table.
CREATE TABLE total (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT, WITHOUT ROWID;
INSERT INTO total (name, value) VALUES ('blobs', 0), ('blob_bytes', 0), ('candidates', 0);
