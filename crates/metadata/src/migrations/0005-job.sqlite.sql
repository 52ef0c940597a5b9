-- Work that is done later, and what came of it.

CREATE TABLE job (
    id          BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind        TEXT NOT NULL,
    scope       TEXT NOT NULL,
    payload     TEXT NOT NULL,
    sealed      BLOB,
    state       INTEGER NOT NULL,
    progress    TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    run_after   INTEGER NOT NULL,
    lease_owner BLOB CHECK (length(lease_owner) = 16),
    lease_until INTEGER,
    last_error  TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    -- From when on anybody may take it: the later of run_after and lease_until; NULL once it ended.
    due_at      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX job_by_due ON job (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX job_by_scope ON job (kind, scope, created_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX job_by_end ON job (updated_at, id) WHERE due_at IS NULL;
