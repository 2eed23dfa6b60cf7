//! The rows of requests for a sign-out that came by a form.
//! In: the hash of an id, and what was sent. Out: the same, until it has expired.

use super::error::Error;
use super::rows::Columns;
use super::scope::Scope;
use signet_verify::clock::Timestamp;

/// How many rows one sweep deletes at most.
pub const SWEPT_AT_ONCE: u64 = 5000;

/// The requests.
#[derive(Clone, Debug)]
pub struct LogoutRequestRepository<S> {
    scope: S,
}

impl<S: Scope> LogoutRequestRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps what was sent until `expires_at`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert(
        &self,
        id_hash: &[u8; 32],
        parameters: &str,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        let statement =
            sqlx::query("INSERT INTO logout_requests (id_hash, parameters, expires_at) VALUES ($1, $2, $3)")
                .bind(id_hash.as_slice())
                .bind(parameters)
                .bind(expires_at.millis());
        self.scope.execute(statement).await.map(drop)
    }

    /// What was sent, form-encoded, unless it has expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, id_hash: &[u8; 32], now: Timestamp) -> Result<Option<String>, Error> {
        let statement =
            sqlx::query("SELECT parameters FROM logout_requests WHERE id_hash = $1 AND expires_at > $2")
                .bind(id_hash.as_slice())
                .bind(now.millis());
        self.scope.fetch_optional(statement).await?.map(|row| Columns::of(&row).next()).transpose()
    }

    /// Deletes what has expired, [`SWEPT_AT_ONCE`] rows at most; says how many went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM logout_requests WHERE id_hash IN \
             (SELECT id_hash FROM logout_requests WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(now.millis())
        .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX));
        self.scope.execute(statement).await
    }
}
