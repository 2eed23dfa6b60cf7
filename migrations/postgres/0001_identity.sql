-- People, how they prove themselves, and where they are signed in.
-- Times are milliseconds since 1970-01-01T00:00:00Z; flags are 0 or 1.

CREATE TABLE users (
    id              TEXT   NOT NULL PRIMARY KEY,
    email           TEXT   NOT NULL,
    email_verified  BIGINT NOT NULL DEFAULT 0 CHECK (email_verified IN (0, 1)),
    name            TEXT   NOT NULL,
    image           TEXT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    -- The judge of a race between two sign-ups. Addresses are stored in lower case.
    CONSTRAINT users_email_key UNIQUE (email)
);

CREATE TABLE accounts (
    id              TEXT   NOT NULL PRIMARY KEY,
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider_id     TEXT   NOT NULL,
    account_id      TEXT   NOT NULL,
    password_hash   TEXT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    CONSTRAINT accounts_provider_key UNIQUE (provider_id, account_id)
);
CREATE INDEX accounts_user_id ON accounts (user_id);

CREATE TABLE sessions (
    id              TEXT   NOT NULL PRIMARY KEY,
    -- SHA-256 of the token: a stolen database opens no session.
    token_hash      BYTEA  NOT NULL,
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    -- 0: the browser forgets it, and it never slides.
    remembered      BIGINT NOT NULL CHECK (remembered IN (0, 1)),
    ip_address      TEXT   NOT NULL,
    user_agent      TEXT   NOT NULL,
    CONSTRAINT sessions_token_hash_key UNIQUE (token_hash)
);
CREATE INDEX sessions_user_id ON sessions (user_id, created_at);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- Sessions that ended while tokens of theirs may still live; a row is needed until `forget_at`.
CREATE TABLE revoked_sessions (
    session_id      TEXT   NOT NULL PRIMARY KEY,
    revoked_at      BIGINT NOT NULL,
    forget_at       BIGINT NOT NULL
);
CREATE INDEX revoked_sessions_forget_at ON revoked_sessions (forget_at);
