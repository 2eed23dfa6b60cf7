-- Roles of PostgreSQL with the least rights that each kind of process needs, and their rights on Signet's tables.
--   signet_identity  signs people in: reads and writes every row, and changes no table
--   signet_resource  serves tasks: reads and writes tasks, and hears which sessions have ended; it reads no user, no session, no
--                    password and no key
-- The schema belongs to whoever runs `signet migrate`. Run this as that role (or a superuser), after every `signet migrate`; it may
-- be run again at any time:
--   psql "$OWNER_URL" -v ON_ERROR_STOP=1 -v identity_password=... -v resource_password=... -f deploy/roles.sql
\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['signet_identity', 'signet_resource']) AS name
 WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE signet_identity PASSWORD :'identity_password';
ALTER ROLE signet_resource PASSWORD :'resource_password';

BEGIN;
-- Nobody but the owner makes anything here (PostgreSQL 15 and later begin like this).
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, signet_identity, signet_resource;
GRANT USAGE ON SCHEMA public TO signet_identity, signet_resource;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO signet_identity;
REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations, schema_floor FROM signet_identity;

GRANT SELECT ON _sqlx_migrations, schema_floor, revoked_sessions TO signet_resource;
-- Those that exist: releases add some.
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO signet_resource', tablename)
  FROM pg_tables WHERE schemaname = 'public' AND tablename IN ('tasks', 'ended_owners') \gexec
COMMIT;
