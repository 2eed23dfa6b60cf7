//! An open database: its connections, and how long anybody waits for it.
//! In: an address. Out: connections for reading and for writing, set up alike.
//! Owns: a SQLite file has one writer at a time, which waits for its turn here.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Connection, Executor};
use tokio::time::timeout;

use super::error::{Error, OpenError};

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
    pub(super) pool: AnyPool,
    /// What writes go through. A SQLite file has one writer at a time: whoever waits for it here waits in order, and holds
    /// no connection that a reader could use.
    writer: AnyPool,
    pub(super) dialect: Dialect,
    in_memory: bool,
    time_limit: Duration,
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
const TIME_LIMIT: Duration = Duration::from_secs(5);

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
        Ok(Self { pool, writer, dialect, in_memory, time_limit: TIME_LIMIT, answered_at: Arc::default() })
    }

    /// The same database, at the same `url`, through `connections` of its own, which no crowd on the others can take.
    /// A database in memory has one connection for all.
    ///
    /// # Errors
    /// [`OpenError::Unreachable`].
    pub async fn with_own_pool(&self, url: &str, connections: u32) -> Result<Self, OpenError> {
        if self.in_memory {
            return Ok(self.clone());
        }
        Ok(Self::open(url, connections).await?.with_time_limit(self.time_limit))
    }

    /// The same database, whose statements and units of work are given up on after `time_limit`.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none in time.
    pub async fn ping(&self) -> Result<(), Error> {
        self.within(async {
            sqlx::query("SELECT 1").execute(&self.pool).await?;
            Ok(())
        })
        .await
    }

    /// How long a statement that stands alone, or a whole unit of work, may take.
    pub fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// Gives `work` up after the time limit. Its connection is looked at before somebody else gets it.
    pub(super) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        timeout(self.time_limit, work).await.unwrap_or(Err(Error::Slow(self.time_limit)))
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

    /// Records that it answered at `moment` of monotonic time, for those who watch it without asking it.
    pub fn record_success(&self, moment: Duration) {
        self.answered_at.store(u64::try_from(moment.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The last moment that was recorded.
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

    /// The connections for reading.
    pub(super) fn reader(&self) -> &AnyPool {
        &self.pool
    }

    /// The connections for statements that write.
    pub(super) fn writer(&self) -> &AnyPool {
        &self.writer
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
