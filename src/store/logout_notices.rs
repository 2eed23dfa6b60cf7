//! The rows of clients that are to be told that a session has ended.
//! In: sessions that end, claims, and what became of them. Out: claims.
//! Owns: a notice is written in the unit of work that ends the session; it is claimed by one instance at a time, and only the
//! claim that still holds says what became of it.

use super::database::Dialect;
use super::error::Error;
use super::rows::{Columns, FromColumns, entities};
use super::scope::{Scope, Transactional};
use crate::model::logout_notice::{ClaimedNotice, TRIED_FOR};
use signet_verify::clock::Timestamp;

/// Notes each client that got an ID token in a session, and wants to be told of its end. A session that has expired has
/// ended by itself: nobody has signed out.
const WRITE: &str = "INSERT INTO logout_notices \
     (id, client_id, user_id, session_id, uri, attempts, next_attempt_at, expires_at) \
     SELECT s.id || '.' || c.client_id, c.client_id, s.user_id, s.id, c.backchannel_logout_uri, 0, $2, $3 \
     FROM sessions s JOIN session_clients k ON k.session_id = s.id JOIN clients c ON c.client_id = k.client_id \
     WHERE s.id = $1 AND s.expires_at > $2 AND c.backchannel_logout_uri IS NOT NULL ON CONFLICT DO NOTHING";

/// The statement that claims; PostgreSQL passes over rows that another claim is taking at this moment.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE logout_notices SET lease = $1, next_attempt_at = $2, attempts = attempts + 1 WHERE id IN \
             (SELECT id FROM logout_notices WHERE client_id = $5 AND next_attempt_at <= $3 \
             ORDER BY next_attempt_at LIMIT $4",
            $lock,
            ") RETURNING id, user_id, session_id, uri, attempts, expires_at"
        )
    };
}
const CLAIM_SQLITE: &str = claim!("");
const CLAIM_POSTGRES: &str = claim!(" FOR UPDATE SKIP LOCKED");

impl FromColumns for ClaimedNotice {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.next()?,
            user_id: columns.next()?,
            session_id: columns.next()?,
            uri: columns.next()?,
            attempts: u32::try_from(columns.next::<i64>()?).unwrap_or(u32::MAX),
            expires_at: columns.moment()?,
        })
    }
}

/// The notices.
#[derive(Clone, Debug)]
pub struct LogoutNoticeRepository<S> {
    scope: S,
}

impl<S: Scope> LogoutNoticeRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// The clients that can be told something now, the one that has waited longest first, `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_clients(&self, now: Timestamp, limit: usize) -> Result<Vec<String>, Error> {
        let statement = sqlx::query(
            "SELECT client_id FROM logout_notices WHERE next_attempt_at <= $1 GROUP BY client_id \
             ORDER BY MIN(next_attempt_at) LIMIT $2",
        )
        .bind(now.millis())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.scope.fetch_all(statement).await?.iter().map(|row| Columns::of(row).next()).collect()
    }

    /// Claims up to `limit` notices to a client that are due, the longest due first, until `until`; `lease` names the claim.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim(
        &self,
        client: &str,
        lease: &str,
        limit: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<ClaimedNotice>, Error> {
        let text = match self.scope.dialect() {
            Dialect::Sqlite => CLAIM_SQLITE,
            Dialect::Postgres => CLAIM_POSTGRES,
        };
        let statement = sqlx::query(text)
            .bind(lease)
            .bind(until.millis())
            .bind(now.millis())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(client);
        entities(&self.scope.execute_returning(statement).await?)
    }

    /// Deletes a notice that was given, or is given up; says whether the claim still held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete(&self, id: &str, lease: &str) -> Result<bool, Error> {
        let statement =
            sqlx::query("DELETE FROM logout_notices WHERE id = $1 AND lease = $2").bind(id).bind(lease);
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Lets a notice wait until `due`; says whether the claim still held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn postpone(&self, id: &str, lease: &str, due: Timestamp) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE logout_notices SET lease = NULL, next_attempt_at = $3 WHERE id = $1 AND lease = $2",
        )
        .bind(id)
        .bind(lease)
        .bind(due.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }
}

impl<S: Transactional> LogoutNoticeRepository<S> {
    /// Writes a notice to each client that got an ID token in a session which is about to end, and wants to be told; says how
    /// many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn write(&self, session_id: &str, now: Timestamp) -> Result<u64, Error> {
        let statement =
            sqlx::query(WRITE).bind(session_id).bind(now.millis()).bind(now.after(TRIED_FOR).millis());
        self.scope.execute(statement).await
    }
}
