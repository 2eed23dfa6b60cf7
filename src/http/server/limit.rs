//! What the callers of a server may take together, and each of them alone.
//! In: bounds. Out: places for connections, and the accounts of clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Semaphore;

use super::descriptors;
use super::places::Places;
use crate::http::framework::bounds::MAX_BODY_BYTES;
use crate::http::framework::shares::{Kind, Share, Shares};

/// What callers may take of a server. A client is an address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many connections may be open at once; one more ends an idle one of the client that has most.
    pub connections: u32,
    /// How many of them one client may have; one more ends an idle one of its own.
    pub client_connections: u32,
    /// How long a connection may be idle: no request begins on it, none is being worked on, no answer goes out. As long
    /// may a body that is received, or an answer that is sent, make no progress.
    pub idle_timeout: Duration,
    /// The largest header of a request, in bytes.
    pub header_bytes: u32,
    /// How many requests may run at once on one connection of HTTP/2.
    pub streams: u32,
    /// How many requests may be under way, from their header until the end of their answer.
    pub requests: Share,
    /// How many bytes requests that are not answered may hold, and as many those of answers that are not sent.
    pub bytes: Share,
    /// How long running requests may go on once the server is told to stop.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 10_000,
            client_connections: 1000,
            idle_timeout: Duration::from_secs(15),
            header_bytes: 32 * 1024,
            streams: 100,
            requests: Share { each: 600, all: 4000 },
            bytes: Share { each: 8 << 20, all: 64 << 20 },
            drain: Duration::from_secs(10),
        }
    }
}

/// Descriptors for everything that is not a caller's connection: databases, files, other listeners.
const RESERVED_DESCRIPTORS: u64 = 256;

/// How many connections may be closing while others have taken their places already.
const CLOSING: u32 = 64;

impl Bounds {
    /// The same, as far as this process may have descriptors for them.
    #[must_use]
    pub fn within_descriptors(self) -> Self {
        let granted =
            descriptors::available().saturating_sub(RESERVED_DESCRIPTORS).max(RESERVED_DESCRIPTORS / 2);
        let connections = self.connections.min(u32::try_from(granted).unwrap_or(u32::MAX));
        Self { connections, client_connections: self.client_connections.min(connections), ..self }
    }

    /// How many bytes of requests, and as many of answers, one connection may hold: half of its client's share, so that
    /// a connection that is stuck leaves room for the next.
    pub(super) fn connection_bytes(&self) -> u64 {
        self.bytes.each / 2
    }
}

/// Raises the soft limit of descriptors of the whole process to the hard one, as far as `connections` need.
///
/// # Errors
/// When the system refuses; the limit stays as it was.
pub fn raise_descriptor_limit(connections: u32) -> std::io::Result<()> {
    descriptors::raise(u64::from(connections) + RESERVED_DESCRIPTORS)
}

/// How many connections of callers are open, what their clients hold, and how much may be.
#[derive(Clone, Debug)]
pub struct ConnectionLimit {
    pub(super) bounds: Bounds,
    /// One permit for each socket, also for those that are closing.
    pub(super) sockets: Arc<Semaphore>,
    pub(super) places: Arc<Places>,
    pub(super) shares: Arc<Shares>,
    /// Their connections count for no client, and requests on them for the clients that they name.
    pub(super) trusted_proxies: Arc<[IpNet]>,
    pub(super) stalled: Arc<AtomicU64>,
}

impl ConnectionLimit {
    /// Room for as much as `bounds` allow.
    pub fn new(bounds: Bounds) -> Self {
        // One body and its header always fit.
        let least = MAX_BODY_BYTES as u64 + u64::from(bounds.header_bytes);
        let bytes = Share { each: bounds.bytes.each.max(2 * least), all: bounds.bytes.all.max(4 * least) };
        let bounds = Bounds { bytes, ..bounds };
        Self {
            bounds,
            sockets: Arc::new(Semaphore::new((bounds.connections + CLOSING) as usize)),
            places: Places::new(bounds.connections, bounds.client_connections),
            shares: Shares::new(Kind::ALL.map(|kind| match kind {
                Kind::Requests => bounds.requests,
                Kind::Received | Kind::Unsent => bounds.bytes,
            })),
            trusted_proxies: Arc::default(),
            stalled: Arc::default(),
        }
    }

    /// The same, where requests of these proxies count for the clients that the proxies name.
    #[must_use]
    pub fn trusting(self, proxies: &[IpNet]) -> Self {
        Self { trusted_proxies: proxies.into(), ..self }
    }

    /// How many may be open at once.
    pub fn allowed(&self) -> u32 {
        self.bounds.connections
    }

    /// How many are open.
    pub fn open(&self) -> u32 {
        self.places.open()
    }

    /// Idle connections that ended to make room for others.
    pub fn displaced(&self) -> u64 {
        self.places.displaced()
    }

    /// Connections that found no room.
    pub fn turned_away(&self) -> u64 {
        self.places.turned_away()
    }

    /// Answers that ended since they made no progress.
    pub fn stalled(&self) -> u64 {
        self.stalled.load(Ordering::Relaxed)
    }

    /// What clients hold.
    pub fn shares(&self) -> &Shares {
        &self.shares
    }

    /// All sockets are closed.
    pub(super) async fn closed(&self) {
        let _all = self.sockets.acquire_many(self.bounds.connections + CLOSING).await;
    }
}
