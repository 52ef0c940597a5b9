-- What the nodes of one service share beside the data.

-- The keys that sign and verify tokens.
CREATE TABLE server_key (
    kid            text COLLATE "C" PRIMARY KEY,
    public         bytea NOT NULL,
    sealed         bytea,
    signs_from     bigint NOT NULL,
    verifies_until bigint
);

-- The processes that serve.
CREATE TABLE node (
    id          bytea PRIMARY KEY,
    host        text COLLATE "C" NOT NULL,
    version     text COLLATE "C" NOT NULL,
    is_draining bigint NOT NULL,
    started_at  bigint NOT NULL,
    seen_at     bigint NOT NULL
);

-- The right to do for all of them what one does at a time.
CREATE TABLE lease (
    name    text COLLATE "C" PRIMARY KEY,
    owner   bytea NOT NULL,
    ends_at bigint NOT NULL
);
