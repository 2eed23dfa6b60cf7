//! What is known of a database by way of all its connections.
//! In: what statements came to. Out: what the next ones should know, and whether the database can be written.
//! Owns: what one connection learns of the server, all of this process know at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::AnyPool;

use super::database::{Database, Dialect};
use super::error::Error;
use super::pooler::Sessions;
use super::refusal::{Cause, tells_of_a_pooler};
use super::scope::Scope;

/// Touches no row, takes no space and waits for no row; who may not write is refused it. Every process deletes from
/// this table when it cleans up, and the table stays small, so that no index of it takes long to build.
const TOUCHES_NOTHING: &str = "DELETE FROM revoked_sessions WHERE FALSE";

/// 64 KiB, more than the gaps in the pages of a table hold, and nothing that compresses.
const TAKES_SPACE_OF_POSTGRES: &str = "\
    INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at) \
    SELECT '-', '-', '', string_agg(encode(sha256(convert_to(CAST(n AS TEXT), 'UTF8')), 'hex'), ''), 0, 0, 0 \
    FROM generate_series(1, 1024) AS n";
const TAKES_SPACE_OF_SQLITE: &str = "\
    INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at) \
    VALUES ('-', '-', '', hex(zeroblob(32768)), 0, 0, 0)";

/// What all pools of one database share.
#[derive(Debug)]
pub(super) struct Condition {
    shares_sessions: AtomicBool,
    /// How many writes have succeeded.
    writes: AtomicU64,
    /// Whether the last refusal for want of space, or memory, has not been disproved.
    is_short: AtomicBool,
    pools: Mutex<Vec<AnyPool>>,
}

impl Condition {
    pub(super) fn new(sessions: Sessions) -> Self {
        Self {
            shares_sessions: AtomicBool::new(sessions == Sessions::Shared),
            writes: AtomicU64::new(0),
            is_short: AtomicBool::new(false),
            pools: Mutex::default(),
        }
    }

    pub(super) fn shares_sessions(&self) -> bool {
        self.shares_sessions.load(Ordering::Relaxed)
    }

    pub(super) fn add_pools(&self, pools: [&AnyPool; 2]) {
        self.pools.lock().extend(pools.map(AnyPool::clone));
    }

    /// Notes that something was written.
    pub(super) fn note_write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes why a statement failed.
    pub(super) fn note_refusal(&self, cause: Cause, error: &sqlx::Error) {
        if cause == Cause::Shortage {
            self.is_short.store(true, Ordering::Relaxed);
        }
        if tells_of_a_pooler(error) && !self.shares_sessions.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "PostgreSQL does not know what was prepared: a pooler shares sessions out, and every statement is a \
                 transaction from now on"
            );
        }
    }

    /// Closes every connection that waits for work.
    pub(super) fn close_idle_connections(&self) {
        for pool in self.pools.lock().iter() {
            for _ in 0..pool.num_idle() {
                let Some(mut idle) = pool.try_acquire() else { break };
                idle.close_on_drop();
            }
        }
    }
}

impl Database {
    /// Whether the database can be written now, found out within `patience`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Slow`] when it cannot, and nobody else has written meanwhile.
    pub async fn check_writable(&self, patience: Duration) -> Result<(), Error> {
        let before = self.condition.writes.load(Ordering::Relaxed);
        let probe = self.clone().with_time_limit(patience);
        let outcome = match self.condition.is_short.load(Ordering::Relaxed) {
            true => probe.write_and_delete().await,
            false => probe.execute(sqlx::query(TOUCHES_NOTHING)).await.map(|_| ()),
        };
        match outcome {
            Err(error) if error.cause().is_none_or(|cause| cause == Cause::Others) => {
                // In a crowd the probe may not get its turn; who writes shows that one can.
                let has_written = self.condition.writes.load(Ordering::Relaxed) != before;
                if has_written { Ok(()) } else { Err(error) }
            }
            outcome => outcome,
        }
    }

    /// Writes something that needs space, which nobody gets to see.
    async fn write_and_delete(&self) -> Result<(), Error> {
        let insert = match self.dialect() {
            Dialect::Sqlite => TAKES_SPACE_OF_SQLITE,
            Dialect::Postgres => TAKES_SPACE_OF_POSTGRES,
        };
        self.write(|unit| async move {
            (&unit).execute(sqlx::query(insert)).await?;
            (&unit).execute(sqlx::query("DELETE FROM tasks WHERE id = '-' AND user_id = '-'")).await?;
            Ok::<_, Error>(())
        })
        .await?;
        self.condition.is_short.store(false, Ordering::Relaxed);
        Ok(())
    }
}
