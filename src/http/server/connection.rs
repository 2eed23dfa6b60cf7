//! The life of one connection.
//! In: a stream from a stranger. Out: answers on it, until it is closed.
//! Owns: a connection lives while requests come and go on it; nobody holds one by being slow.

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

use super::traffic::{Running, Traffic};
use super::{Bounds, Places};

/// How many times within [`Bounds::quiet`] somebody looks whether a connection is quiet.
const LOOKS: u32 = 8;

/// How long a connection may take to close after it was asked to, once nothing runs on it.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a connection needs to know of its server.
pub(super) struct Connection {
    pub endpoint: Arc<BoxEndpoint<'static, Response>>,
    /// Places for connections; those that are left tell how crowded it is.
    pub places: Places,
    /// Its sender is dropped when the server stops.
    pub stopped: watch::Receiver<()>,
}

impl Connection {
    /// Answers requests until either side has had enough.
    pub async fn serve(self, stream: TcpStream) {
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        // Answers are small and written whole: waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
        let Self { endpoint, places, mut stopped } = self;
        let bounds = places.bounds;
        let traffic = Arc::new(Traffic::default());
        let service = {
            let traffic = traffic.clone();
            service_fn(move |request: hyper::Request<Incoming>| {
                let (endpoint, running) = (endpoint.clone(), Running::begin(&traffic));
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
        let (mut seen, mut quiet) = (0, 0);
        loop {
            tokio::select! {
                ended = connection.as_mut() => return log(ended),
                _ = stopped.changed() => break,
                () = tokio::time::sleep(bounds.quiet / LOOKS) => {
                    let begun = traffic.begun();
                    let is_quiet = begun == seen && !traffic.is_working();
                    (seen, quiet) = (begun, if is_quiet { quiet + 1 } else { 0 });
                    if quiet >= patience(&places) {
                        break;
                    }
                }
            }
        }
        // Whatever runs may end; whatever does not run is over soon.
        connection.as_mut().graceful_shutdown();
        loop {
            match tokio::time::timeout(FAREWELL, connection.as_mut()).await {
                Ok(ended) => return log(ended),
                Err(_) if !traffic.is_working() => return,
                Err(_) => {}
            }
        }
    }
}

/// How many quiet looks a connection may have: fewer in a crowd.
fn patience(places: &Places) -> u32 {
    if places.are_crowded() { 1 } else { LOOKS }
}

fn protocols(bounds: Bounds) -> auto::Builder<TokioExecutor> {
    let mut protocols = auto::Builder::new(TokioExecutor::new());
    protocols
        .http1()
        .timer(TokioTimer::new())
        // hyper's own watch over headers would be a second rule beside ours.
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
