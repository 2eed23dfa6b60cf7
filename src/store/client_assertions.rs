//! The rows of assertions by which clients have proved themselves.
//! In: the hash of a client and its `jti`. Out: whether it is new.
//! Owns: an assertion is good once (RFC 7523 section 3); a unique index is the judge.

use super::error::Error;
use super::scope::Scope;
use crate::model::client::ClientId;
use signet_verify::clock::Timestamp;

/// How many rows one sweep deletes at most.
pub const SWEPT_AT_ONCE: u64 = 5000;

/// The assertions.
#[derive(Clone, Debug)]
pub struct ClientAssertionRepository<S> {
    scope: S,
}

impl<S: Scope> ClientAssertionRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps an assertion until it expires; says whether it is the first of this hash.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the client is gone.
    pub async fn insert(
        &self,
        jti_hash: &[u8; 32],
        client: &ClientId,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        let statement = sqlx::query(
            "INSERT INTO client_assertions (jti_hash, client_id, expires_at) VALUES ($1, $2, $3) \
             ON CONFLICT (jti_hash) DO NOTHING",
        )
        .bind(jti_hash.as_slice())
        .bind(client.as_str())
        .bind(expires_at.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Deletes what has expired, [`SWEPT_AT_ONCE`] rows at most; says how many went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM client_assertions WHERE jti_hash IN \
             (SELECT jti_hash FROM client_assertions WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(now.millis())
        .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX));
        self.scope.execute(statement).await
    }
}
