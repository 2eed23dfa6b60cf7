//! The rows of what users have agreed to.
//! In: a user, a client and a resource. Out: the scope that was agreed to.

use super::error::Error;
use super::rows::{Columns, FromColumns, entities};
use super::scope::{Scope, Transactional};
use crate::model::client::ClientId;
use crate::model::scope::ScopeSet;
use signet_verify::clock::Timestamp;

/// What a user has agreed to give a client at one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// To whom.
    pub client_id: ClientId,
    /// Empty where no resource was named.
    pub resource: String,
    /// What for.
    pub scope: ScopeSet,
    /// When the user first did.
    pub granted_at: Timestamp,
}

impl FromColumns for Consent {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            client_id: super::authorization_codes::client_id(columns)?,
            resource: columns.next()?,
            scope: super::authorization_codes::scope(columns)?,
            granted_at: columns.moment()?,
        })
    }
}

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

    /// All that a user has agreed to, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_user(&self, user_id: &str) -> Result<Vec<Consent>, Error> {
        let statement = sqlx::query(
            "SELECT client_id, resource, scope, granted_at FROM consents WHERE user_id = $1 \
             ORDER BY granted_at, client_id, resource",
        );
        entities(&self.scope.fetch_all(statement.bind(user_id)).await?)
    }

    /// Deletes all that a user has agreed to give this client; says how many rows that were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete(&self, user_id: &str, client: &ClientId) -> Result<u64, Error> {
        let statement = sqlx::query("DELETE FROM consents WHERE user_id = $1 AND client_id = $2");
        self.scope.execute(statement.bind(user_id).bind(client.as_str())).await
    }
}

impl<S: Transactional> ConsentRepository<S> {
    /// Keeps what was agreed to, beside what had been before: two who add at once lose nothing, since the row is held
    /// until the end of the unit.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the user or the client is gone.
    pub async fn add(
        &self,
        user_id: &str,
        client: &ClientId,
        resource: &str,
        scope: &ScopeSet,
        now: Timestamp,
    ) -> Result<(), Error> {
        let statement = sqlx::query(
            "INSERT INTO consents (user_id, client_id, resource, scope, granted_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (user_id, client_id, resource) DO UPDATE SET granted_at = consents.granted_at \
             RETURNING scope",
        )
        .bind(user_id)
        .bind(client.as_str())
        .bind(resource)
        .bind(scope.to_string())
        .bind(now.millis());
        let rows = self.scope.execute_returning(statement).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let kept = super::authorization_codes::scope(&mut Columns::of(row))?;
        let both = kept.union(scope);
        if both == kept {
            return Ok(());
        }
        let statement = sqlx::query(
            "UPDATE consents SET scope = $4 WHERE user_id = $1 AND client_id = $2 AND resource = $3",
        )
        .bind(user_id)
        .bind(client.as_str())
        .bind(resource)
        .bind(both.to_string());
        self.scope.execute(statement).await.map(drop)
    }
}
