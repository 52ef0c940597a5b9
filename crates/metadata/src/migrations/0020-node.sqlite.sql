-- What the nodes of one service share beside the data.

-- The keys that sign and verify tokens.
CREATE TABLE server_key (
    kid            TEXT PRIMARY KEY,
    public         BLOB NOT NULL,
    sealed         BLOB,
    signs_from     INTEGER NOT NULL,
    verifies_until INTEGER
) STRICT;

-- The processes that serve.
CREATE TABLE node (
    id          BLOB PRIMARY KEY,
    host        TEXT NOT NULL,
    version     TEXT NOT NULL,
    is_draining INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL
) STRICT;

-- The right to do for all of them what one does at a time.
CREATE TABLE lease (
    name       TEXT PRIMARY KEY,
    owner      BLOB NOT NULL,
    ends_at    INTEGER NOT NULL
) STRICT;
