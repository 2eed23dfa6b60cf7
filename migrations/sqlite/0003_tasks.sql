-- The tasks of the resource module. No foreign key to users: the two halves may run on different databases.

CREATE TABLE tasks (
    id              TEXT   NOT NULL PRIMARY KEY,
    user_id         TEXT   NOT NULL,
    title           TEXT   NOT NULL,
    description     TEXT   NOT NULL,
    completed       BIGINT NOT NULL DEFAULT 0 CHECK (completed IN (0, 1)),
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);
-- A page of one owner's tasks, newest first, is one walk of this index.
CREATE INDEX tasks_page ON tasks (user_id, created_at DESC, id DESC);
