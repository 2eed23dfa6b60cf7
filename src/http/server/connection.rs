//! The life of one connection.
//! In: a stream from a caller. Out: answers on it, until it is closed.
//! Owns: a connection lives while requests come and go on it; no client holds one by being slow.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Response};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::activity::{Activity, InFlight};
use super::limit::{Bounds, ConnectionLimit};

/// How many times within [`Bounds::idle_timeout`] a connection is checked for being idle.
const IDLE_CHECKS: u32 = 8;

/// How long a connection may take to close after it was asked to, once nothing runs on it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a connection needs to know of its server.
pub(super) struct Connection {
    pub endpoint: Arc<BoxEndpoint<'static, Response>>,
    /// How many connections are open tells how long this one may be idle.
    pub limit: ConnectionLimit,
    /// Its sender is dropped when the server stops.
    pub stopped: watch::Receiver<()>,
}

impl Connection {
    /// Answers requests until the client closes the connection, it is idle for too long, or the server stops.
    pub async fn serve(self, stream: TcpStream) {
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        // Answers are small and written whole: waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
        let Self { endpoint, limit, mut stopped } = self;
        let bounds = limit.bounds;
        let activity = Arc::new(Activity::default());
        let service = {
            let activity = activity.clone();
            service_fn(move |request: hyper::Request<Incoming>| {
                let (endpoint, running) = (endpoint.clone(), InFlight::begin(&activity));
                async move {
                    let local = LocalAddr(Addr::SocketAddr(local));
                    let remote = RemoteAddr(Addr::SocketAddr(remote));
                    let mut request = poem::Request::from((request, local, remote, Scheme::HTTP));
                    let body = running.receive(request.take_body());
                    request.set_body(body);
                    let response = endpoint.get_response(request).await;
                    drop(running);
                    Ok::<_, Infallible>(hyper::Response::from(response))
                }
            })
        };
        let protocols = protocols(bounds);
        let mut connection = pin!(protocols.serve_connection(TokioIo::new(stream), service));
        let (mut seen, mut idle) = (0, 0);
        loop {
            tokio::select! {
                ended = connection.as_mut() => return log(ended),
                _ = stopped.changed() => break,
                () = tokio::time::sleep(bounds.idle_timeout / IDLE_CHECKS) => {
                    let begun = activity.begun();
                    let is_idle = begun == seen && !activity.is_working();
                    (seen, idle) = (begun, if is_idle { idle + 1 } else { 0 });
                    if idle >= idle_checks_allowed(&limit) {
                        break;
                    }
                }
            }
        }
        // Requests in flight may finish; without any, the connection closes soon.
        connection.as_mut().graceful_shutdown();
        loop {
            match tokio::time::timeout(CLOSE_TIMEOUT, connection.as_mut()).await {
                Ok(ended) => return log(ended),
                Err(_) if !activity.is_working() => return,
                Err(_) => {}
            }
        }
    }
}

/// How many checks in a row a connection may be found idle: fewer while many are open.
fn idle_checks_allowed(limit: &ConnectionLimit) -> u32 {
    if limit.is_crowded() { 1 } else { IDLE_CHECKS }
}

fn protocols(bounds: Bounds) -> auto::Builder<TokioExecutor> {
    let mut protocols = auto::Builder::new(TokioExecutor::new());
    protocols
        .http1()
        .timer(TokioTimer::new())
        // hyper's own timeout for headers would be a second rule beside ours.
        .header_read_timeout(None)
        .max_buf_size(bounds.header_bytes as usize);
    protocols
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(bounds.header_bytes)
        .max_concurrent_streams(bounds.streams);
    protocols
}

fn log(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
