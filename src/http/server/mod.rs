//! Accepting connections, within bounds; HTTP/1.1 and, with prior knowledge, HTTP/2 (RFC 9113 section 3.3).
//! In: a bound listener and an endpoint. Out: served requests, until told to stop.
//! Owns: at the limit of connections or descriptors the loop rests instead of spinning; stopping lets running requests finish.

mod connection;
mod descriptors;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use connection::Connection;

/// What strangers may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many connections may be open at once; the next ones wait in the kernel's queue.
    pub connections: u32,
    /// How long a connection may be quiet: no request begins on it, none is being worked on. Sending a request slowly and
    /// reading an answer slowly count as quiet. When three quarters of all connections are open, an eighth of it.
    pub quiet: Duration,
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
            quiet: Duration::from_secs(15),
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

/// The places that the connections of a server take.
#[derive(Clone, Debug)]
pub struct Places {
    bounds: Bounds,
    free: Arc<Semaphore>,
}

impl Places {
    /// As many places as `bounds` allow connections.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, free: Arc::new(Semaphore::new(bounds.connections as usize)) }
    }

    /// How many there are.
    pub fn all(&self) -> u32 {
        self.bounds.connections
    }

    /// How many are taken. One is held ready for the next caller, who is not there yet.
    pub fn taken(&self) -> u32 {
        let free = u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX);
        self.all().saturating_sub(free).saturating_sub(1)
    }

    /// Whether three quarters are taken.
    fn are_crowded(&self) -> bool {
        self.free.available_permits() < self.all() as usize / 4
    }
}

/// How long the loop rests after an error of accepting, such as too many open files.
const REST: Duration = Duration::from_millis(50);

/// Serves `endpoint` until `stop` completes; then finishes what is running. Answers whether everything finished in time.
pub async fn serve(
    listener: TcpListener,
    endpoint: BoxEndpoint<'static, Response>,
    places: Places,
    stop: impl Future<Output = ()> + Send,
) -> bool {
    let endpoint = Arc::new(endpoint);
    let (stopping, stopped) = watch::channel(());
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places.free) => accepted,
        };
        match accepted {
            Some((stream, place)) => {
                let connection = Connection {
                    endpoint: endpoint.clone(),
                    places: places.clone(),
                    stopped: stopped.clone(),
                };
                tokio::spawn(async move {
                    connection.serve(stream).await;
                    drop(place);
                });
            }
            None => tokio::time::sleep(REST).await,
        }
    }
    drop((listener, stopping));
    // All places are free again when all connections are closed.
    tokio::time::timeout(places.bounds.drain, places.free.acquire_many(places.all())).await.is_ok()
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            None
        }
    }
}
