//! One line of the log, one span and one count for every request.
//! In: a request, then its answer. Out: both logged, under an id that the answer carries too.
//! Owns: the pattern is logged and never the path: paths hold identifiers, and queries may hold secrets.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use poem::http::header::{HeaderName, HeaderValue};
use poem::http::{HeaderMap, Method};
use poem::{Request, Response};
use tracing::{Instrument, Span};

use super::traces;
use crate::http::routes::{self, Found};
use signet_verify::clock::{Clock, Entropy};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a request is called in the log and in its answer, to all that comes after.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The methods that routes have; callers may invent others.
static METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// What is remembered of a request until it is answered.
#[derive(Clone, Debug)]
pub struct RequestSummary {
    /// The method.
    pub method: Method,
    /// What holds on its path.
    pub route: Found,
}

impl RequestSummary {
    /// What is to be remembered of `request`.
    pub fn of(request: &Request) -> Self {
        Self { method: request.method().clone(), route: routes::find(request.uri().path()) }
    }

    /// The method, if it is one that routes have; else one name for all others.
    pub fn method_label(&self) -> &'static str {
        METHODS.iter().find(|known| **known == self.method).map_or("other", Method::as_str)
    }
}

/// A request that is measured, and logged in one line.
pub struct RequestLog {
    id: String,
    started: Duration,
    /// Every line that is written on the way to the answer carries the id.
    span: Span,
    trace: Span,
}

impl RequestLog {
    /// Begins with `request`.
    pub fn begin(request: &Request, summary: &RequestSummary, ids: &RequestIds, clock: &dyn Clock) -> Self {
        let id = ids.of(request.headers());
        let span = tracing::info_span!(target: "signet::request", "request", id);
        let trace = span.in_scope(|| traces::begin(request, summary.method_label(), &id));
        Self { id, started: clock.monotonic(), span, trace }
    }

    /// What the request is called.
    pub fn id(&self) -> RequestId {
        RequestId(self.id.clone())
    }

    /// Waits for the answer, within the spans of this request.
    pub async fn answered(&self, answer: impl Future<Output = Response>) -> Response {
        if self.trace.is_disabled() {
            answer.instrument(self.span.clone()).await
        } else {
            answer.instrument(self.trace.clone()).instrument(self.span.clone()).await
        }
    }

    /// Logs how the request was answered, and how long it took.
    pub fn end(self, summary: &RequestSummary, response: &mut Response, clock: &dyn Clock) -> Duration {
        traces::end(&self.trace, summary.method_label(), summary.route.pattern, response.status());
        let took = clock.monotonic().saturating_sub(self.started);
        tracing::info!(
            target: "signet::request",
            id = self.id,
            method = summary.method.as_str(),
            route = summary.route.pattern.unwrap_or("-"),
            status = response.status().as_u16(),
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
        if let Ok(id) = HeaderValue::try_from(self.id) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
        took
    }
}

/// How many bytes are drawn at once for ids; the generator of the system costs as much for one as for all.
const DRAWN_AT_ONCE: usize = 1024;
/// Bytes of an id.
const ID_BYTES: usize = 8;

/// Names requests.
pub struct RequestIds {
    entropy: Arc<dyn Entropy>,
    drawn: Mutex<Vec<u8>>,
}

impl RequestIds {
    /// Ids out of `entropy`.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, drawn: Mutex::default() }
    }

    /// The caller's own id, if it is short and plain; else a fresh one.
    fn of(&self, headers: &HeaderMap) -> String {
        let is_plain = |id: &&str| {
            (1..=64).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        match headers.get(X_REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_plain) {
            Some(id) => id.to_owned(),
            None => self.fresh().unwrap_or_default(),
        }
    }

    fn fresh(&self) -> Option<String> {
        let mut drawn = self.drawn.lock();
        if drawn.len() < ID_BYTES {
            let mut bytes = vec![0; DRAWN_AT_ONCE];
            self.entropy.fill(&mut bytes).ok()?;
            *drawn = bytes;
        }
        let rest = drawn.len() - ID_BYTES;
        let id = drawn.drain(rest..).fold(0, |id: u64, byte| id << 8 | u64::from(byte));
        drop(drawn);
        Some(format!("{id:016x}"))
    }
}
