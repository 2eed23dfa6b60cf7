//! One request on a connection.
//! In: a request from the network. Out: its answer, or the cheapest refusal that there is.
//! Owns: what a request and its answer hold is in the account of its client before anything is done for it.

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::Either;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Incoming};
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::http::{HeaderMap, Version};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, IntoResponse, Response};

use super::activity::{Activity, InFlight};
use super::answer::AnswerBody;
use super::limit::ConnectionLimit;
use super::received::Received;
use super::stream::Progress;
use crate::http::framework::bounds::MAX_BODY_BYTES;
use crate::http::framework::client_address::ClientAddress;
use crate::http::framework::code::Code;
use crate::http::framework::layers;
use crate::http::framework::shares::{Account, Full, Held, Kind};
use crate::http::routes::{self, Reader};

/// How long whoever was refused should wait.
const RETRY: Duration = Duration::from_secs(1);

/// Where a process is watched: answered even to a client that holds its share, once at a time on each connection.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// What a header counts beside its own bytes: a place in a map (RFC 9113 section 6.5.2).
const HEADER_OVERHEAD: usize = 32;

/// What the requests of one connection have in common.
pub(super) struct Requests {
    pub endpoint: Arc<BoxEndpoint<'static, Response>>,
    pub limit: ConnectionLimit,
    pub activity: Arc<Activity>,
    /// The account of the peer.
    pub account: Account,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// What a request holds until it is answered.
struct Admitted {
    /// Until its answer is sent; none for a probe, whose answer counts for no share either.
    request: Option<Held>,
    _received: Option<ReceivedBytes>,
}

/// Bytes of a request, counted for its client and its connection.
struct ReceivedBytes {
    _held: Held,
    bytes: u64,
    activity: Arc<Activity>,
}

/// What hyper is given for a request: small where it is refused, since HTTP/2 makes a task for each of many streams before
/// the first of them runs.
pub(super) type Answering = Either<Ready<Answered>, Pin<Box<dyn Future<Output = Answered> + Send>>>;

/// An answer; or the error with which a stream of HTTP/2 is refused, which its client may send again (RFC 9113 section
/// 8.7).
type Answered = Result<hyper::Response<AnswerBody>, h2::Error>;

impl Requests {
    /// Answers `request`, or refuses it at once where there is no room.
    pub fn answer(self: Arc<Self>, request: hyper::Request<Incoming>, running: InFlight) -> Answering {
        let version = request.version();
        let local = LocalAddr(Addr::SocketAddr(self.local));
        let remote = RemoteAddr(Addr::SocketAddr(self.remote));
        let mut request = poem::Request::from((request, local, remote, Scheme::HTTP));
        let account = self.account_of(&request);
        let body = BoxBody::from(request.take_body());
        match self.admit(&request, &body, &account) {
            Ok(admitted) => {
                request.set_body(self.receive(body, &running));
                Either::Right(Box::pin(self.work(request, running, admitted, account)))
            }
            Err(_) if version == Version::HTTP_2 => {
                // A proxy is not held back for one of those whom it speaks for.
                if self.account.holder().is_some() {
                    self.activity.note_refusal();
                }
                Either::Left(ready(Err(h2::Reason::REFUSED_STREAM.into())))
            }
            Err(_) => Either::Left(ready(Ok(self.refusal(reader_of(&request))))),
        }
    }

    async fn work(
        self: Arc<Self>,
        request: poem::Request,
        running: InFlight,
        admitted: Admitted,
        account: Account,
    ) -> Answered {
        let reader = reader_of(&request);
        let response = self.endpoint.get_response(request).await;
        drop(running);
        let Admitted { request, .. } = admitted;
        let (head, body) = hyper::Response::<BoxBody<_, _>>::from(response).into_parts();
        let most = self.limit.bounds.connection_bytes();
        let Some(request) = request else {
            let short = AnswerBody::short(body, &self.activity, Progress::here());
            return Ok(hyper::Response::from_parts(head, short));
        };
        match AnswerBody::new(body, &account, most, &self.activity, Progress::here(), request) {
            Ok(body) => Ok(hyper::Response::from_parts(head, body)),
            Err(_) => Ok(self.refusal(reader)),
        }
    }

    /// The account of the client: that of the peer, or of whom a trusted proxy speaks for.
    fn account_of(&self, request: &poem::Request) -> Account {
        if self.account.holder().is_some() {
            return self.account.clone();
        }
        let proxies = &self.limit.trusted_proxies;
        let client = ClientAddress::of(request, proxies).map(|forwarded| forwarded.client);
        let client = client.filter(|client| !client.is_one_of(proxies));
        client.map_or_else(|| self.account.clone(), |client| self.limit.shares.account(client.subscriber()))
    }

    /// Counts what a request holds, before anything is done for it.
    fn admit<B: Body>(&self, request: &poem::Request, body: &B, account: &Account) -> Result<Admitted, Full> {
        let is_probe =
            PROBES.contains(&request.uri().path()) && body.is_end_stream() && self.activity.has_one_request();
        let counted = self.count(request, body, account);
        match counted {
            Err(_) if is_probe => Ok(Admitted { request: None, _received: None }),
            counted => counted,
        }
    }

    fn count<B: Body>(&self, request: &poem::Request, body: &B, account: &Account) -> Result<Admitted, Full> {
        let held = account.take(Kind::Requests, 1)?;
        // An answer would find little room, or none.
        let unsent = self.activity.unsent.load(Ordering::Relaxed);
        let is_stuck = account.holder().is_some() && unsent >= self.limit.bounds.connection_bytes() / 4 * 3;
        if is_stuck || account.is_nearly_full(Kind::Unsent) {
            account.shares().count_refusal(Kind::Unsent);
            return Err(Full::Share);
        }
        let bytes = header_bytes(request) + body_bytes(body);
        let of_connection = self.activity.received.load(Ordering::Relaxed);
        if account.holder().is_some() && of_connection + bytes > self.limit.bounds.connection_bytes() {
            account.shares().count_refusal(Kind::Received);
            return Err(Full::Share);
        }
        let received = account.take(Kind::Received, bytes)?;
        self.activity.received.fetch_add(bytes, Ordering::Relaxed);
        let received = ReceivedBytes { _held: received, bytes, activity: self.activity.clone() };
        Ok(Admitted { request: Some(held), _received: Some(received) })
    }

    fn receive(&self, body: BoxBody<bytes::Bytes, std::io::Error>, running: &InFlight) -> poem::Body {
        if body.is_end_stream() {
            return body.into();
        }
        let idle_timeout = self.limit.bounds.idle_timeout;
        let received = Received { body, receiving: Some(running.receive()), idle_timeout, timeout: None };
        BoxBody::new(received).into()
    }

    fn refusal(&self, reader: Reader) -> hyper::Response<AnswerBody> {
        let refused = Code::ServerBusy.retry_after(RETRY);
        let mut response = match reader {
            Reader::Client => refused.for_oauth().into_response(),
            Reader::Program | Reader::Person => refused.into_response(),
        };
        layers::protect(&mut response);
        let (head, body) = hyper::Response::<BoxBody<_, _>>::from(response).into_parts();
        hyper::Response::from_parts(head, AnswerBody::short(body, &self.activity, Progress::here()))
    }
}

/// In whose words the path of a request answers.
fn reader_of(request: &poem::Request) -> Reader {
    routes::find(request.uri().path()).policy.reader
}

/// The bytes of a header, and its places in maps.
fn header_bytes(request: &poem::Request) -> u64 {
    let of = |headers: &HeaderMap| -> usize {
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD).sum()
    };
    let uri = request.uri();
    let path = uri.path().len() + uri.query().map_or(0, str::len);
    (path + of(request.headers())) as u64
}

/// How long a body may become: what its sender says, and never more than is read.
fn body_bytes(body: &impl Body) -> u64 {
    if body.is_end_stream() {
        return 0;
    }
    body.size_hint().upper().unwrap_or(u64::MAX).min(MAX_BODY_BYTES as u64)
}

impl Drop for ReceivedBytes {
    fn drop(&mut self) {
        self.activity.received.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
