-- How sessions were opened; clients, resources, and what users have given to clients.
-- Times are milliseconds since 1970-01-01T00:00:00Z; flags are 0 or 1.

-- When the user last proved who they are; null: when the session was made.
ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT;
-- How, in the words of RFC 8176.
ALTER TABLE sessions ADD COLUMN amr TEXT NOT NULL DEFAULT 'pwd';

CREATE TABLE clients (
    client_id       TEXT   NOT NULL PRIMARY KEY,
    name            TEXT   NOT NULL,
    application_type TEXT  NOT NULL,
    token_endpoint_auth_method TEXT NOT NULL,
    id_token_alg    TEXT   NOT NULL,
    grant_types     TEXT   NOT NULL,
    -- What users may give it, and what it may ask for by itself.
    scope           TEXT   NOT NULL,
    machine_scope   TEXT   NOT NULL,
    skip_consent    BIGINT NOT NULL CHECK (skip_consent IN (0, 1)),
    require_pushed  BIGINT NOT NULL CHECK (require_pushed IN (0, 1)),
    require_pkce    BIGINT NOT NULL CHECK (require_pkce IN (0, 1)),
    -- JSON arrays.
    redirect_uris   TEXT   NOT NULL,
    post_logout_redirect_uris TEXT NOT NULL,
    jwks            TEXT,
    jwks_uri        TEXT,
    backchannel_logout_uri TEXT,
    client_uri      TEXT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);

CREATE TABLE client_secrets (
    -- SHA-256 of 256 random bits: a stolen database proves no client.
    secret_hash     BLOB   NOT NULL PRIMARY KEY,
    client_id       TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT
);
CREATE INDEX client_secrets_client_id ON client_secrets (client_id);

-- Audiences of access tokens, beside the tasks API.
CREATE TABLE resources (
    identifier      TEXT   NOT NULL PRIMARY KEY,
    scopes          TEXT   NOT NULL,
    access_token_alg TEXT  NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);

CREATE TABLE authorization_codes (
    -- SHA-256 of the code.
    code_hash       BLOB   NOT NULL PRIMARY KEY,
    -- The grant that it becomes.
    grant_id        TEXT   NOT NULL,
    client_id       TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id      TEXT   NOT NULL,
    redirect_uri    TEXT   NOT NULL,
    code_challenge  TEXT,
    nonce           TEXT,
    scope           TEXT   NOT NULL,
    -- A JSON array.
    resources       TEXT   NOT NULL,
    authenticated_at BIGINT NOT NULL,
    amr             TEXT   NOT NULL,
    expires_at      BIGINT NOT NULL,
    -- A code that was used is kept, so that a second use is known as one.
    redeemed_at     BIGINT,
    CONSTRAINT authorization_codes_grant_key UNIQUE (grant_id)
);
CREATE INDEX authorization_codes_expires_at ON authorization_codes (expires_at);
CREATE INDEX authorization_codes_client_id ON authorization_codes (client_id);
CREATE INDEX authorization_codes_user_id ON authorization_codes (user_id);

-- What a user has given to a client. It has one row, however often its refresh token is rotated.
CREATE TABLE grants (
    -- The `sid` of its access tokens.
    id              TEXT   NOT NULL PRIMARY KEY,
    client_id       TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The session in which it was given; one that is not offline ends with it.
    session_id      TEXT   NOT NULL,
    offline         BIGINT NOT NULL CHECK (offline IN (0, 1)),
    scope           TEXT   NOT NULL,
    resources       TEXT   NOT NULL,
    authenticated_at BIGINT NOT NULL,
    amr             TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    -- The end of its last token.
    expires_at      BIGINT NOT NULL,
    -- SHA-256 of what all refresh tokens of the family have in common, of the present one, and of the one before it.
    family_hash     BLOB,
    refresh_hash    BLOB,
    previous_hash   BLOB,
    -- The present one, sealed, for a client whose answer was lost.
    successor       BLOB,
    successor_key   TEXT,
    rotated_at      BIGINT,
    CONSTRAINT grants_family_key UNIQUE (family_hash)
);
CREATE INDEX grants_session_id ON grants (session_id);
CREATE INDEX grants_user_id ON grants (user_id, client_id);
CREATE INDEX grants_client_id ON grants (client_id);
CREATE INDEX grants_expires_at ON grants (expires_at);

-- Assertions by which clients have proved themselves (RFC 7523), each good once.
CREATE TABLE client_assertions (
    -- SHA-256 of the client and the `jti`.
    jti_hash        BLOB   NOT NULL PRIMARY KEY,
    client_id       TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX client_assertions_expires_at ON client_assertions (expires_at);
CREATE INDEX client_assertions_client_id ON client_assertions (client_id);
