//! Accepting connections, within bounds; HTTP/1.1 and, with prior knowledge, HTTP/2 (RFC 9113 section 3.3).
//! In: a bound listener and an endpoint. Out: served requests, until told to stop.
//! Owns: places and memory are shared by client; at the limit of descriptors the loop rests instead of spinning;
//! stopping lets running requests finish.

mod activity;
mod answer;
mod connection;
mod descriptors;
mod idle;
mod limit;
mod places;
mod received;
mod request;
mod socket;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use activity::Activity;
use connection::Connection;
pub use limit::{Bounds, ConnectionLimit, raise_descriptor_limit};

use crate::http::framework::client_address::ClientAddress;

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
            accepted = accept(&listener, &limit.sockets) => accepted,
        };
        match accepted {
            Some((stream, peer, socket)) => {
                begin(&endpoint, &limit, &stopped, stream, peer, socket);
            }
            None => tokio::time::sleep(REST).await,
        }
    }
    drop((listener, stopping));
    tokio::time::timeout(limit.bounds.drain, limit.closed()).await.is_ok()
}

/// Serves a connection in a task of its own, where there is a place for it; else it is closed without a word.
fn begin(
    endpoint: &Arc<BoxEndpoint<'static, Response>>,
    limit: &ConnectionLimit,
    stopped: &watch::Receiver<()>,
    stream: TcpStream,
    peer: SocketAddr,
    socket: OwnedSemaphorePermit,
) {
    let address = ClientAddress::of_peer(peer.ip());
    let client = (!address.is_one_of(&limit.trusted_proxies)).then(|| address.subscriber());
    let activity = Arc::new(Activity::default());
    let Some(place) = limit.places.take(client.clone(), &activity) else { return };
    let account = client.map_or_else(|| limit.shares.exempt(), |client| limit.shares.account(client));
    let connection = Connection {
        endpoint: endpoint.clone(),
        limit: limit.clone(),
        account,
        activity,
        stopped: stopped.clone(),
    };
    tokio::spawn(async move {
        connection.serve(stream).await;
        drop((place, socket));
    });
}

async fn accept(
    listener: &Listeners,
    sockets: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let socket = sockets.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, socket)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            None
        }
    }
}
