//! What happens to every request and every answer, whatever the path.
//! In: requests from the network. Out: answers in one shape, each with an id, each one line in the log.
//! Owns: no error leaves in another shape; nothing that carries a credential may be cached; no secret is logged.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use ipnet::IpNet;
use poem::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, PRAGMA, REFERRER_POLICY,
};
use poem::http::header::{X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use poem::http::{HeaderMap, Method, StatusCode, Uri};
use poem::{IntoResponse, PathPattern, Request, Response};
use tracing::{Instrument, Span};

use super::client_address::ClientAddress;
use super::error::ApiError;
use super::traces;
use crate::clock::{Clock, Entropy};
use crate::http::ops::metrics::{Metrics, RequestSummary};
use crate::http::{routes, tasks};
use crate::shared::throttle::Throttle;

/// Marks an answer that people are to read, and that says what is wrong in a page of its own.
#[derive(Clone, Copy, Debug)]
pub struct HtmlError;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a whole request may take, its body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Says who the client is, to all that comes after.
pub fn identify(request: &mut Request, trusted_proxies: &[IpNet]) {
    if let Some(address) = ClientAddress::of(request, trusted_proxies) {
        request.extensions_mut().insert(address);
    }
}

/// A request that is to be measured, counted, and told about in one line of the log.
pub struct RequestLog {
    id: String,
    method: Method,
    asked: RequestSummary,
    started: Duration,
    /// Every line that is written on the way to the answer carries the id.
    span: Span,
    trace: Span,
}

impl RequestLog {
    /// Begins to watch `request`.
    pub fn begin(request: &Request, ids: &RequestIds, clock: &dyn Clock) -> Self {
        let id = ids.of(request.headers());
        let asked = RequestSummary::of(request);
        let span = tracing::info_span!(target: "signet::request", "request", id);
        let trace = span.in_scope(|| traces::begin(request, asked.method(), &id));
        Self { id, method: request.method().clone(), asked, started: clock.monotonic(), span, trace }
    }

    /// Waits for the answer, within the spans of this request.
    pub async fn answered(&self, answer: impl Future<Output = Response>) -> Response {
        if self.trace.is_disabled() {
            answer.instrument(self.span.clone()).await
        } else {
            answer.instrument(self.trace.clone()).instrument(self.span.clone()).await
        }
    }

    /// Writes, counts and marks how the request was answered.
    pub fn end(self, response: &mut Response, metrics: &Metrics, clock: &dyn Clock) {
        traces::end(&self.trace, self.asked.method(), response);
        let took = clock.monotonic().saturating_sub(self.started);
        // The pattern, not the path: paths hold identifiers, and queries hold worse.
        let route = response.data::<PathPattern>().map_or("-", |pattern| &pattern.0);
        tracing::info!(
            target: "signet::request",
            id = self.id,
            method = self.method.as_str(),
            route,
            status = response.status().as_u16(),
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
        metrics.count(self.asked, response, took);
        if let Ok(id) = HeaderValue::try_from(self.id) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
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
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Bounds the time of a request, and turns every error and every panic into the one shape.
pub async fn shape(
    (method, uri): (Method, Uri),
    answer: impl Future<Output = poem::Result<Response>> + Unpin,
) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    let response = match tokio::time::timeout(REQUEST_TIMEOUT, answer).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(error))) => {
            // Where the error came from is still known to the framework's error, if anywhere.
            let pattern = error.data::<PathPattern>().cloned();
            let mut response = explain(error, &uri).into_response();
            if let Some(pattern) = pattern {
                response.set_data(pattern);
            }
            response
        }
        // A panic is answered like any other defect; the hook has written it to the log.
        Ok(Err(_)) => ApiError::internal().into_response(),
        Err(_) => ApiError::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "The request took too long")
            .into_response(),
    };
    without_bare_errors(response, &method)
}

fn explain(error: poem::Error, uri: &Uri) -> ApiError {
    let explained = ApiError::from_framework(error);
    if explained.status != StatusCode::METHOD_NOT_ALLOWED || explained.headers.contains_key("allow") {
        return explained;
    }
    explained.allowing(tasks::methods_of(uri.path()).unwrap_or("GET, HEAD"))
}

/// An endpoint that answered with a status alone still owes the caller a body.
fn without_bare_errors(response: Response, method: &Method) -> Response {
    let status = response.status();
    let is_bare = response.headers().get(CONTENT_TYPE).is_none_or(|value| value != "application/json");
    let is_fine = !(status.is_client_error() || status.is_server_error());
    if is_fine || !is_bare || method == Method::HEAD || response.data::<HtmlError>().is_some() {
        return response;
    }
    let error = match status {
        StatusCode::NOT_FOUND => ApiError::not_found(),
        status if status.is_server_error() => ApiError::internal(),
        status => ApiError::new(status, "BAD_REQUEST", status.canonical_reason().unwrap_or("Bad request")),
    };
    error.into_response()
}

/// Counts the request before anything else is done with it.
///
/// # Errors
/// 429, when its caller has had enough.
pub async fn limit(throttle: &Throttle, request: &Request) -> Result<(), ApiError> {
    match routes::bucket(request) {
        Some((rule, who)) => throttle.attempt(rule, &who).await.map_err(ApiError::too_many_requests),
        None => Ok(()),
    }
}

/// Headers that keep browsers and caches careful. An endpoint that says something else itself is left alone.
pub fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(X_FRAME_OPTIONS, "DENY");
    default(REFERRER_POLICY, "no-referrer");
    default(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
}
