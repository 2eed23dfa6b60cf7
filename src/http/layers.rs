//! What happens to every request and every answer, whatever the path.
//! In: requests from the network. Out: answers in one shape, each with an id, each one line in the log.
//! Owns: no error leaves in another shape; nothing that carries a credential may be cached; no secret is logged.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use poem::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, PRAGMA, REFERRER_POLICY};
use poem::http::header::{X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use poem::http::{HeaderMap, Method, StatusCode, Uri};
use poem::{Endpoint, IntoResponse, PathPattern, Request, Response};
use tracing::Instrument;

use super::client_address::ClientAddress;
use super::error::ApiError;
use super::limits;
use super::metrics::{Asked, Metrics};
use super::{tasks, traces};
use crate::clock::{Clock, Entropy, random_alphanumeric};
use crate::shared::throttle::Throttle;

/// Marks an answer that people are to read, and that says what is wrong in a page of its own.
#[derive(Clone, Copy, Debug)]
pub struct ForPeople;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a whole request may take, its body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Says who the client is, to all that comes after.
pub fn identify(mut request: Request, trusted_proxies: &[IpNet]) -> Request {
    if let Some(address) = ClientAddress::of(&request, trusted_proxies) {
        request.extensions_mut().insert(address);
    }
    request
}

/// Gives the request an id, measures and counts it, and writes one line about it.
pub async fn log<E: Endpoint<Output = Response>>(
    endpoint: Arc<E>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: Arc<Metrics>,
    request: Request,
) -> Response {
    let id = request_id(request.headers(), &*entropy);
    let method = request.method().clone();
    let asked = Asked::of(&request);
    let started = clock.monotonic();
    // Every line that is written on the way to the answer carries the id.
    let span = tracing::info_span!(target: "signet::request", "request", id = %id);
    let trace = span.in_scope(|| traces::begin(&request, asked.method(), &id));
    let mut response = endpoint.get_response(request).instrument(trace.clone()).instrument(span).await;
    traces::end(&trace, asked.method(), &response);
    let took = clock.monotonic().saturating_sub(started);
    // The pattern, not the path: paths hold identifiers, and queries hold worse.
    let route = response.data::<PathPattern>().map_or("-", |pattern| &pattern.0);
    tracing::info!(
        target: "signet::request",
        id = %id,
        method = %method,
        route,
        status = response.status().as_u16(),
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
    );
    metrics.count(asked, &response, took);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// The caller's own id, if it is short and plain; else a fresh one.
fn request_id(headers: &HeaderMap, entropy: &dyn Entropy) -> String {
    let is_plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match headers.get(X_REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_plain) {
        Some(id) => id.to_owned(),
        None => random_alphanumeric(entropy, 16).unwrap_or_default(),
    }
}

/// Bounds the time of a request, and turns every error and every panic into the one shape.
pub async fn shape<E: Endpoint>(endpoint: Arc<E>, request: Request) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answered = tokio::time::timeout(REQUEST_TIMEOUT, endpoint.call(request)).await;
    let response = match answered {
        Ok(Ok(response)) => response.into_response(),
        Ok(Err(error)) => {
            // Where the error came from is still known to the framework's error, if anywhere.
            let pattern = error.data::<PathPattern>().cloned();
            let mut response = explain(error, &uri).into_response();
            if let Some(pattern) = pattern {
                response.set_data(pattern);
            }
            response
        }
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
    if is_fine || !is_bare || method == Method::HEAD || response.data::<ForPeople>().is_some() {
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
pub async fn limit<E: Endpoint>(
    endpoint: Arc<E>,
    throttle: Arc<Throttle>,
    request: Request,
) -> poem::Result<Response> {
    if let Some((rule, who)) = limits::bucket(&request) {
        throttle.attempt(rule, &who).await.map_err(ApiError::too_many_requests)?;
    }
    endpoint.call(request).await.map(IntoResponse::into_response)
}

/// Headers that keep browsers and caches careful. An endpoint that says something else itself is left alone.
pub fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(X_FRAME_OPTIONS, "DENY");
    default(REFERRER_POLICY, "no-referrer");
    default(HeaderName::from_static("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
    response
}
