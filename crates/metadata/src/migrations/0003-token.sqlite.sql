-- Tokens and scope maps.

-- The actions are a list in JSON, as ARM shows them.
CREATE TABLE scope_map (
    registry_id INTEGER NOT NULL REFERENCES registry (id),
    name        TEXT NOT NULL COLLATE NOCASE,
    description TEXT,
    actions     TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (registry_id, name)
) STRICT, WITHOUT ROWID;

-- The scope map is a name and no reference, for the system's own maps are no rows.
CREATE TABLE token (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    registry_id INTEGER NOT NULL REFERENCES registry (id),
    name        TEXT NOT NULL COLLATE NOCASE,
    scope_map   TEXT NOT NULL COLLATE NOCASE,
    is_enabled  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (registry_id, name)
) STRICT;
CREATE INDEX token_by_scope_map ON token (registry_id, scope_map);

-- The generation of a password is its row id: never the same twice.
CREATE TABLE token_password (
    generation INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id   INTEGER NOT NULL REFERENCES token (id),
    slot       INTEGER NOT NULL CHECK (slot IN (1, 2)),
    verifier   BLOB NOT NULL CHECK (length(verifier) = 32),
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (token_id, slot)
) STRICT;
