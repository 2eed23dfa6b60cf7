-- Mail that was promised: written in the transaction that promises it, delivered by whichever instance claims it.
-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE outbox (
    id              TEXT   NOT NULL PRIMARY KEY,
    kind            TEXT   NOT NULL,
    state           TEXT   NOT NULL CHECK (state IN ('waiting', 'sent', 'parked')),
    -- Address and text, sealed by the master key with this fingerprint; dropped as soon as the message is sent.
    sealed          BYTEA,
    master_key      TEXT,
    created_at      BIGINT NOT NULL,
    -- Of a waiting message: when it may be claimed, which is the end of the lease while an instance delivers it.
    -- Of any other: when it is deleted.
    due_at          BIGINT NOT NULL,
    give_up_at      BIGINT NOT NULL,
    attempts        BIGINT NOT NULL CHECK (attempts >= 0),
    -- The claim of the instance that delivers it, drawn anew for each claim.
    lease           TEXT,
    -- What the last attempt came to; neither an address nor a link.
    problem         TEXT,
    CHECK ((state = 'sent') = (sealed IS NULL)),
    CHECK ((sealed IS NULL) = (master_key IS NULL)),
    CHECK (state = 'waiting' OR lease IS NULL)
);
CREATE INDEX outbox_due ON outbox (state, due_at);
