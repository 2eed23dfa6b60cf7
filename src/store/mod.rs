//! Where things are kept: one set of queries for SQLite and PostgreSQL, behind a port for each use case.
//! In: domain values. Out: domain values, or a [`StoreError`] that says what a caller can do about it.
//! Owns: the schema and its constraints, which judge every race; writes that belong together share a transaction.

pub mod accounts;
pub mod keys;
mod schema;
pub mod sessions;
pub mod tasks;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Connection, Executor, Row};
use tokio::time::timeout;
use tracing::Instrument;

use signet_verify::clock::Timestamp;

/// What went wrong, sorted by what a caller can do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is gone, or says "not now": try again later (503).
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database did not answer in time; what was asked of it may or may not have happened (503).
    #[error("the database did not answer within {0:?}")]
    Slow(Duration),
    /// A unique constraint refused the row: somebody else was first.
    #[error("the row exists already")]
    Conflict,
    /// The row belongs to another one that is gone: somebody has deleted it meanwhile.
    #[error("what the row belongs to is gone")]
    Orphan,
    /// A row holds what this version never writes.
    #[error("a row of the database cannot be read: {0}")]
    Corrupt(String),
    /// Anything else that the database refused; a defect of ours.
    #[error("the database refused a statement: {0}")]
    Refused(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(refusal) if refusal.is_foreign_key_violation() => Self::Orphan,
            sqlx::Error::Database(refusal) if is_passing(refusal.code().as_deref()) => {
                Self::Unavailable(error)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(error.to_string()),
            _ => Self::Refused(error),
        }
    }
}

/// Codes that say "not now": SQLite's BUSY, LOCKED, FULL, IOERR and their kin, PostgreSQL's classes 08, 40, 53, 57.
fn is_passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    match code.parse::<u32>() {
        // SQLite's extended codes carry the primary code in the low byte.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 10 | 13),
        _ => ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class)),
    }
}

/// Why a database could not be opened; each prints as one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one that we know.
    #[error("DATABASE_URL is not an address of SQLite (sqlite:FILE) or PostgreSQL (postgres://...)")]
    Address,
    /// Nobody answered, or the file can't be opened.
    #[error("the database cannot be opened: {0}")]
    Unreachable(#[source] sqlx::Error),
    /// Later versions have taken away what this one needs.
    #[error(
        "the database is newer than this binary, which does not know migration {0}; run the version that wrote it, or a \
         later one"
    )]
    Newer(i64),
    /// The text of an applied migration differs from ours.
    #[error(
        "migration {0} of the database differs from this binary's; it was made by another build of Signet"
    )]
    Foreign(i64),
    /// A migration failed.
    #[error("the database cannot be migrated: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

/// Which database speaks behind the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one writer at a time.
    Sqlite,
    /// A server.
    Postgres,
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    /// What writes go through. A SQLite file has one writer at a time: whoever waits for it here waits in order, and holds
    /// no connection that a reader could use.
    writer: AnyPool,
    dialect: Dialect,
    in_memory: bool,
    /// When it was last known to answer, in milliseconds of monotonic time.
    answered_at: Arc<AtomicU64>,
}

/// The connections of a [`Database`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Those that work.
    pub used: u32,
    /// Those that wait for work.
    pub idle: u32,
}

/// How long a request waits for a connection before it is told to come back later.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a use case may take in all. Longer than the database gives a statement (3 s) and SQLite a lock (4 s): it ends
/// what they cannot, a server that has stopped answering.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that nobody used for this long is asked for a sign of life before it is used. Asking every time would
/// double the way to the database.
const UNUSED_FOR: Duration = Duration::from_secs(1);

impl Database {
    /// Opens the database at `url`, creating the file of a SQLite address that does not exist yet. Migrates nothing.
    ///
    /// # Errors
    /// [`OpenError::Address`] and [`OpenError::Unreachable`].
    pub async fn open(url: &str, connections: u32) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let (dialect, url) = if url.starts_with("sqlite:") {
            (Dialect::Sqlite, creating(url))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            (Dialect::Postgres, url.to_owned())
        } else {
            return Err(OpenError::Address);
        };
        let options = AnyConnectOptions::from_str(&url).map_err(|_| OpenError::Address)?;
        let in_memory =
            dialect == Dialect::Sqlite && (url.contains(":memory:") || url.contains("mode=memory"));
        let set_up = match dialect {
            // FULL: a commit that was acknowledged survives a power cut, not only a crash of the process.
            Dialect::Sqlite => {
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 4000; PRAGMA foreign_keys = ON"
            }
            Dialect::Postgres => {
                "SET statement_timeout = '3s'; SET idle_in_transaction_session_timeout = '10s'"
            }
        };
        let pool = |connections: u32| {
            AnyPoolOptions::new()
                .max_connections(connections)
                .min_connections(u32::from(in_memory))
                .idle_timeout((!in_memory).then_some(Duration::from_secs(600)))
                .max_lifetime((!in_memory).then_some(Duration::from_secs(3600)))
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .after_connect(move |connection, _| {
                    Box::pin(async move { connection.execute(set_up).await.map(|_| ()) })
                })
                .test_before_acquire(false)
                .before_acquire(|connection, meta| {
                    Box::pin(async move {
                        if meta.idle_for > UNUSED_FOR {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
        };
        let connections = if in_memory { 1 } else { connections };
        let pool_of_one = pool(1);
        let pool = pool(connections).connect_with(options.clone()).await.map_err(OpenError::Unreachable)?;
        let writer = match dialect {
            Dialect::Sqlite if !in_memory => pool_of_one.connect_lazy_with(options),
            Dialect::Sqlite | Dialect::Postgres => pool.clone(),
        };
        Ok(Self { pool, writer, dialect, in_memory, answered_at: Arc::default() })
    }

    /// The same database, at the same `url`, through `connections` of its own, which no crowd on the others can take.
    /// A database in memory has one connection for all.
    ///
    /// # Errors
    /// [`OpenError::Unreachable`].
    pub async fn apart(&self, url: &str, connections: u32) -> Result<Self, OpenError> {
        if self.in_memory {
            return Ok(self.clone());
        }
        Self::open(url, connections).await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is none in time.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.within(async {
            sqlx::query("SELECT 1").execute(&self.pool).await?;
            Ok(())
        })
        .await
    }

    /// Gives `work` up after [`PATIENCE`]. Its connection is looked at before somebody else gets it.
    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        timeout(PATIENCE, work).await.unwrap_or(Err(StoreError::Slow(PATIENCE)))
    }

    /// How many connections are open, and how many of them have work.
    pub fn connections(&self) -> Connections {
        let of = |pool: &AnyPool| {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            Connections { used: pool.size().saturating_sub(idle), idle }
        };
        let all = of(&self.pool);
        if !self.has_own_writer() {
            return all;
        }
        let writer = of(&self.writer);
        Connections { used: all.used + writer.used, idle: all.idle + writer.idle }
    }

    /// Remembers that it answered at `moment` of monotonic time, for those who watch it without asking it.
    pub fn note_answer(&self, moment: Duration) {
        self.answered_at.store(u64::try_from(moment.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The last moment that was noted.
    pub fn answered_at(&self) -> Duration {
        Duration::from_millis(self.answered_at.load(Ordering::Relaxed))
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether writes have a connection of their own.
    fn has_own_writer(&self) -> bool {
        self.dialect == Dialect::Sqlite && !self.in_memory
    }

    /// The connections for reading, for the ports of this room.
    fn reader(&self) -> &AnyPool {
        &self.pool
    }

    /// The connections for statements that write.
    fn writer(&self) -> &AnyPool {
        &self.writer
    }

    /// Starts a transaction that writes. On SQLite it takes the write lock at once, since a lock taken later can fail
    /// with BUSY whatever the timeout says.
    ///
    /// It is begun whether or not anybody still waits for it: sqlx takes a connection of PostgreSQL back as it is when its
    /// BEGIN is given up on, and the next statement on it would be acknowledged within a transaction that nobody commits.
    async fn write(&self) -> Result<sqlx::Transaction<'static, sqlx::Any>, StoreError> {
        let (writer, dialect) = (self.writer.clone(), self.dialect);
        let begin = async move {
            match dialect {
                Dialect::Sqlite => writer.begin_with("BEGIN IMMEDIATE").await,
                Dialect::Postgres => writer.begin().await,
            }
        };
        let begun = tokio::spawn(begin.in_current_span());
        Ok(begun.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        self.writer.close().await;
        self.pool.close().await;
    }
}

/// Lets SQLite create the file, unless the address says otherwise.
fn creating(url: &str) -> String {
    match url {
        _ if url.contains("mode=") || url.contains(":memory:") => url.to_owned(),
        _ if url.contains('?') => format!("{url}&mode=rwc"),
        _ => format!("{url}?mode=rwc"),
    }
}

/// A moment out of a BIGINT column.
fn moment(row: &AnyRow, column: &'static str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

/// A moment out of a BIGINT column that may be NULL.
fn moment_or_none(row: &AnyRow, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
}

/// A flag out of a BIGINT column.
fn flag(row: &AnyRow, column: &'static str) -> Result<bool, StoreError> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}
