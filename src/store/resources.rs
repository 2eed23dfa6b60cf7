//! The rows of resource servers.

use super::authorization_codes::{json, resources};
use super::error::Error;
use super::rows::{Columns, FromColumns, entities, entity};
use super::scope::Scope;
use crate::model::client::ClientId;
use crate::model::resource_server::ResourceServer;
use crate::model::scope::ScopeSet;

/// The columns of a resource, in the order in which [`ResourceServer`] is read.
macro_rules! columns {
    () => {
        "identifier, scopes, access_token_alg, introspection_clients, created_at, updated_at"
    };
}

fn ids(clients: &[ClientId]) -> String {
    let ids: Vec<String> = clients.iter().map(ClientId::to_string).collect();
    json(&ids)
}

impl FromColumns for ResourceServer {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let corrupt = || Error::Corrupt("a resource".to_owned());
        Ok(Self {
            identifier: columns.next()?,
            scopes: ScopeSet::parse(&columns.next::<String>()?).ok_or_else(corrupt)?,
            access_token_alg: columns.next::<String>()?.parse().map_err(|_| corrupt())?,
            introspection_clients: resources(columns)?
                .iter()
                .map(|id| ClientId::parse(id).ok_or_else(corrupt))
                .collect::<Result<_, _>>()?,
            created_at: columns.moment()?,
            updated_at: columns.moment()?,
        })
    }
}

/// The resources.
#[derive(Clone, Debug)]
pub struct ResourceRepository<S> {
    scope: S,
}

impl<S: Scope> ResourceRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// The resource with this identifier.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, identifier: &str) -> Result<Option<ResourceServer>, Error> {
        let statement = sqlx::query(concat!("SELECT ", columns!(), " FROM resources WHERE identifier = $1"));
        self.scope.fetch_optional(statement.bind(identifier)).await?.as_ref().map(entity).transpose()
    }

    /// All of them, in the order of their identifiers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<ResourceServer>, Error> {
        let statement = sqlx::query(concat!("SELECT ", columns!(), " FROM resources ORDER BY identifier"));
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Keeps a new resource.
    ///
    /// # Errors
    /// [`Error::Conflict`] when there is one already.
    pub async fn insert(&self, resource: &ResourceServer) -> Result<(), Error> {
        let statement =
            sqlx::query(concat!("INSERT INTO resources (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6)"))
                .bind(&resource.identifier)
                .bind(resource.scopes.to_string())
                .bind(resource.access_token_alg.name())
                .bind(ids(&resource.introspection_clients))
                .bind(resource.created_at.millis())
                .bind(resource.updated_at.millis());
        self.scope.execute(statement).await.map(drop)
    }

    /// Changes what a resource has registered; says whether there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update(&self, resource: &ResourceServer) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE resources SET scopes = $2, access_token_alg = $3, introspection_clients = $4, updated_at = $5 \
             WHERE identifier = $1",
        )
        .bind(&resource.identifier)
        .bind(resource.scopes.to_string())
        .bind(resource.access_token_alg.name())
        .bind(ids(&resource.introspection_clients))
        .bind(resource.updated_at.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }
}
