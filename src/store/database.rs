//! An open database: its connections, and how long a request waits for it.
//! In: an address. Out: connections for reading and for writing, set up alike.
//! Owns: a SQLite file has one writer at a time, which waits for its turn here.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use signet_verify::clock::Clock;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Connection, Executor};
use tokio::time::timeout;

use super::condition::Condition;
use super::error::{Error, OpenError};
use super::lane::{Access, Lane, LaneLoad, Place, Places};
use super::pooler::{self, Sessions};
use super::refusal::Cause;

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
    /// What is known of the server or the file, by way of whichever connection.
    pub(super) condition: Arc<Condition>,
    /// The share of the connections that statements may have; none where they may have all.
    lane: Option<Lane>,
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

/// How many of 16 connections a lane has for reads, and on PostgreSQL for writes: some are always left.
const LANE_READS: usize = 8;
const LANE_WRITES: usize = 4;

/// How long a use case may take in all. Longer than the database gives a statement (3 s) and SQLite a lock (4 s): it ends
/// what they cannot, a server that has stopped answering.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// A connection that was idle for this long is asked for a sign of life before it is used. Asking every time would
/// double the way to the database.
const UNUSED_FOR: Duration = Duration::from_secs(1);

impl Database {
    /// Opens the database at `url`, creating the file of a SQLite address that does not exist yet. Migrates nothing.
    ///
    /// # Errors
    /// [`OpenError`], but for those of migrations.
    pub async fn open(url: &str, connections: u32) -> Result<Self, OpenError> {
        let (dialect, options) = address(url)?;
        let sessions = match dialect {
            Dialect::Sqlite => Sessions::Own,
            Dialect::Postgres => pooler::look(&options, ACQUIRE_TIMEOUT).await?,
        };
        if sessions == Sessions::Shared {
            tracing::info!(
                "a pooler gives each transaction another session of PostgreSQL: every statement is a transaction here"
            );
        }
        Self::open_as(url, connections, Arc::new(Condition::new(sessions))).await
    }

    async fn open_as(url: &str, connections: u32, condition: Arc<Condition>) -> Result<Self, OpenError> {
        let (dialect, options) = address(url)?;
        let in_memory =
            dialect == Dialect::Sqlite && (url.contains(":memory:") || url.contains("mode=memory"));
        let pool = |connections| {
            let options = pool_options(dialect, connections, Arc::downgrade(&condition));
            match in_memory {
                // What is in memory goes with its connection.
                true => options.min_connections(1).idle_timeout(None).max_lifetime(None),
                false => options,
            }
        };
        let connections = if in_memory { 1 } else { connections };
        let pool_of_one = pool(1);
        let pool = pool(connections).connect_with(options.clone()).await.map_err(OpenError::connecting)?;
        let writer = match dialect {
            Dialect::Sqlite if !in_memory => pool_of_one.connect_lazy_with(options),
            Dialect::Sqlite | Dialect::Postgres => pool.clone(),
        };
        let opened = Self {
            pool,
            writer,
            dialect,
            in_memory,
            time_limit: TIME_LIMIT,
            condition,
            lane: None,
            answered_at: Arc::default(),
        };
        opened.condition.add_pools([&opened.pool, &opened.writer]);
        Ok(opened)
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
        let opened = Self::open_as(url, connections, self.condition.clone()).await?;
        Ok(opened.with_time_limit(self.time_limit))
    }

    /// The same database, whose statements and units of work are given up on after `time_limit`.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// The same database through the same connections, of which never all have statements of this value: whatever is done
    /// by way of the other value never waits behind a crowd here, on SQLite behind one write at most.
    #[must_use]
    pub fn in_lane(&self, clock: &Arc<dyn Clock>) -> Self {
        let places = match self.dialect {
            Dialect::Sqlite if self.in_memory => Places { reads: 1, writes: 1 },
            Dialect::Sqlite => Places { reads: LANE_READS, writes: 1 },
            Dialect::Postgres => Places { reads: LANE_READS, writes: LANE_WRITES },
        };
        Self { lane: Some(Lane::new(places, clock)), ..self.clone() }
    }

    /// How reads and writes fare, in this order, where they have a share of the connections.
    pub fn lane_load(&self) -> Option<[LaneLoad; 2]> {
        self.lane.as_ref().map(Lane::load)
    }

    /// Waits for a place among the share of the connections, where there is one.
    pub(super) async fn enter(&self, access: Access) -> Result<Option<Place>, Error> {
        match &self.lane {
            Some(lane) => lane.enter(access).await.map(Some),
            None => Ok(None),
        }
    }

    /// How long a statement that stands alone, or a whole unit of work, may take.
    pub fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// Gives `work` up after the time limit. Its connection is looked at before another request gets it.
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

    /// Whether a pooler gives each transaction another session.
    pub(super) fn shares_sessions(&self) -> bool {
        self.condition.shares_sessions()
    }

    /// Whether closing a connection loses nothing.
    pub(super) fn may_close_connections(&self) -> bool {
        !self.in_memory
    }

    /// Notes why a statement failed, and says whether its connection must not be used again. Where what the session may
    /// do has changed, that holds for all that wait for work: they were made before, and one refusal is enough.
    pub(super) fn note_refusal(&self, error: &sqlx::Error) -> bool {
        let cause = Cause::of(error);
        self.condition.note_refusal(cause, error);
        if cause == Cause::Session && self.may_close_connections() {
            self.condition.close_idle_connections();
        }
        matches!(cause, Cause::Session | Cause::Shortage) && self.may_close_connections()
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

/// What is at `url`, and how to get there.
fn address(url: &str) -> Result<(Dialect, AnyConnectOptions), OpenError> {
    sqlx::any::install_default_drivers();
    let (dialect, url) = if url.starts_with("sqlite:") {
        (Dialect::Sqlite, creating(url))
    } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        (Dialect::Postgres, url.to_owned())
    } else {
        return Err(OpenError::Address);
    };
    Ok((dialect, AnyConnectOptions::from_str(&url).map_err(|_| OpenError::Address)?))
}

/// A pool whose connections are all set up alike. It does not keep the condition, which keeps the pool.
fn pool_options(dialect: Dialect, connections: u32, condition: Weak<Condition>) -> AnyPoolOptions {
    let set_up = match dialect {
        // FULL: a commit that was acknowledged survives a power cut, not only a crash of the process.
        Dialect::Sqlite => {
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 4000; PRAGMA foreign_keys = ON"
        }
        Dialect::Postgres => "SET statement_timeout = '3s'; SET idle_in_transaction_session_timeout = '10s'",
    };
    AnyPoolOptions::new()
        .max_connections(connections)
        .idle_timeout(Duration::from_secs(600))
        .max_lifetime(Duration::from_secs(3600))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            // A session that others get too is left as it is.
            let is_shared = condition.upgrade().is_some_and(|condition| condition.shares_sessions());
            let set_up = (!is_shared).then_some(set_up);
            Box::pin(async move {
                match set_up {
                    Some(set_up) => connection.execute(set_up).await.map(|_| ()),
                    None => Ok(()),
                }
            })
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
}

/// Lets SQLite create the file, unless the address says otherwise.
fn creating(url: &str) -> String {
    match url {
        _ if url.contains("mode=") || url.contains(":memory:") => url.to_owned(),
        _ if url.contains('?') => format!("{url}&mode=rwc"),
        _ => format!("{url}?mode=rwc"),
    }
}
