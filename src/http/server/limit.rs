//! What the callers of a server may take together.
//! In: bounds. Out: permits, one for each open connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// What callers may take of a server together.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many connections may be open at once; the next ones wait in the kernel's queue.
    pub connections: u32,
    /// How long a connection may be idle: no request begins on it, none is being worked on. Sending a request slowly
    /// and
    /// reading an answer slowly count as idle. When three quarters of all connections are open, an eighth of it.
    pub idle_timeout: Duration,
    /// The largest header of a request, in bytes.
    pub header_bytes: u32,
    /// How many requests may run at once on one connection of HTTP/2.
    pub streams: u32,
    /// How long running requests may go on once the server is told to stop.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 10_000,
            idle_timeout: Duration::from_secs(15),
            header_bytes: 32 * 1024,
            streams: 100,
            drain: Duration::from_secs(10),
        }
    }
}

/// Descriptors for everything that is not a caller's connection: databases, files, other listeners.
const RESERVED_DESCRIPTORS: u64 = 256;

impl Bounds {
    /// The usual bounds, as far as this process may have descriptors for them.
    ///
    /// Raises the soft limit of descriptors to the hard one, as far as needed.
    pub fn within_descriptors() -> Self {
        let usual = Self::default();
        let wanted = u64::from(usual.connections) + RESERVED_DESCRIPTORS;
        let granted = descriptors(wanted).saturating_sub(RESERVED_DESCRIPTORS).max(RESERVED_DESCRIPTORS / 2);
        Self { connections: usual.connections.min(u32::try_from(granted).unwrap_or(u32::MAX)), ..usual }
    }
}

/// How many descriptors this process may have, after asking for `wanted`.
#[cfg(unix)]
fn descriptors(wanted: u64) -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current.unwrap_or(u64::MAX);
    if before >= wanted {
        return before;
    }
    let most = limit.maximum.map_or(wanted, |hard| hard.min(wanted));
    limit.current = Some(most);
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => most,
        Err(error) => {
            tracing::warn!(%error, descriptors = before, "the limit of open files stays");
            before
        }
    }
}

#[cfg(not(unix))]
fn descriptors(wanted: u64) -> u64 {
    wanted
}

/// How many connections of callers are open, and how many may be.
#[derive(Clone, Debug)]
pub struct ConnectionLimit {
    pub(super) bounds: Bounds,
    pub(super) free: Arc<Semaphore>,
}

impl ConnectionLimit {
    /// Room for as many connections as `bounds` allow.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, free: Arc::new(Semaphore::new(bounds.connections as usize)) }
    }

    /// How many may be open at once.
    pub fn allowed(&self) -> u32 {
        self.bounds.connections
    }

    /// How many are open. One permit is held ready for the next caller, who is not there yet.
    pub fn open(&self) -> u32 {
        let free = u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX);
        self.allowed().saturating_sub(free).saturating_sub(1)
    }

    /// Whether three quarters are in use.
    pub(super) fn is_crowded(&self) -> bool {
        self.free.available_permits() < self.allowed() as usize / 4
    }
}
