//! The rows of codes.
//! In: codes with the hash of their text. Out: what they are for, never a text.
//! Owns: a code is redeemed in one statement, and at most once; a used one is kept for as long as a second use has to be
//! known as one.

use std::time::Duration;

use super::error::Error;
use super::rows::{Columns, FromColumns, entity};
use super::scope::Scope;
use crate::model::amr::Amr;
use crate::model::client::ClientId;
use crate::model::grant::AuthorizationCode;
use crate::model::scope::ScopeSet;
use signet_verify::clock::Timestamp;

/// How many rows one sweep deletes at most.
pub const SWEPT_AT_ONCE: u64 = 5000;

/// How long a code is kept after its end.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);

/// The columns of a code, in the order in which [`AuthorizationCode`] is read.
macro_rules! columns {
    () => {
        "grant_id, client_id, user_id, session_id, redirect_uri, code_challenge, nonce, scope, resources, \
         authenticated_at, amr, expires_at, redeemed_at"
    };
}

impl FromColumns for AuthorizationCode {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            grant_id: columns.next()?,
            client_id: client_id(columns)?,
            user_id: columns.next()?,
            session_id: columns.next()?,
            redirect_uri: columns.next()?,
            code_challenge: columns.next()?,
            nonce: columns.next()?,
            scope: scope(columns)?,
            resources: resources(columns)?,
            authenticated_at: columns.moment()?,
            amr: Amr::from_words(columns.next()?),
            expires_at: columns.moment()?,
            redeemed_at: columns.next::<Option<i64>>()?.map(Timestamp::from_millis),
        })
    }
}

pub(super) fn client_id(columns: &mut Columns<'_>) -> Result<ClientId, Error> {
    let text: &str = columns.next()?;
    ClientId::parse(text).ok_or_else(|| Error::Corrupt(format!("{text:?} is no client id")))
}

pub(super) fn scope(columns: &mut Columns<'_>) -> Result<ScopeSet, Error> {
    let text: &str = columns.next()?;
    ScopeSet::parse(text).ok_or_else(|| Error::Corrupt(format!("{text:?} is no scope")))
}

pub(super) fn resources(columns: &mut Columns<'_>) -> Result<Vec<String>, Error> {
    let text: &str = columns.next()?;
    serde_json::from_str(text).map_err(|_| Error::Corrupt("resources that are no JSON array".to_owned()))
}

/// Resources as they are kept.
pub(super) fn json(resources: &[String]) -> String {
    serde_json::Value::from(resources.to_vec()).to_string()
}

/// The codes.
#[derive(Clone, Debug)]
pub struct AuthorizationCodeRepository<S> {
    scope: S,
}

impl<S: Scope> AuthorizationCodeRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a code, whose text has the SHA-256 `code_hash`.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the client or the user is gone.
    pub async fn insert(&self, code: &AuthorizationCode, code_hash: &[u8; 32]) -> Result<(), Error> {
        let statement = sqlx::query(concat!(
            "INSERT INTO authorization_codes (",
            columns!(),
            ", code_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
        ))
        .bind(&code.grant_id)
        .bind(code.client_id.as_str())
        .bind(&code.user_id)
        .bind(&code.session_id)
        .bind(&code.redirect_uri)
        .bind(code.code_challenge.as_ref())
        .bind(code.nonce.as_ref())
        .bind(code.scope.to_string())
        .bind(json(&code.resources))
        .bind(code.authenticated_at.millis())
        .bind(code.amr.to_string())
        .bind(code.expires_at.millis())
        .bind(code.redeemed_at.map(Timestamp::millis))
        .bind(code_hash.as_slice());
        self.scope.execute(statement).await.map(drop)
    }

    /// The code with this hash, whatever has become of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, code_hash: &[u8; 32]) -> Result<Option<AuthorizationCode>, Error> {
        let statement =
            sqlx::query(concat!("SELECT ", columns!(), " FROM authorization_codes WHERE code_hash = $1"))
                .bind(code_hash.as_slice());
        self.scope.fetch_optional(statement).await?.as_ref().map(entity).transpose()
    }

    /// Uses up the code with this hash, if it has not expired: of several who show it, one is told so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn redeem(&self, code_hash: &[u8; 32], now: Timestamp) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE authorization_codes SET redeemed_at = $2 \
             WHERE code_hash = $1 AND redeemed_at IS NULL AND expires_at > $2",
        )
        .bind(code_hash.as_slice())
        .bind(now.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Deletes the codes of a user for a client that are not used yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_unused(&self, user_id: &str, client: &ClientId) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM authorization_codes WHERE user_id = $1 AND client_id = $2 AND redeemed_at IS NULL",
        );
        self.scope.execute(statement.bind(user_id).bind(client.as_str())).await
    }

    /// Deletes what has expired long ago, [`SWEPT_AT_ONCE`] rows at most; says how many went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM authorization_codes WHERE code_hash IN \
             (SELECT code_hash FROM authorization_codes WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(now.before(KEPT_FOR).millis())
        .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX));
        self.scope.execute(statement).await
    }
}
