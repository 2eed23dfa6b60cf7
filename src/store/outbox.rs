//! The rows of the outbox: messages that wait, were sent, or are parked.
//! In: sealed messages, claims, and what became of them. Out: claims, and lists for the operator.
//! Owns: a waiting message is claimed by one instance at a time, and only the claim that still holds says what became of
//! it.

use super::database::Dialect;
use super::error::Error;
use super::rows::{Columns, FromColumns, entities};
use super::scope::Scope;
use crate::model::message::{
    Claimed, Entry, Load, Message, PARKED_KEPT_FOR, SENT_KEPT_FOR, SealedMessage, State, TRIED_FOR,
};
use crate::model::sealed::Sealed;
use signet_verify::clock::Timestamp;

/// How many rows one sweep deletes at most.
pub const SWEPT_AT_ONCE: u64 = 1000;

/// The statement that claims; PostgreSQL passes over rows that another claim is taking at this moment.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE outbox SET lease = $1, due_at = $2, attempts = attempts + 1 WHERE id IN \
             (SELECT id FROM outbox WHERE state = 'waiting' AND due_at <= $3 ORDER BY due_at LIMIT $4",
            $lock,
            ") RETURNING id, sealed, master_key, created_at, give_up_at, attempts"
        )
    };
}
const CLAIM_SQLITE: &str = claim!("");
const CLAIM_POSTGRES: &str = claim!(" FOR UPDATE SKIP LOCKED");

/// What an operator's wish to try again changes. A message that is being delivered keeps its claim.
macro_rules! retry {
    () => {
        "UPDATE outbox SET state = 'waiting', due_at = $1, give_up_at = $2, attempts = 0 \
         WHERE state <> 'sent' AND lease IS NULL"
    };
}

impl FromColumns for Claimed {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.next()?,
            sealed: Sealed { bytes: columns.next()?, master_key: columns.next()? },
            created_at: columns.moment()?,
            give_up_at: columns.moment()?,
            attempts: attempts(columns)?,
        })
    }
}

impl FromColumns for Entry {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.next()?,
            kind: columns.next()?,
            state: columns.next()?,
            created_at: columns.moment()?,
            due_at: columns.moment()?,
            attempts: attempts(columns)?,
            claimed: columns.flag()?,
            problem: columns.next()?,
            sealed: match (columns.next()?, columns.next()?) {
                (Some(bytes), Some(master_key)) => Some(Sealed { bytes, master_key }),
                _ => None,
            },
        })
    }
}

impl FromColumns for SealedMessage {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.next()?,
            created_at: columns.moment()?,
            sealed: Sealed { bytes: columns.next()?, master_key: columns.next()? },
        })
    }
}

impl FromColumns for Load {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let name: String = columns.next()?;
        let state = State::ALL.into_iter().find(|state| state.name() == name);
        Ok(Self {
            state: state.ok_or_else(|| Error::Corrupt(format!("the state of a message is {name:?}")))?,
            count: u64::try_from(columns.next::<i64>()?).unwrap_or(0),
            oldest: columns.moment()?,
        })
    }
}

fn attempts(columns: &mut Columns<'_>) -> Result<u32, Error> {
    columns.next::<i64>().map(|attempts| u32::try_from(attempts).unwrap_or(u32::MAX))
}

/// The outbox.
#[derive(Clone, Debug)]
pub struct OutboxRepository<S> {
    scope: S,
}

impl<S: Scope> OutboxRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a message, which a worker may claim at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert(&self, message: &Message) -> Result<(), Error> {
        let statement = sqlx::query(
            "INSERT INTO outbox (id, kind, state, sealed, master_key, created_at, due_at, give_up_at, attempts) \
             VALUES ($1, $2, 'waiting', $3, $4, $5, $5, $6, 0)",
        )
        .bind(&message.id)
        .bind(message.kind.name())
        .bind(message.sealed.bytes.as_slice())
        .bind(&message.sealed.master_key)
        .bind(message.created_at.millis())
        .bind(message.created_at.after(TRIED_FOR).millis());
        self.scope.execute(statement).await.map(drop)
    }

    /// When the next waiting message may be claimed; none when none waits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, Error> {
        let statement =
            sqlx::query("SELECT due_at FROM outbox WHERE state = 'waiting' ORDER BY due_at LIMIT 1");
        let row = self.scope.fetch_optional(statement).await?;
        row.map(|row| Columns::of(&row).moment()).transpose()
    }

    /// Claims up to `limit` messages that are due, the longest due first, until `until`; `lease` names the claim.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim(
        &self,
        lease: &str,
        limit: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Claimed>, Error> {
        let text = match self.scope.dialect() {
            Dialect::Sqlite => CLAIM_SQLITE,
            Dialect::Postgres => CLAIM_POSTGRES,
        };
        let statement = sqlx::query(text)
            .bind(lease)
            .bind(until.millis())
            .bind(now.millis())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        entities(&self.scope.execute_returning(statement).await?)
    }

    /// Holds a claim until `until`; says whether it still held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew(&self, id: &str, lease: &str, until: Timestamp) -> Result<bool, Error> {
        let statement =
            sqlx::query("UPDATE outbox SET due_at = $3 WHERE id = $1 AND lease = $2").bind(id).bind(lease);
        Ok(self.scope.execute(statement.bind(until.millis())).await? == 1)
    }

    /// Gives a claim back as if it had never been; says whether it still held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release(&self, id: &str, lease: &str, now: Timestamp) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE outbox SET lease = NULL, due_at = $3, attempts = attempts - 1 WHERE id = $1 AND lease = $2",
        )
        .bind(id)
        .bind(lease)
        .bind(now.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Notes that the message is sent, and drops its text; says whether the claim still held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sent(&self, id: &str, lease: &str, now: Timestamp) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE outbox SET state = 'sent', sealed = NULL, master_key = NULL, lease = NULL, problem = NULL, \
             due_at = $3 WHERE id = $1 AND lease = $2",
        )
        .bind(id)
        .bind(lease)
        .bind(now.after(SENT_KEPT_FOR).millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Lets the message wait until `due`, because of `problem`; says whether the claim still held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn postpone(
        &self,
        id: &str,
        lease: &str,
        due: Timestamp,
        problem: &str,
    ) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE outbox SET lease = NULL, due_at = $3, problem = $4 WHERE id = $1 AND lease = $2",
        )
        .bind(id)
        .bind(lease)
        .bind(due.millis())
        .bind(problem);
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Parks the message because of `problem`; says whether the claim still held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn park(&self, id: &str, lease: &str, now: Timestamp, problem: &str) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE outbox SET state = 'parked', lease = NULL, due_at = $3, problem = $4 WHERE id = $1 AND lease = $2",
        )
        .bind(id)
        .bind(lease)
        .bind(now.after(PARKED_KEPT_FOR).millis())
        .bind(problem);
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Up to `limit` messages, newest first; those in `state` alone, if one is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, state: Option<State>, limit: u32) -> Result<Vec<Entry>, Error> {
        let statement = sqlx::query(
            "SELECT id, kind, state, created_at, due_at, attempts, \
             CAST(CASE WHEN lease IS NULL THEN 0 ELSE 1 END AS BIGINT), problem, sealed, master_key FROM outbox \
             WHERE ($1 = '' OR state = $1) ORDER BY created_at DESC, id LIMIT $2",
        )
        .bind(state.map_or("", State::name))
        .bind(i64::from(limit));
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Lets a message be tried at once, and for another day if it was parked; says whether there is one that is not
    /// sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry(&self, id: &str, now: Timestamp) -> Result<bool, Error> {
        let statement = sqlx::query(concat!(retry!(), " AND id = $3"))
            .bind(now.millis())
            .bind(now.after(TRIED_FOR).millis())
            .bind(id);
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Lets every parked message be tried again, for another day; says how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_parked(&self, now: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query(concat!(retry!(), " AND state = 'parked'"))
            .bind(now.millis())
            .bind(now.after(TRIED_FOR).millis());
        self.scope.execute(statement).await
    }

    /// Up to `limit` messages that are not sealed under `master_key`, in the order of their ids after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sealed_otherwise(
        &self,
        master_key: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<SealedMessage>, Error> {
        let statement = sqlx::query(
            "SELECT id, created_at, sealed, master_key FROM outbox \
             WHERE sealed IS NOT NULL AND master_key <> $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(master_key)
        .bind(after)
        .bind(i64::from(limit));
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Keeps what a message was sealed as anew, unless its text is gone or was sealed anew meanwhile; says whether.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reseal(&self, before: &SealedMessage, sealed: &Sealed) -> Result<bool, Error> {
        let statement =
            sqlx::query("UPDATE outbox SET sealed = $3, master_key = $4 WHERE id = $1 AND master_key = $2")
                .bind(&before.id)
                .bind(&before.sealed.master_key)
                .bind(sealed.bytes.as_slice())
                .bind(&sealed.master_key);
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// How many messages there are in each state that has any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(&self) -> Result<Vec<Load>, Error> {
        let statement = sqlx::query(
            "SELECT state, CAST(COUNT(*) AS BIGINT), MIN(created_at) FROM outbox \
             WHERE state IN ('waiting', 'parked') GROUP BY state",
        );
        entities(&self.scope.fetch_all(statement).await?)
    }

    /// Deletes what was sent or parked long enough ago, and what has waited for as long as a parked message stays while no
    /// instance delivered any; [`SWEPT_AT_ONCE`] rows at most. Says how many went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let delete = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox \
                      WHERE (state IN ('sent', 'parked') AND due_at <= $1) OR (state = 'waiting' AND give_up_at <= $2) LIMIT $3)";
        let statement = sqlx::query(delete)
            .bind(now.millis())
            .bind(now.before(PARKED_KEPT_FOR).millis())
            .bind(SWEPT_AT_ONCE as i64);
        self.scope.execute(statement).await
    }
}
