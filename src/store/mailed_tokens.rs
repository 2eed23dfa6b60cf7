//! The rows of the tokens that were mailed.
//! In: tokens with the hash of their text. Out: what they are for, never a text.
//! Owns: one token lives for each user and purpose; it is consumed in one statement, and at most once.

use std::time::Duration;

use super::error::Error;
use super::rows::{Columns, FromColumns, entity};
use super::scope::Scope;
use crate::model::mailed_token::{MailedToken, Purpose, TokenUse};
use signet_verify::clock::Timestamp;

/// How many rows one sweep deletes at most.
pub const SWEPT_AT_ONCE: u64 = 1000;

/// How long an expired token is still known as one that has expired.
const EXPIRED_KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The columns of a token, in the order in which [`MailedToken`] is read.
macro_rules! columns {
    () => {
        "purpose, user_id, address, expires_at"
    };
}

impl FromColumns for MailedToken {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let purpose: String = columns.next()?;
        Ok(Self {
            purpose: Purpose::named(&purpose)
                .ok_or_else(|| Error::Corrupt(format!("the purpose of a token is {purpose:?}")))?,
            user_id: columns.next()?,
            address: columns.next()?,
            expires_at: columns.moment()?,
        })
    }
}

/// The tokens that were mailed.
#[derive(Clone, Debug)]
pub struct MailedTokenRepository<S> {
    scope: S,
}

impl<S: Scope> MailedTokenRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a token, whose text has the SHA-256 `token_hash`, in place of the one that the user had for this purpose.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the user is gone.
    pub async fn replace(&self, token: &MailedToken, token_hash: &[u8; 32]) -> Result<(), Error> {
        let statement = sqlx::query(concat!(
            "INSERT INTO mailed_tokens (",
            columns!(),
            ", token_hash) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, purpose) DO UPDATE \
             SET token_hash = excluded.token_hash, address = excluded.address, expires_at = excluded.expires_at"
        ))
        .bind(token.purpose.name())
        .bind(&token.user_id)
        .bind(&token.address)
        .bind(token.expires_at.millis())
        .bind(token_hash.as_slice());
        self.scope.execute(statement).await.map(drop)
    }

    /// The token with this hash, if it is one for `shown_for`, whether it has expired or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(
        &self,
        token_hash: &[u8; 32],
        shown_for: TokenUse,
    ) -> Result<Option<MailedToken>, Error> {
        let [one, other] = shown_for.purposes();
        let statement = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM mailed_tokens WHERE token_hash = $1 AND purpose IN ($2, $3)"
        ))
        .bind(token_hash.as_slice())
        .bind(one.name())
        .bind(other.name());
        self.scope.fetch_optional(statement).await?.as_ref().map(entity).transpose()
    }

    /// Takes the token with this hash, if it is one for `shown_for` that has not expired: of several who show it, one gets it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consume(
        &self,
        token_hash: &[u8; 32],
        shown_for: TokenUse,
        now: Timestamp,
    ) -> Result<Option<MailedToken>, Error> {
        let [one, other] = shown_for.purposes();
        let statement = sqlx::query(concat!(
            "DELETE FROM mailed_tokens WHERE token_hash = $1 AND purpose IN ($2, $3) AND expires_at > $4 RETURNING ",
            columns!()
        ))
        .bind(token_hash.as_slice())
        .bind(one.name())
        .bind(other.name())
        .bind(now.millis());
        self.scope.execute_returning(statement).await?.first().map(entity).transpose()
    }

    /// Takes back every token of a user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_of(&self, user_id: &str) -> Result<(), Error> {
        let statement = sqlx::query("DELETE FROM mailed_tokens WHERE user_id = $1").bind(user_id);
        self.scope.execute(statement).await.map(drop)
    }

    /// Takes back every token of a user that does more than prove the address which the account has: they were asked for
    /// by whoever knew the password until now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_powerful_of(&self, user_id: &str) -> Result<(), Error> {
        let statement = sqlx::query("DELETE FROM mailed_tokens WHERE user_id = $1 AND purpose <> $2")
            .bind(user_id)
            .bind(Purpose::VerifyEmail.name());
        self.scope.execute(statement).await.map(drop)
    }

    /// Deletes what has expired long ago, [`SWEPT_AT_ONCE`] rows at most; says how many went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM mailed_tokens WHERE token_hash IN \
             (SELECT token_hash FROM mailed_tokens WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(now.before(EXPIRED_KEPT_FOR).millis())
        .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX));
        self.scope.execute(statement).await
    }
}
