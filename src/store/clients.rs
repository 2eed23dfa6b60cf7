//! The rows of clients and of their secrets.
//! In: clients, hashes of secrets. Out: the same, never a secret.

use super::database::Dialect;
use super::error::Error;
use super::rows::{Columns, FromColumns, entities, entity};
use super::scope::{Scope, Statement, Transactional};
use crate::model::client::{ApplicationType, AuthMethod, Client, ClientId, GrantType};
use crate::model::scope::ScopeSet;
use signet_verify::clock::Timestamp;

macro_rules! columns {
    () => {
        "client_id, name, application_type, token_endpoint_auth_method, id_token_alg, grant_types, scope, machine_scope, \
         skip_consent, require_pushed, require_pkce, redirect_uris, post_logout_redirect_uris, jwks, jwks_uri, \
         backchannel_logout_uri, backchannel_logout_session_required, client_uri, created_at, updated_at"
    };
}

fn corrupt(what: &str) -> Error {
    Error::Corrupt(format!("{what} of a client"))
}

fn list(text: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(text).map_err(|_| corrupt("a list"))
}

impl FromColumns for Client {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let text = |columns: &mut Columns<'_>| columns.next::<String>();
        Ok(Self {
            id: ClientId::parse(&text(columns)?).ok_or_else(|| corrupt("the id"))?,
            name: text(columns)?,
            application_type: ApplicationType::parse(&text(columns)?).ok_or_else(|| corrupt("the type"))?,
            auth_method: AuthMethod::parse(&text(columns)?).ok_or_else(|| corrupt("the method"))?,
            id_token_alg: text(columns)?.parse().map_err(|_| corrupt("the algorithm"))?,
            grant_types: {
                let words = text(columns)?;
                let grants: Option<Vec<_>> = words.split(' ').map(GrantType::parse).collect();
                grants.ok_or_else(|| corrupt("the grants"))?
            },
            scope: ScopeSet::parse(&text(columns)?).ok_or_else(|| corrupt("the scope"))?,
            machine_scope: ScopeSet::parse(&text(columns)?).ok_or_else(|| corrupt("the scope"))?,
            skip_consent: columns.flag()?,
            require_pushed: columns.flag()?,
            require_pkce: columns.flag()?,
            redirect_uris: list(&text(columns)?)?,
            post_logout_redirect_uris: list(&text(columns)?)?,
            jwks: columns.next()?,
            jwks_uri: columns.next()?,
            backchannel_logout_uri: columns.next()?,
            backchannel_logout_session_required: columns.flag()?,
            client_uri: columns.next()?,
            created_at: columns.moment()?,
            updated_at: columns.moment()?,
        })
    }
}

/// A secret that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSecret {
    /// SHA-256.
    pub hash: [u8; 32],
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

impl KeptSecret {
    /// Whether it is accepted.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl FromColumns for KeptSecret {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let hash: Vec<u8> = columns.next()?;
        Ok(Self {
            hash: hash.try_into().map_err(|_| corrupt("the hash of a secret"))?,
            created_at: columns.moment()?,
            expires_at: columns.next::<Option<i64>>()?.map(Timestamp::from_millis),
        })
    }
}

/// A secret beside its client, which may have none.
struct Joined(Option<KeptSecret>);

impl FromColumns for Joined {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let hash: Option<Vec<u8>> = columns.next()?;
        let since = columns.next::<Option<i64>>()?;
        let until = columns.next::<Option<i64>>()?;
        let Some((hash, since)) = hash.zip(since) else { return Ok(Self(None)) };
        Ok(Self(Some(KeptSecret {
            hash: hash.try_into().map_err(|_| corrupt("the hash of a secret"))?,
            created_at: Timestamp::from_millis(since),
            expires_at: until.map(Timestamp::from_millis),
        })))
    }
}

/// The clients.
#[derive(Clone, Debug)]
pub struct ClientRepository<S> {
    scope: S,
}

impl<S: Scope> ClientRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// The client with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, id: &ClientId) -> Result<Option<Client>, Error> {
        let statement = sqlx::query(concat!("SELECT ", columns!(), " FROM clients WHERE client_id = $1"))
            .bind(id.as_str());
        self.scope.fetch_optional(statement).await?.as_ref().map(entity).transpose()
    }

    /// The client with this id and its secrets, also those that have ended: one statement, since every request of a client
    /// asks for both.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn with_secrets(&self, id: &ClientId) -> Result<Option<(Client, Vec<KeptSecret>)>, Error> {
        let text = concat!(
            "SELECT ",
            columns!(),
            ", secret_hash, kept_since, kept_until FROM clients LEFT JOIN (SELECT client_id AS kept_for, secret_hash, \
             created_at AS kept_since, expires_at AS kept_until FROM client_secrets) AS kept ON kept_for = client_id \
             WHERE client_id = $1"
        );
        let rows = self.scope.fetch_all(sqlx::query(text).bind(id.as_str())).await?;
        let mut found: Option<(Client, Vec<KeptSecret>)> = None;
        for row in &rows {
            let mut columns = Columns::of(row);
            let client = columns.entity()?;
            let (_, secrets) = found.get_or_insert((client, Vec::new()));
            secrets.extend(columns.entity::<Joined>()?.0);
        }
        Ok(found)
    }

    /// All of them, in the order of their ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<Client>, Error> {
        let statement = sqlx::query(concat!("SELECT ", columns!(), " FROM clients ORDER BY client_id"));
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Keeps a new client.
    ///
    /// # Errors
    /// [`Error::Conflict`] when there is one already.
    pub async fn insert(&self, client: &Client) -> Result<(), Error> {
        let text = concat!(
            "INSERT INTO clients (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
        );
        self.scope.execute(with_values(text, client)).await.map(drop)
    }

    /// Changes all that is kept of a client but its id; says whether there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update(&self, client: &Client) -> Result<bool, Error> {
        let text = "UPDATE clients SET name = $2, application_type = $3, token_endpoint_auth_method = $4, id_token_alg = $5, \
             grant_types = $6, scope = $7, machine_scope = $8, skip_consent = $9, require_pushed = $10, require_pkce = $11, \
             redirect_uris = $12, post_logout_redirect_uris = $13, jwks = $14, jwks_uri = $15, backchannel_logout_uri = $16, \
             backchannel_logout_session_required = $17, client_uri = $18, created_at = $19, updated_at = $20 WHERE client_id = $1";
        Ok(self.scope.execute(with_values(text, client)).await? == 1)
    }

    /// Deletes a client, with its secrets and what users gave it; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete(&self, id: &ClientId) -> Result<bool, Error> {
        let statement = sqlx::query("DELETE FROM clients WHERE client_id = $1").bind(id.as_str());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Its secrets, those that have ended too, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn secrets(&self, id: &ClientId) -> Result<Vec<KeptSecret>, Error> {
        let statement = sqlx::query(
            "SELECT secret_hash, created_at, expires_at FROM client_secrets WHERE client_id = $1 ORDER BY created_at DESC, secret_hash",
        );
        entities(&self.scope.fetch_all(statement.bind(id.as_str())).await?)
    }

    /// Whether any client has, or had, a secret with this hash.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_secret(&self, hash: &[u8; 32]) -> Result<bool, Error> {
        let statement =
            sqlx::query("SELECT 1 FROM client_secrets WHERE secret_hash = $1").bind(hash.as_slice());
        Ok(self.scope.fetch_optional(statement).await?.is_some())
    }

    /// Keeps another secret, by its SHA-256.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_secret(&self, id: &ClientId, hash: &[u8; 32], now: Timestamp) -> Result<(), Error> {
        let statement = sqlx::query(
            "INSERT INTO client_secrets (secret_hash, client_id, created_at) VALUES ($1, $2, $3)",
        )
        .bind(hash.as_slice())
        .bind(id.as_str())
        .bind(now.millis());
        self.scope.execute(statement).await.map(drop)
    }

    /// Lets a secret be accepted until `end` and no longer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_secret(&self, hash: &[u8; 32], end: Timestamp) -> Result<(), Error> {
        let statement = sqlx::query("UPDATE client_secrets SET expires_at = $2 WHERE secret_hash = $1")
            .bind(hash.as_slice())
            .bind(end.millis());
        self.scope.execute(statement).await.map(drop)
    }

    /// Deletes all its secrets.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_secrets(&self, id: &ClientId) -> Result<(), Error> {
        let statement = sqlx::query("DELETE FROM client_secrets WHERE client_id = $1").bind(id.as_str());
        self.scope.execute(statement).await.map(drop)
    }
}

impl<S: Transactional> ClientRepository<S> {
    /// Waits for everybody who is giving something to this client, and lets nobody else do so until the unit ends.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold(&self, id: &ClientId) -> Result<(), Error> {
        let statement = match self.scope.dialect() {
            // One writer at a time.
            Dialect::Sqlite => return Ok(()),
            Dialect::Postgres => "SELECT client_id FROM clients WHERE client_id = $1 FOR UPDATE",
        };
        self.scope.fetch_optional(sqlx::query(statement).bind(id.as_str())).await.map(drop)
    }
}

fn with_values<'q>(statement: &'static str, client: &'q Client) -> Statement<'q> {
    let list = |texts: &[String]| serde_json::Value::from(texts.to_vec()).to_string();
    let grants: Vec<&str> = client.grant_types.iter().map(|grant| grant.name()).collect();
    sqlx::query(statement)
        .bind(client.id.as_str())
        .bind(&client.name)
        .bind(client.application_type.name())
        .bind(client.auth_method.name())
        .bind(client.id_token_alg.name())
        .bind(grants.join(" "))
        .bind(client.scope.to_string())
        .bind(client.machine_scope.to_string())
        .bind(i64::from(client.skip_consent))
        .bind(i64::from(client.require_pushed))
        .bind(i64::from(client.require_pkce))
        .bind(list(&client.redirect_uris))
        .bind(list(&client.post_logout_redirect_uris))
        .bind(client.jwks.as_ref())
        .bind(client.jwks_uri.as_ref())
        .bind(client.backchannel_logout_uri.as_ref())
        .bind(i64::from(client.backchannel_logout_session_required))
        .bind(client.client_uri.as_ref())
        .bind(client.created_at.millis())
        .bind(client.updated_at.millis())
}
