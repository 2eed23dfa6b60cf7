//! The rows of mail that was asked for, and of how much mail each mailbox has had.
//! In: requests, whether or not their address is known. Out: each once, to whichever instance takes it first.
//! Owns: there are never more than a bound of them, and no mailbox gets more mail in a day than its bound.

use std::time::Duration;

use super::database::Dialect;
use super::error::Error;
use super::rows::{Columns, FromColumns, entity};
use super::scope::{Scope, Transactional};
use crate::model::mailed_token::{MailRequest, RequestKind};
use signet_verify::clock::Timestamp;

/// How many requests may wait. A worker takes hundreds of them in a second; what comes on top is refused.
pub const MOST_WAITING: i64 = 10_000;

/// How many mails that others can ask for a mailbox gets at once; so many again follow within a [`MAILBOX_WINDOW`].
pub const MAILBOX_BURST: u32 = 10;
/// How long a mailbox that has had a whole burst waits for another one. So it gets twice the burst in a window at most.
pub const MAILBOX_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// How many rows one sweep deletes at most.
pub const SWEPT_AT_ONCE: u64 = 1000;

/// The columns of a request, in the order in which [`MailRequest`] is read.
macro_rules! columns {
    () => {
        "id, kind, user_id, address, callback, language, requested_at"
    };
}

/// Takes the oldest request of a kind that this version knows; PostgreSQL passes over one that another instance is taking.
macro_rules! take {
    ($lock:literal) => {
        concat!(
            "DELETE FROM mail_requests WHERE id = (SELECT id FROM mail_requests WHERE kind IN ($1, $2, $3, $4, $5) \
             ORDER BY requested_at, id LIMIT 1",
            $lock,
            ") RETURNING ",
            columns!()
        )
    };
}
const TAKE_SQLITE: &str = take!("");
const TAKE_POSTGRES: &str = take!(" FOR UPDATE SKIP LOCKED");

impl FromColumns for MailRequest {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let (id, kind): (_, String) = (columns.next()?, columns.next()?);
        Ok(Self {
            id,
            kind: RequestKind::named(&kind)
                .ok_or_else(|| Error::Corrupt(format!("the kind of a request is {kind:?}")))?,
            user_id: columns.next()?,
            address: columns.next()?,
            callback: columns.next()?,
            language: columns.next()?,
            requested_at: columns.moment()?,
        })
    }
}

/// Mail that was asked for.
#[derive(Clone, Debug)]
pub struct MailRequestRepository<S> {
    scope: S,
}

impl<S: Scope> MailRequestRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a request, unless [`MOST_WAITING`] wait already; says whether it did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert(&self, request: &MailRequest) -> Result<bool, Error> {
        let statement = sqlx::query(concat!(
            "INSERT INTO mail_requests (",
            columns!(),
            ") SELECT $1, $2, $3, $4, $5, $6, $7 \
             WHERE (SELECT COUNT(*) FROM (SELECT 1 AS one FROM mail_requests LIMIT $8) AS waiting) < $8"
        ))
        .bind(&request.id)
        .bind(request.kind.name())
        .bind(request.user_id.as_ref())
        .bind(&request.address)
        .bind(request.callback.as_ref())
        .bind(&request.language)
        .bind(request.requested_at.millis())
        .bind(MOST_WAITING);
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// How many wait, [`MOST_WAITING`] at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self) -> Result<u64, Error> {
        let statement = sqlx::query(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 AS one FROM mail_requests LIMIT $1) AS waiting",
        )
        .bind(MOST_WAITING);
        let row = self.scope.fetch_optional(statement).await?;
        let count: i64 = row.map_or(Ok(0), |row| Columns::of(&row).next())?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Deletes what says of mailboxes that they may get whatever they could get without it, [`SWEPT_AT_ONCE`] rows at
    /// most; says how many went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep_mailboxes(&self, now: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM mailboxes WHERE address_hash IN \
             (SELECT address_hash FROM mailboxes WHERE empty_at <= $1 LIMIT $2)",
        )
        .bind(now.millis())
        .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX));
        self.scope.execute(statement).await
    }
}

impl<S: Transactional> MailRequestRepository<S> {
    /// Takes the oldest request, if there is one. It comes back when the unit is rolled back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take(&self) -> Result<Option<MailRequest>, Error> {
        let text = match self.scope.dialect() {
            Dialect::Sqlite => TAKE_SQLITE,
            Dialect::Postgres => TAKE_POSTGRES,
        };
        let statement = RequestKind::ALL.iter().fold(sqlx::query(text), |text, kind| text.bind(kind.name()));
        self.scope.execute_returning(statement).await?.first().map(entity).transpose()
    }

    /// Counts a mail to the mailbox whose address has this SHA-256; says whether it may get one now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn admit(&self, address_hash: &[u8; 32], now: Timestamp) -> Result<bool, Error> {
        let share = MAILBOX_WINDOW / MAILBOX_BURST;
        // The bucket is full when one more would let it be empty only after the window.
        let statement = sqlx::query(
            "INSERT INTO mailboxes (address_hash, empty_at) VALUES ($1, $2) ON CONFLICT (address_hash) DO UPDATE \
             SET empty_at = CASE WHEN mailboxes.empty_at < $3 THEN $2 ELSE mailboxes.empty_at + $4 END \
             WHERE mailboxes.empty_at <= $5",
        )
        .bind(address_hash.as_slice())
        .bind(now.after(share).millis())
        .bind(now.millis())
        .bind(i64::try_from(share.as_millis()).unwrap_or(i64::MAX))
        .bind(now.after(MAILBOX_WINDOW).before(share).millis());
        Ok(self.scope.execute(statement).await? == 1)
    }
}
