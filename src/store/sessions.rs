//! Where people are signed in, and which sessions ended too recently to forget.
//! In: sessions with the hash of their token. Out: sessions and their users, never a token.
//! Owns: a session that ends leaves a revocation in the same transaction, so that its JWTs can be refused until they expire.

use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::accounts::{self, User, update_password};
use super::{Database, StoreError, flag, moment};
use signet_verify::clock::Timestamp;

/// How many rows of each kind one sweep deletes at most: no slow statement, and no long lock.
pub const SWEPT_AT_ONCE: u64 = 5000;

/// The statement behind [`Sessions::by_token_hash`], for who asks a database how it goes about it.
pub const BY_TOKEN_HASH: &str = "SELECT s.id AS session_id, s.user_id, s.created_at AS session_created_at, \
     s.updated_at AS session_updated_at, s.expires_at, s.remembered, s.ip_address, s.user_agent, \
     u.id, u.email, u.email_verified, u.name, u.image, u.created_at, u.updated_at \
     FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1";

/// Somebody, signed in somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// 32 letters and digits; the `sid` of its JWTs. Not a credential.
    pub id: String,
    /// Who is signed in.
    pub user_id: String,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When the expiry last slid.
    pub updated_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Whether it outlives the browser and slides.
    pub remembered: bool,
    /// The address that signed in; empty when unknown.
    pub ip_address: String,
    /// The program that signed in; empty when unknown.
    pub user_agent: String,
}

/// A session to keep, with the SHA-256 of its token.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// What its token is looked up by.
    pub token_hash: [u8; 32],
}

/// A session whose JWTs are to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedSession {
    /// The `sid` to refuse.
    pub session_id: String,
    /// From when on no JWT of it can live any more.
    pub forget_at: Timestamp,
}

/// Which of a user's sessions to end.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// Every one.
    All,
    /// Every one but this.
    AllBut(&'a str),
    /// The one with this id.
    Id(&'a str),
    /// The one whose token has this hash.
    TokenHash(&'a [u8; 32]),
}

/// The port of sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    database: Database,
    /// How long after its end a session can still have living JWTs.
    remember_ended: Duration,
}

impl Sessions {
    /// The sessions of `database`; an ended one is remembered for `remember_ended`, the longest life of a JWT.
    pub fn new(database: Database, remember_ended: Duration) -> Self {
        Self { database, remember_ended }
    }

    /// Keeps a new session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(&self, session: &NewSession) -> Result<(), StoreError> {
        self.database
            .within(async {
                let mut transaction = self.database.write().await?;
                insert_session(&mut transaction, session).await?;
                transaction.commit().await?;
                Ok(())
            })
            .await
    }

    /// The session with this token, and its user, whether it has expired or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn by_token_hash(&self, token_hash: &[u8; 32]) -> Result<Option<(Session, User)>, StoreError> {
        self.database
            .within(async {
                let row = sqlx::query(BY_TOKEN_HASH)
                    .bind(token_hash.as_slice())
                    .fetch_optional(self.database.reader())
                    .await?;
                row.map(|row| {
                    Ok((
                        session(&row, ["session_id", "session_created_at", "session_updated_at"])?,
                        accounts::user(&row)?,
                    ))
                })
                .transpose()
            })
            .await
    }

    /// The unexpired sessions of a user, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_user(&self, user_id: &str, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.database
            .within(async {
                let rows = sqlx::query(
                    "SELECT id, user_id, created_at, updated_at, expires_at, remembered, \
                     ip_address, user_agent FROM sessions WHERE user_id = $1 AND expires_at > $2 \
                     ORDER BY created_at, id",
                )
                .bind(user_id)
                .bind(now.millis())
                .fetch_all(self.database.reader())
                .await?;
                rows.iter().map(|row| session(row, ["id", "created_at", "updated_at"])).collect()
            })
            .await
    }

    /// Moves the expiry; says whether the session was still there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend(&self, id: &str, expires_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        self.database
            .within(async {
                let done = sqlx::query("UPDATE sessions SET expires_at = $2, updated_at = $3 WHERE id = $1")
                    .bind(id)
                    .bind(expires_at.millis())
                    .bind(now.millis())
                    .execute(self.database.writer())
                    .await?;
                Ok(done.rows_affected() == 1)
            })
            .await
    }

    /// Ends sessions of a user and answers with their revocations.
    ///
    /// # Errors
    /// When the database fails; then none has ended.
    pub async fn end(
        &self,
        user_id: &str,
        which: Which<'_>,
        now: Timestamp,
    ) -> Result<Vec<RevokedSession>, StoreError> {
        self.database
            .within(async {
                let mut transaction = self.database.write().await?;
                let ended = self.end_in(&mut transaction, user_id, which, now).await?;
                transaction.commit().await?;
                Ok(ended)
            })
            .await
    }

    /// Changes a password and, in the same transaction, ends every session of the user and opens a new one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the password has changed meanwhile; then nothing has changed.
    pub async fn replace_all(
        &self,
        old_hash: &str,
        new_hash: &str,
        session: &NewSession,
        now: Timestamp,
    ) -> Result<Vec<RevokedSession>, StoreError> {
        self.database
            .within(async {
                let user_id = &session.session.user_id;
                let mut transaction = self.database.write().await?;
                update_password(&mut transaction, user_id, old_hash, new_hash, now).await?;
                let ended = self.end_in(&mut transaction, user_id, Which::All, now).await?;
                insert_session(&mut transaction, session).await?;
                transaction.commit().await?;
                Ok(ended)
            })
            .await
    }

    /// Deletes a user with everything that is theirs here (accounts, sessions, tasks) and answers with the revocations
    /// of the sessions that ended with it.
    ///
    /// # Errors
    /// When the database fails; then everything is still there.
    pub async fn delete_user(
        &self,
        user_id: &str,
        now: Timestamp,
    ) -> Result<Vec<RevokedSession>, StoreError> {
        self.database
            .within(async {
                let mut transaction = self.database.write().await?;
                let ended = self.end_in(&mut transaction, user_id, Which::All, now).await?;
                for delete in ["DELETE FROM tasks WHERE user_id = $1", "DELETE FROM users WHERE id = $1"] {
                    sqlx::query(delete).bind(user_id).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                Ok(ended)
            })
            .await
    }

    /// The sessions that ended while JWTs of theirs may still live.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoked(&self, now: Timestamp) -> Result<Vec<RevokedSession>, StoreError> {
        self.database
            .within(async {
                let rows =
                    sqlx::query("SELECT session_id, forget_at FROM revoked_sessions WHERE forget_at > $1")
                        .bind(now.millis())
                        .fetch_all(self.database.reader())
                        .await?;
                rows.iter()
                    .map(|row| {
                        Ok(RevokedSession {
                            session_id: row.try_get("session_id")?,
                            forget_at: moment(row, "forget_at")?,
                        })
                    })
                    .collect()
            })
            .await
    }

    /// Deletes what time has made useless: expired sessions and forgotten revocations. Answers how many rows went, [`SWEPT_AT_ONCE`] of each kind at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.database
            .within(async {
                let expired = sqlx::query(
                    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= \
                     $1 LIMIT $2)",
                )
                .bind(now.millis())
                .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX))
                .execute(self.database.writer())
                .await?;
                let forgotten = sqlx::query(
                    "DELETE FROM revoked_sessions WHERE session_id IN (SELECT session_id FROM \
                     revoked_sessions WHERE forget_at <= $1 LIMIT $2)",
                )
                .bind(now.millis())
                .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX))
                .execute(self.database.writer())
                .await?;
                Ok(expired.rows_affected() + forgotten.rows_affected())
            })
            .await
    }

    async fn end_in(
        &self,
        transaction: &mut sqlx::Transaction<'static, sqlx::Any>,
        user_id: &str,
        which: Which<'_>,
        now: Timestamp,
    ) -> Result<Vec<RevokedSession>, StoreError> {
        let delete = match which {
            Which::All => sqlx::query("DELETE FROM sessions WHERE user_id = $1 RETURNING id").bind(user_id),
            Which::AllBut(id) => {
                sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id")
                    .bind(user_id)
                    .bind(id)
            }
            Which::Id(id) => sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND id = $2 RETURNING id")
                .bind(user_id)
                .bind(id),
            Which::TokenHash(hash) => {
                sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND token_hash = $2 RETURNING id")
                    .bind(user_id)
                    .bind(hash.as_slice())
            }
        };
        let forget_at = now.after(self.remember_ended);
        let mut ended = Vec::new();
        for row in delete.fetch_all(&mut **transaction).await? {
            ended.push(RevokedSession { session_id: row.try_get("id")?, forget_at });
        }
        for revoked in &ended {
            sqlx::query(
                "INSERT INTO revoked_sessions (session_id, revoked_at, forget_at) VALUES ($1, \
                 $2, $3) ON CONFLICT (session_id) DO NOTHING",
            )
            .bind(&revoked.session_id)
            .bind(now.millis())
            .bind(revoked.forget_at.millis())
            .execute(&mut **transaction)
            .await?;
        }
        Ok(ended)
    }
}

/// Writes a session inside a transaction.
pub(super) async fn insert_session(
    transaction: &mut sqlx::Transaction<'static, sqlx::Any>,
    new: &NewSession,
) -> Result<(), StoreError> {
    let session = &new.session;
    sqlx::query(
        "INSERT INTO sessions (id, token_hash, user_id, created_at, updated_at, \
         expires_at, remembered, ip_address, user_agent) VALUES ($1, $2, $3, $4, $5, \
         $6, $7, $8, $9)",
    )
    .bind(&session.id)
    .bind(new.token_hash.as_slice())
    .bind(&session.user_id)
    .bind(session.created_at.millis())
    .bind(session.updated_at.millis())
    .bind(session.expires_at.millis())
    .bind(i64::from(session.remembered))
    .bind(&session.ip_address)
    .bind(&session.user_agent)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn session(row: &AnyRow, [id, created_at, updated_at]: [&'static str; 3]) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.try_get(id)?,
        user_id: row.try_get("user_id")?,
        created_at: moment(row, created_at)?,
        updated_at: moment(row, updated_at)?,
        expires_at: moment(row, "expires_at")?,
        remembered: flag(row, "remembered")?,
        ip_address: row.try_get("ip_address")?,
        user_agent: row.try_get("user_agent")?,
    })
}
