-- Signing out: what came by a form, which clients have learned of a session, and who is still to be told of its end; and who
-- may ask what tokens of a resource are.
-- Times are milliseconds since 1970-01-01T00:00:00Z; flags are 0 or 1.

-- Requests for a sign-out that came by a form of another site, which brings no cookies along.
CREATE TABLE logout_requests (
    -- SHA-256 of the id that the browser is sent on with.
    id_hash         BLOB   NOT NULL PRIMARY KEY,
    -- As they were sent, form-encoded.
    parameters      TEXT   NOT NULL,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX logout_requests_expires_at ON logout_requests (expires_at);

-- The clients that got an ID token in a session. The grant may end before the session does, and the client goes on knowing.
CREATE TABLE session_clients (
    session_id      TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    client_id       TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    PRIMARY KEY (session_id, client_id)
);
CREATE INDEX session_clients_client_id ON session_clients (client_id);
INSERT INTO session_clients (session_id, client_id)
    SELECT DISTINCT g.session_id, g.client_id FROM grants g JOIN sessions s ON s.id = g.session_id
    WHERE ' ' || g.scope || ' ' LIKE '% openid %';

-- Clients that are to be told that a session has ended.
CREATE TABLE logout_notices (
    -- The session and the client: a session ends once.
    id              TEXT   NOT NULL PRIMARY KEY,
    client_id       TEXT   NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    -- No reference: the account may be what has ended.
    user_id         TEXT   NOT NULL,
    session_id      TEXT   NOT NULL,
    uri             TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    -- Names the claim of the instance that tells the client now.
    lease           TEXT,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX logout_notices_client_id ON logout_notices (client_id, next_attempt_at);
CREATE INDEX logout_notices_next_attempt_at ON logout_notices (next_attempt_at);

-- Whether a client wants to be told which session has ended; it is told in any case.
ALTER TABLE clients ADD COLUMN backchannel_logout_session_required BIGINT NOT NULL DEFAULT 0;

-- The clients that may ask what tokens of a resource are: a JSON array.
ALTER TABLE resources ADD COLUMN introspection_clients TEXT NOT NULL DEFAULT '[]';
