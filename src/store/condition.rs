//! What is known of a database by way of all its connections.
//! In: what statements came to. Out: what the next ones should know.
//! Owns: what one connection learns of the server, all of this process know at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use sqlx::AnyPool;

use super::pooler::Sessions;
use super::refusal::{Cause, tells_of_a_pooler};

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

    /// How many writes have succeeded.
    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Whether the last refusal for want of space, or memory, has not been disproved.
    pub(super) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    /// Notes that something was written that needs space.
    pub(super) fn note_space(&self) {
        self.is_short.store(false, Ordering::Relaxed);
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
