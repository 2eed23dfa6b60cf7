-- Which binaries may use this database: those that know at least this migration. A migration that only adds leaves the
-- floor where it is, so that the release before goes on working beside the new one; one that takes something away raises
-- it to the last migration of the release that needed it no more.
CREATE TABLE schema_floor (
    id              BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    migration       BIGINT NOT NULL
);
INSERT INTO schema_floor (id, migration) VALUES (1, 9);
