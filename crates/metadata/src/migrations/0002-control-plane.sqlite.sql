-- The control plane: tags of resources, the deletion of registries, principals and their roles.

ALTER TABLE resource_group ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE registry ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
-- Set when a deletion began: nothing is written to the registry any more.
ALTER TABLE registry ADD COLUMN is_deleting INTEGER NOT NULL DEFAULT 0;
CREATE INDEX registry_by_group ON registry (subscription_id, resource_group, id);
-- What a registry uses, and what goes with it.
CREATE INDEX blob_link_by_registry ON blob_link (registry_id, blob_id);

CREATE TABLE principal (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    app_id       BLOB NOT NULL UNIQUE CHECK (length(app_id) = 16),
    display_name TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE principal_secret (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    principal_id BLOB NOT NULL REFERENCES principal (id),
    verifier     BLOB NOT NULL CHECK (length(verifier) = 32),
    expires_at   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX principal_secret_by_principal ON principal_secret (principal_id, created_at, id);

-- The scope is an id of ARM in lower case.
CREATE TABLE role_assignment (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    principal_id BLOB NOT NULL REFERENCES principal (id),
    role         TEXT NOT NULL,
    scope        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    UNIQUE (principal_id, role, scope)
) STRICT, WITHOUT ROWID;
