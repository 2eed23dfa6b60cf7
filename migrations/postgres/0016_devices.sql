-- Devices that ask to be signed in (RFC 8628), while a user decides elsewhere.
-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE device_authorizations (
    -- SHA-256 of the code that the device polls with, and of the one that a user types.
    device_code_hash BYTEA NOT NULL PRIMARY KEY,
    user_code_hash  BYTEA  NOT NULL,
    -- The grant that it becomes.
    grant_id        TEXT   NOT NULL,
    client_id       TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    scope           TEXT   NOT NULL,
    -- A JSON array.
    resources       TEXT   NOT NULL,
    -- Where it was asked from, for whoever decides.
    ip_address      TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    -- How often the device may poll, in milliseconds, and when it last did.
    poll_interval   BIGINT NOT NULL,
    polled_at       BIGINT,
    -- Null until a user has decided.
    decision        TEXT CHECK (decision IN ('approved', 'denied')),
    -- Who approved it, and how they had proved who they are.
    user_id         TEXT REFERENCES users (id) ON DELETE CASCADE,
    session_id      TEXT,
    authenticated_at BIGINT,
    amr             TEXT,
    -- A code that was used is kept, so that a second use is known as one.
    redeemed_at     BIGINT,
    CONSTRAINT device_authorizations_user_code_key UNIQUE (user_code_hash),
    CONSTRAINT device_authorizations_grant_key UNIQUE (grant_id)
);
CREATE INDEX device_authorizations_expires_at ON device_authorizations (expires_at);
CREATE INDEX device_authorizations_client_id ON device_authorizations (client_id);
CREATE INDEX device_authorizations_user_id ON device_authorizations (user_id);
