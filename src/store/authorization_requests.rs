//! The rows of what clients have asked users for.
//! In: the hash of an id, and that of the cookie of a browser. Out: the request, to that browser alone.
//! Owns: a request belongs to the first browser that comes with it, and is answered once; one that a client has pushed
//! belongs to no browser, and is read once.

use super::error::Error;
use super::rows::{Columns, FromColumns, entity};
use super::scope::Scope;
use crate::model::authorization_request::AuthorizationRequest;
use crate::model::client::ClientId;
use signet_verify::clock::Timestamp;

/// In place of the hash of a browser, where a client has pushed the request: no hash is as short.
const PUSHED: &[u8] = b"pushed";

/// How many rows one sweep deletes at most.
pub const SWEPT_AT_ONCE: u64 = 5000;

impl FromColumns for AuthorizationRequest {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            client_id: super::authorization_codes::client_id(columns)?,
            parameters: columns.next()?,
            created_at: columns.moment()?,
            used_at: columns.next::<Option<i64>>()?.map(Timestamp::from_millis),
            expires_at: columns.moment()?,
        })
    }
}

/// The requests.
#[derive(Clone, Debug)]
pub struct AuthorizationRequestRepository<S> {
    scope: S,
}

impl<S: Scope> AuthorizationRequestRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a request for the browser whose cookie has this hash, or for the first that comes with its id.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the client is gone.
    pub async fn insert(
        &self,
        request: &AuthorizationRequest,
        id_hash: &[u8; 32],
        browser_hash: Option<&[u8; 32]>,
    ) -> Result<(), Error> {
        self.insert_for(request, id_hash, browser_hash.map(|hash| hash.to_vec())).await
    }

    /// Keeps a request that a client has pushed; `uri_hash` is that of its `request_uri`, and no browser finds it by that.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the client is gone.
    pub async fn insert_pushed(
        &self,
        request: &AuthorizationRequest,
        uri_hash: &[u8; 32],
    ) -> Result<(), Error> {
        self.insert_for(request, uri_hash, Some(PUSHED.to_vec())).await
    }

    async fn insert_for(
        &self,
        request: &AuthorizationRequest,
        id_hash: &[u8; 32],
        browser: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let statement = sqlx::query(
            "INSERT INTO authorization_requests \
             (id_hash, browser_hash, client_id, parameters, created_at, used_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id_hash.as_slice())
        .bind(browser)
        .bind(request.client_id.as_str())
        .bind(&request.parameters)
        .bind(request.created_at.millis())
        .bind(request.used_at.map(Timestamp::millis))
        .bind(request.expires_at.millis());
        self.scope.execute(statement).await.map(drop)
    }

    /// The request, where it belongs to this browser or to none yet; then it belongs to this one.
    pub async fn find(
        &self,
        id_hash: &[u8; 32],
        browser_hash: &[u8; 32],
    ) -> Result<Option<AuthorizationRequest>, Error> {
        let select = || {
            sqlx::query(
                "SELECT client_id, parameters, created_at, used_at, expires_at FROM authorization_requests \
                 WHERE id_hash = $1 AND browser_hash = $2",
            )
            .bind(id_hash.as_slice())
            .bind(browser_hash.as_slice())
        };
        if let Some(row) = self.scope.fetch_optional(select()).await? {
            return entity(&row).map(Some);
        }
        let binding = sqlx::query(
            "UPDATE authorization_requests SET browser_hash = $2 WHERE id_hash = $1 AND browser_hash IS NULL",
        )
        .bind(id_hash.as_slice())
        .bind(browser_hash.as_slice());
        if self.scope.execute(binding).await? == 0 {
            return Ok(None);
        }
        self.scope.fetch_optional(select()).await?.as_ref().map(entity).transpose()
    }

    /// Notes that it is answered; says whether this was the first time, in time and by its browser.
    pub async fn take(
        &self,
        id_hash: &[u8; 32],
        browser_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE authorization_requests SET used_at = $3 \
             WHERE id_hash = $1 AND browser_hash = $2 AND used_at IS NULL AND expires_at > $3",
        )
        .bind(id_hash.as_slice())
        .bind(browser_hash.as_slice())
        .bind(now.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// What a client has pushed under the URI with this hash, if it is in time and this is the first time that it is asked for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_pushed(
        &self,
        uri_hash: &[u8; 32],
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Option<AuthorizationRequest>, Error> {
        let taking = sqlx::query(
            "UPDATE authorization_requests SET used_at = $4 \
             WHERE id_hash = $1 AND browser_hash = $2 AND client_id = $3 AND used_at IS NULL AND expires_at > $4 \
             RETURNING client_id, parameters, created_at, used_at, expires_at",
        )
        .bind(uri_hash.as_slice())
        .bind(PUSHED)
        .bind(client.as_str())
        .bind(now.millis());
        self.scope.execute_returning(taking).await?.first().map(entity).transpose()
    }

    /// Deletes what has expired, [`SWEPT_AT_ONCE`] rows at most; says how many went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM authorization_requests WHERE id_hash IN \
             (SELECT id_hash FROM authorization_requests WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(now.millis())
        .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX));
        self.scope.execute(statement).await
    }
}
