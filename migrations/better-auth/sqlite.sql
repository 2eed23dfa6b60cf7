-- Takes the people of Better Auth over: users and passwords. Sessions stay behind, since SQLite cannot hash their tokens.
-- For the database of Signet, with Better Auth's attached as `theirs`.
-- Run again, it adds new users and changes no others.

BEGIN;

-- Better Auth keeps times as ISO 8601 texts; we count milliseconds since 1970-01-01T00:00:00Z.
INSERT OR IGNORE INTO users (id, email, email_verified, name, image, created_at, updated_at)
SELECT id, lower(email), emailVerified, name, image,
       CAST(round((julianday(createdAt) - 2440587.5) * 86400000) AS INTEGER),
       CAST(round((julianday(updatedAt) - 2440587.5) * 86400000) AS INTEGER)
FROM theirs.user;

INSERT OR IGNORE INTO accounts (id, user_id, provider_id, account_id, password_hash, created_at, updated_at)
SELECT id, userId, providerId, accountId, password,
       CAST(round((julianday(createdAt) - 2440587.5) * 86400000) AS INTEGER),
       CAST(round((julianday(updatedAt) - 2440587.5) * 86400000) AS INTEGER)
FROM theirs.account
WHERE providerId = 'credential' AND userId IN (SELECT id FROM users);

COMMIT;
