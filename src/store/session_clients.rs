//! The rows that say which clients got an ID token in a session.
//! In: a session and a client. Out: the names of the clients, for people.
//! Owns: they end with the session and with the client, whichever comes first.

use super::error::Error;
use super::rows::Columns;
use super::scope::Scope;
use crate::model::client::ClientId;

/// The clients of sessions.
#[derive(Clone, Debug)]
pub struct SessionClientRepository<S> {
    scope: S,
}

impl<S: Scope> SessionClientRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Notes that a client has an ID token of this session.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the session or the client is gone.
    pub async fn insert(&self, session_id: &str, client: &ClientId) -> Result<(), Error> {
        let statement = sqlx::query(
            "INSERT INTO session_clients (session_id, client_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(session_id)
        .bind(client.as_str());
        self.scope.execute(statement).await.map(drop)
    }

    /// The names of the clients of a session, in their order, `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn names(&self, session_id: &str, limit: u32) -> Result<Vec<String>, Error> {
        let statement = sqlx::query(
            "SELECT c.name FROM session_clients s JOIN clients c ON c.client_id = s.client_id \
             WHERE s.session_id = $1 ORDER BY c.name, c.client_id LIMIT $2",
        )
        .bind(session_id)
        .bind(i64::from(limit));
        self.scope.fetch_all(statement).await?.iter().map(|row| Columns::of(row).next()).collect()
    }
}
