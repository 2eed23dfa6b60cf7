//! What the callers of a server may take together.
//! In: bounds. Out: permits, one for each open connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::descriptors;

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
    pub fn within_descriptors() -> Self {
        let usual = Self::default();
        let granted =
            descriptors::available().saturating_sub(RESERVED_DESCRIPTORS).max(RESERVED_DESCRIPTORS / 2);
        Self { connections: usual.connections.min(u32::try_from(granted).unwrap_or(u32::MAX)), ..usual }
    }
}

/// Raises the soft limit of descriptors of the whole process to the hard one, as far as [`Bounds::default`] needs.
///
/// # Errors
/// When the system refuses; the limit stays as it was.
pub fn raise_descriptor_limit() -> std::io::Result<()> {
    descriptors::raise(u64::from(Bounds::default().connections) + RESERVED_DESCRIPTORS)
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
