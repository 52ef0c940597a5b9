-- People, and sign-ins under way. A person is a principal of the same id; "folded_name" is the user name in lower case,
-- the verifier a stretched password. Codes are keyed hashes; what has expired is removed by the next sign-in.

CREATE TABLE person (
    id          BLOB NOT NULL PRIMARY KEY REFERENCES principal (id),
    user_name   TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    verifier    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE authorization_code (
    verifier     BLOB NOT NULL PRIMARY KEY CHECK (length(verifier) = 32),
    person_id    BLOB NOT NULL CHECK (length(person_id) = 16),
    generation   INTEGER NOT NULL,
    client_id    BLOB NOT NULL CHECK (length(client_id) = 16),
    redirect_uri TEXT NOT NULL,
    challenge    BLOB NOT NULL CHECK (length(challenge) = 32),
    scope        TEXT NOT NULL,
    nonce        TEXT,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_code_by_time ON authorization_code (expires_at);

-- answer 0: none yet; 1: approved by the person of person_id and generation; 2: denied.
CREATE TABLE device_code (
    verifier      BLOB NOT NULL PRIMARY KEY CHECK (length(verifier) = 32),
    user_verifier BLOB NOT NULL UNIQUE CHECK (length(user_verifier) = 32),
    client_id     BLOB NOT NULL CHECK (length(client_id) = 16),
    scope         TEXT NOT NULL,
    answer        INTEGER NOT NULL CHECK (answer IN (0, 1, 2)),
    person_id     BLOB,
    generation    INTEGER,
    polled_at     INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    CHECK ((answer = 1) = (person_id IS NOT NULL AND generation IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX device_code_by_time ON device_code (expires_at);

CREATE TABLE used_assertion (
    hash       BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_assertion_by_time ON used_assertion (expires_at);
