-- The signing keys of the issuer, and what happened to them.
-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE signing_keys (
    kid             TEXT   NOT NULL PRIMARY KEY,
    algorithm       TEXT   NOT NULL,
    public_key      BYTEA  NOT NULL,
    -- The private half, sealed by the master key with this fingerprint; dropped as soon as the key signs no more.
    sealed_seed     BYTEA,
    master_key      TEXT,
    state           TEXT   NOT NULL CHECK (state IN ('pending', 'active', 'retiring', 'removed', 'revoked')),
    announced_at    BIGINT NOT NULL,
    -- The longest spans that any process promised while the key was public: how long caches and tokens may live.
    lead            BIGINT NOT NULL CHECK (lead >= 0),
    retain          BIGINT NOT NULL CHECK (retain >= 0),
    requested_at    BIGINT,
    activated_at    BIGINT,
    retired_at      BIGINT,
    removed_at      BIGINT,
    revoked_at      BIGINT,
    reason          TEXT,
    CHECK ((state IN ('pending', 'active')) = (sealed_seed IS NOT NULL)),
    CHECK ((sealed_seed IS NULL) = (master_key IS NULL)),
    CHECK (state <> 'pending' OR activated_at IS NULL),
    CHECK (state NOT IN ('active', 'retiring', 'removed') OR activated_at IS NOT NULL),
    CHECK (state NOT IN ('retiring', 'removed') OR retired_at IS NOT NULL),
    CHECK ((state = 'removed') = (removed_at IS NOT NULL)),
    CHECK ((state = 'revoked') = (revoked_at IS NOT NULL)),
    CHECK ((state = 'revoked') = (reason IS NOT NULL))
);
-- The judges of a race between two rotations: one key signs, one waits.
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (algorithm) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_one_pending ON signing_keys (algorithm) WHERE state = 'pending';
CREATE INDEX signing_keys_state ON signing_keys (state);

-- Counts the writes to signing_keys: who writes names the version that was read, and the loser of a race reads again.
CREATE TABLE keyring (
    id              BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version         BIGINT NOT NULL
);
INSERT INTO keyring (id, version) VALUES (1, 0);

-- Who did what to which key, for as long as the database lives.
CREATE TABLE key_events (
    version         BIGINT NOT NULL,
    kid             TEXT   NOT NULL REFERENCES signing_keys (kid),
    event           TEXT   NOT NULL,
    at              BIGINT NOT NULL,
    actor           TEXT   NOT NULL,
    reason          TEXT,
    PRIMARY KEY (version, kid, event)
);
