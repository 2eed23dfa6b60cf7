//! The life of one connection.
//! In: a stream from a caller. Out: answers on it, until it is closed.
//! Owns: a connection lives while requests come and go on it; no client holds one by being slow.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::activity::{Activity, InFlight};
use super::idle::{IDLE_CHECKS, IdleWatch, Verdict};
use super::limit::{Bounds, ConnectionLimit};
use super::request::Requests;
use super::socket::Socket;
use super::stream::Streams;
use crate::http::framework::bounds::MAX_BODY_BYTES;
use crate::http::framework::shares::Account;

/// How long a connection may take to close after it was asked to, once nothing runs on it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How much of all bodies on a connection of HTTP/2 may come before anybody reads it: a few of the largest.
const CONNECTION_WINDOW: u32 = 4 * MAX_BODY_BYTES as u32;

/// How many bytes of one answer HTTP/2 copies; the rest is sent from where it is.
const SEND_BUFFER: usize = 64 * 1024;

/// What a connection needs to know of its server.
pub(super) struct Connection {
    pub endpoint: Arc<BoxEndpoint<'static, Response>>,
    pub limit: ConnectionLimit,
    /// The account of the peer.
    pub account: Account,
    pub activity: Arc<Activity>,
    /// Its sender is dropped when the server stops.
    pub stopped: watch::Receiver<()>,
}

/// Why a connection is asked to close.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Idle,
    /// Others need its place, or the server stops.
    Wanted,
}

impl Connection {
    /// Answers requests until the client closes the connection, it is idle for too long, or the server stops.
    pub async fn serve(self, stream: TcpStream) {
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        // Answers are small and written whole: waiting for more to send only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
        let Self { endpoint, limit, account, activity, mut stopped } = self;
        let bounds = limit.bounds;
        let protocols = protocols(&limit);
        let service = {
            let (activity, account) = (activity.clone(), account.clone());
            let requests = Requests { endpoint, limit, activity: activity.clone(), account, local, remote };
            let requests = Arc::new(requests);
            service_fn(move |request: hyper::Request<Incoming>| {
                requests.clone().answer(request, InFlight::begin(&activity))
            })
        };
        let socket = TokioIo::new(Socket { stream, activity: activity.clone() });
        let mut connection = pin!(protocols.serve_connection(socket, service));
        let mut watch = IdleWatch::default();
        let cause = loop {
            tokio::select! {
                // What has come is read before anything is judged.
                biased;
                ended = connection.as_mut() => return log(ended),
                _ = stopped.changed() => break Cause::Wanted,
                () = activity.displaced() => break Cause::Wanted,
                refused = activity.refused() => {
                    let held_back = account.hold_back(refused);
                    // Nothing is read meanwhile, so that a client which asks again at once has to wait.
                    tokio::select! {
                        _ = stopped.changed() => break Cause::Wanted,
                        () = activity.displaced() => break Cause::Wanted,
                        () = tokio::time::sleep(held_back.span()) => {}
                    }
                }
                () = tokio::time::sleep(bounds.idle_timeout / IDLE_CHECKS) => {
                    match watch.check(activity.snapshot()) {
                        Verdict::Open => activity.set_idle_checks(watch.idle_checks()),
                        Verdict::Idle => break Cause::Idle,
                        Verdict::Stalled => return,
                    }
                }
            }
        };
        // Requests in flight may finish; without any, the connection closes soon.
        connection.as_mut().graceful_shutdown();
        loop {
            match tokio::time::timeout(CLOSE_TIMEOUT, connection.as_mut()).await {
                Ok(ended) => return log(ended),
                // A request may have come while its sender was being told.
                Err(_) if cause == Cause::Idle && activity.is_running() => {}
                Err(_) if activity.is_working() => {}
                Err(_) => return,
            }
        }
    }
}

fn protocols(limit: &ConnectionLimit) -> auto::Builder<Streams> {
    let Bounds { header_bytes, streams, idle_timeout, .. } = limit.bounds;
    let mut protocols = auto::Builder::new(Streams { idle_timeout, stalled: limit.stalled.clone() });
    protocols
        .http1()
        .timer(TokioTimer::new())
        // hyper's own timeout for headers would be a second rule beside ours.
        .header_read_timeout(None)
        .max_buf_size(header_bytes as usize);
    protocols
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(header_bytes)
        .max_concurrent_streams(streams)
        .initial_stream_window_size(MAX_BODY_BYTES as u32)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    protocols
}

fn log(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
