-- Links that were mailed, what was asked to be mailed, and how much mail each mailbox has had.
-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE mailed_tokens (
    -- SHA-256 of the token: a stolen database opens no account.
    token_hash      BLOB   NOT NULL PRIMARY KEY,
    purpose         TEXT   NOT NULL,
    user_id         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Where it was mailed to, which is what it proves.
    address         TEXT   NOT NULL,
    expires_at      BIGINT NOT NULL,
    -- One of them lives for each user and purpose: a new one takes the place of the old one.
    CONSTRAINT mailed_tokens_one_live UNIQUE (user_id, purpose)
);
CREATE INDEX mailed_tokens_expires_at ON mailed_tokens (expires_at);

-- What was asked for at an endpoint, for known and unknown addresses alike. A worker takes the row, and looks only then
-- whose address it is.
CREATE TABLE mail_requests (
    id              TEXT   NOT NULL PRIMARY KEY,
    kind            TEXT   NOT NULL,
    -- Who asked, where they were signed in, or who has just signed up.
    user_id         TEXT,
    address         TEXT   NOT NULL,
    callback        TEXT,
    language        TEXT   NOT NULL,
    requested_at    BIGINT NOT NULL
);
CREATE INDEX mail_requests_requested_at ON mail_requests (requested_at, id);

-- How much mail that others can ask for a mailbox has had: a leaky bucket for each, which says when it is empty.
CREATE TABLE mailboxes (
    -- SHA-256 of the address.
    address_hash    BLOB   NOT NULL PRIMARY KEY,
    empty_at        BIGINT NOT NULL
);
CREATE INDEX mailboxes_empty_at ON mailboxes (empty_at);
