//! Accepting connections, within bounds; HTTP/1.1 and, with prior knowledge, HTTP/2 (RFC 9113 section 3.3).
//! In: a bound listener and an endpoint. Out: served requests, until told to stop.
//! Owns: at the limit of connections or descriptors the loop rests instead of spinning; stopping lets running
//! requests finish.

mod activity;
mod connection;
mod descriptors;
mod limit;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use connection::Connection;
pub use limit::{Bounds, ConnectionLimit, raise_descriptor_limit};

/// How long the loop rests after an error of accepting, such as too many open files.
const REST: Duration = Duration::from_millis(50);

/// Where connections come from: one bound address, or two of the same service.
#[derive(Debug)]
pub struct Listeners {
    first: TcpListener,
    second: Option<TcpListener>,
}

impl Listeners {
    /// These two.
    pub fn new(first: TcpListener, second: Option<TcpListener>) -> Self {
        Self { first, second }
    }

    /// The next connection to either.
    async fn accept(&self) -> std::io::Result<(TcpStream, SocketAddr)> {
        match &self.second {
            None => self.first.accept().await,
            Some(second) => tokio::select! {
                accepted = self.first.accept() => accepted,
                accepted = second.accept() => accepted,
            },
        }
    }
}

impl From<TcpListener> for Listeners {
    fn from(first: TcpListener) -> Self {
        Self::new(first, None)
    }
}

/// Serves `endpoint` until `stop` completes; then finishes what is running. Answers whether everything finished in
/// time.
pub async fn serve(
    listener: impl Into<Listeners>,
    endpoint: BoxEndpoint<'static, Response>,
    limit: ConnectionLimit,
    stop: impl Future<Output = ()> + Send,
) -> bool {
    let listener = listener.into();
    let endpoint = Arc::new(endpoint);
    let (stopping, stopped) = watch::channel(());
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &limit.free) => accepted,
        };
        match accepted {
            Some((stream, permit)) => {
                let connection =
                    Connection { endpoint: endpoint.clone(), limit: limit.clone(), stopped: stopped.clone() };
                tokio::spawn(async move {
                    connection.serve(stream).await;
                    drop(permit);
                });
            }
            None => tokio::time::sleep(REST).await,
        }
    }
    drop((listener, stopping));
    // All permits are back when all connections are closed.
    tokio::time::timeout(limit.bounds.drain, limit.free.acquire_many(limit.allowed())).await.is_ok()
}

async fn accept(listener: &Listeners, permits: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            None
        }
    }
}
