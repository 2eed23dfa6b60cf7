-- What clients have asked users for, while they sign in and decide; and what users have agreed to.
-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE authorization_requests (
    -- SHA-256 of the id that the pages carry.
    id_hash         BYTEA  NOT NULL PRIMARY KEY,
    -- SHA-256 of the cookie of the browser that it belongs to; null until a browser has come with it.
    browser_hash    BYTEA,
    client_id       TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    -- As they were sent, form-encoded.
    parameters      TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    -- When it was answered: an id is good for one answer.
    used_at         BIGINT,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX authorization_requests_expires_at ON authorization_requests (expires_at);
CREATE INDEX authorization_requests_client_id ON authorization_requests (client_id);

CREATE TABLE consents (
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id       TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    -- Empty where no resource was named.
    resource        TEXT   NOT NULL,
    scope           TEXT   NOT NULL,
    granted_at      BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id, resource)
);
CREATE INDEX consents_client_id ON consents (client_id);
