//! Accepting connections, within bounds.
//! In: a bound listener and an endpoint. Out: served requests, until told to stop.
//! Owns: nobody holds a connection by being slow; at the limit of descriptors the loop rests instead of spinning;
//! stopping lets running requests finish.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What strangers may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many connections may be open at once; the next ones wait in the kernel's queue.
    pub connections: usize,
    /// How long a client may take to send the header of a request, the idle time before it included.
    pub header_read: Duration,
    /// The largest header of a request, in bytes.
    pub header_bytes: usize,
    /// How long running requests may go on once the server is told to stop.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_read: Duration::from_secs(15),
            header_bytes: 32 * 1024,
            drain: Duration::from_secs(10),
        }
    }
}

/// How long the loop rests after an error of accepting, such as too many open files.
const REST: Duration = Duration::from_millis(50);

/// Serves `endpoint` until `stop` completes; then finishes what is running. Answers whether everything finished in time.
pub async fn serve(
    listener: TcpListener,
    endpoint: BoxEndpoint<'static, Response>,
    bounds: Bounds,
    stop: impl Future<Output = ()> + Send,
) -> bool {
    let endpoint = Arc::new(endpoint);
    let permits = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Some((stream, permit)) => spawn(stream, permit, endpoint.clone(), bounds, &graceful),
            None => tokio::time::sleep(REST).await,
        }
    }
    drop(listener);
    tokio::time::timeout(bounds.drain, graceful.shutdown()).await.is_ok()
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            None
        }
    }
}

fn spawn(
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    bounds: Bounds,
    graceful: &GracefulShutdown,
) {
    let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
    // Answers are small and written whole: waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let endpoint = endpoint.clone();
        async move {
            let local = LocalAddr(Addr::SocketAddr(local));
            let remote = RemoteAddr(Addr::SocketAddr(remote));
            let request = poem::Request::from((request, local, remote, Scheme::HTTP));
            Ok::<_, std::convert::Infallible>(hyper::Response::from(endpoint.get_response(request).await))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_read)
        .max_buf_size(bounds.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(permit);
    });
}
