//! The rows of what users have agreed to.
//! In: a user, a client and a resource. Out: the scope that was agreed to.

use super::error::Error;
use super::rows::Columns;
use super::scope::Scope;
use crate::model::client::ClientId;
use crate::model::scope::ScopeSet;
use signet_verify::clock::Timestamp;

/// The consents.
#[derive(Clone, Debug)]
pub struct ConsentRepository<S> {
    scope: S,
}

impl<S: Scope> ConsentRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// What a user has agreed to give this client at this resource; `resource` is empty where none was named.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(
        &self,
        user_id: &str,
        client: &ClientId,
        resource: &str,
    ) -> Result<Option<ScopeSet>, Error> {
        let statement =
            sqlx::query("SELECT scope FROM consents WHERE user_id = $1 AND client_id = $2 AND resource = $3")
                .bind(user_id)
                .bind(client.as_str())
                .bind(resource);
        let row = self.scope.fetch_optional(statement).await?;
        row.map(|row| super::authorization_codes::scope(&mut Columns::of(&row))).transpose()
    }

    /// Keeps what was agreed to, in place of what was there.
    pub async fn keep(
        &self,
        user_id: &str,
        client: &ClientId,
        resource: &str,
        scope: &ScopeSet,
        now: Timestamp,
    ) -> Result<(), Error> {
        let statement = sqlx::query(
            "INSERT INTO consents (user_id, client_id, resource, scope, granted_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (user_id, client_id, resource) \
             DO UPDATE SET scope = excluded.scope, granted_at = excluded.granted_at",
        )
        .bind(user_id)
        .bind(client.as_str())
        .bind(resource)
        .bind(scope.to_string())
        .bind(now.millis());
        self.scope.execute(statement).await.map(drop)
    }
}
