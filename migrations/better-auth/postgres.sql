-- Takes the people of Better Auth over: users, passwords, sessions.
-- For a database that holds the tables of both: "user", account and session are Better Auth's; `signet migrate` makes ours.
-- Run again, it adds new users and changes no others.

BEGIN;

CREATE OR REPLACE FUNCTION pg_temp.millis(moment TIMESTAMPTZ) RETURNS BIGINT LANGUAGE sql
    AS 'SELECT round(extract(epoch FROM moment) * 1000)::BIGINT';

INSERT INTO users (id, email, email_verified, name, image, created_at, updated_at)
SELECT id, lower(email), "emailVerified"::INT, name, image, pg_temp.millis("createdAt"), pg_temp.millis("updatedAt")
FROM "user"
ON CONFLICT DO NOTHING;

INSERT INTO accounts (id, user_id, provider_id, account_id, password_hash, created_at, updated_at)
SELECT id, "userId", "providerId", "accountId", password, pg_temp.millis("createdAt"), pg_temp.millis("updatedAt")
FROM account
WHERE "providerId" = 'credential' AND "userId" IN (SELECT id FROM users)
ON CONFLICT DO NOTHING;

-- Of a token only the hash is kept. Who was not to be remembered got a day.
INSERT INTO sessions (id, token_hash, user_id, created_at, updated_at, expires_at, remembered, ip_address, user_agent)
SELECT id, sha256(convert_to(token, 'UTF8')), "userId",
       pg_temp.millis("createdAt"), pg_temp.millis("updatedAt"), pg_temp.millis("expiresAt"),
       ("expiresAt" - "updatedAt" > INTERVAL '1 day')::INT, coalesce("ipAddress", ''), coalesce("userAgent", '')
FROM session
WHERE "expiresAt" > now() AND "userId" IN (SELECT id FROM users)
ON CONFLICT DO NOTHING;

COMMIT;
