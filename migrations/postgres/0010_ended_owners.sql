-- Owners whose account has been deleted, for as long as a token of theirs can live: nothing is added for them any more.
-- It stands beside the tasks, which may be in another database than the accounts.
-- Times are milliseconds since 1970-01-01T00:00:00Z.

CREATE TABLE ended_owners (
    user_id         TEXT   NOT NULL PRIMARY KEY,
    forget_at       BIGINT NOT NULL
);
CREATE INDEX ended_owners_forget_at ON ended_owners (forget_at);
