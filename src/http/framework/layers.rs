//! What happens to every request and every answer, whatever the path.
//! In: requests from the network. Out: answers in one shape, in time, with headers that keep browsers careful.
//! Owns: no error leaves in another shape, and no status that its operation has not declared; nothing that carries a
//! credential may be cached.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use ipnet::IpNet;
use poem::http::Method;
use poem::http::StatusCode;
use poem::http::Version;
use poem::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, PRAGMA,
    REFERRER_POLICY,
};
use poem::http::header::{X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use poem::http::uri::Authority;
use poem::{IntoResponse, Request, Response};

use super::bounds::{MAX_ANSWER_HEADER_BYTES, REQUEST_TIMEOUT};
use super::client_address::ClientAddress;
use super::code::Code;
use super::error::ApiError;
use super::operations::Operations;
use super::request_log::RequestSummary;
use crate::http::routes::{Limit, Reader};
use crate::sync::limiter::Limiter;
use crate::sync::rule::RetryAfter;

/// Marks an error that people are to read, and that says what is wrong in a page of its own.
#[derive(Clone, Copy, Debug)]
pub struct HtmlError;

/// Marks a request of a device that has signed in before, to whatever account; it is named by its nonce.
#[derive(Clone, Debug)]
pub struct KnownDevice(pub String);

/// Says who the client is, to all that comes after. Answers which trusted proxy could not be understood.
pub fn set_client_address(request: &mut Request, trusted_proxies: &[IpNet]) -> Option<IpAddr> {
    let found = ClientAddress::of(request, trusted_proxies)?;
    request.extensions_mut().insert(found.client);
    found.unreadable
}

/// Whether a request says exactly once which host it is for, as RFC 9112 section 3.2 demands of HTTP/1.1: what is
/// said twice, or not at all, two readers on the way may understand as two different things. Of HTTP/2 the same
/// holds where it names a host beside its authority (RFC 9113 section 8.3.1).
pub fn names_one_host(request: &Request) -> bool {
    let hosts = request.headers().get_all(HOST);
    let mut hosts = hosts.iter().map(|host| host.as_bytes());
    let (first, second) = (hosts.next(), hosts.next());
    let is_host = |host: &[u8]| host.is_empty() || !host.contains(&b'@') && Authority::try_from(host).is_ok();
    match (request.version(), first) {
        _ if second.is_some() || !first.is_none_or(is_host) => false,
        (Version::HTTP_11, host) => host.is_some(),
        (Version::HTTP_2, Some(host)) => {
            request.uri().authority().is_none_or(|named| named.as_str().as_bytes().eq_ignore_ascii_case(host))
        }
        _ => true,
    }
}

/// Counts the request before anything else is done with it.
///
/// # Errors
/// 429, when its client has had enough.
pub async fn limit(limiter: &Limiter, limit: Limit, request: &Request) -> Result<(), ApiError> {
    attempt(limiter, limit, request).await.map_err(ApiError::too_many_requests)
}

/// Counts one attempt.
///
/// # Errors
/// How long to wait, when the client has had enough.
pub async fn attempt(limiter: &Limiter, limit: Limit, request: &Request) -> Result<(), RetryAfter> {
    let address =
        || request.extensions().get::<ClientAddress>().map(ClientAddress::subscriber).unwrap_or_default();
    match limit {
        Limit::None => Ok(()),
        Limit::Address(rule) => limiter.attempt(rule, &address()).await,
        Limit::AddressOrDevice { each, devices } => {
            if let Some(KnownDevice(nonce)) = request.extensions().get()
                && limiter.attempt(devices, &address()).await.is_ok()
                && limiter.attempt(each, &format!("device {nonce}")).await.is_ok()
            {
                return Ok(());
            }
            limiter.attempt(each, &address()).await
        }
        Limit::AddressAndPath(rule) => {
            limiter.attempt(rule, &format!("{} {}", address(), request.uri().path())).await
        }
    }
}

/// Bounds the time of a request, and turns every error and every panic into the one shape.
pub async fn into_response(
    summary: &RequestSummary,
    operations: &Operations,
    answer: impl Future<Output = poem::Result<Response>> + Unpin,
) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    let response = match tokio::time::timeout(REQUEST_TIMEOUT, answer).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(error))) => worded(explained(error, summary, operations), summary),
        // A panic is answered like any other defect; the hook has written it to the log.
        Ok(Err(_)) => worded(Code::Internal.into(), summary),
        Err(_) => worded(Code::RequestTimeout.into(), summary),
    };
    let response = without_bare_errors(response, summary);
    debug_assert!(
        is_declared(&response, summary, operations),
        "{} {:?} answers {}, which it has not declared",
        summary.method,
        summary.route.pattern,
        response.status(),
    );
    response
}

/// Whether the document of the operation lists the status, whoever made the answer: a handler, an extractor, a layer.
fn is_declared(response: &Response, summary: &RequestSummary, operations: &Operations) -> bool {
    summary
        .route
        .pattern
        .is_none_or(|pattern| operations.declares(pattern, &summary.method, response.status().as_u16()))
}

fn explained(error: poem::Error, summary: &RequestSummary, operations: &Operations) -> ApiError {
    let error = ApiError::from_framework(error);
    if error.status != StatusCode::METHOD_NOT_ALLOWED || error.headers.contains_key("allow") {
        return error;
    }
    error.allowing(operations.allow(summary.route.pattern))
}

/// An answer that has a status alone gets the body of its error.
fn without_bare_errors(response: Response, summary: &RequestSummary) -> Response {
    let status = response.status();
    let is_bare = response.headers().get(CONTENT_TYPE).is_none_or(|value| value != "application/json");
    let is_fine = !(status.is_client_error() || status.is_server_error());
    if is_fine || !is_bare || summary.method == Method::HEAD || response.data::<HtmlError>().is_some() {
        return response;
    }
    worded(ApiError::from_status(status), summary)
}

/// An error in the words that the path speaks.
fn worded(error: ApiError, summary: &RequestSummary) -> Response {
    match summary.route.policy.reader {
        Reader::Client => error.for_oauth().into_response(),
        Reader::Program | Reader::Person => error.into_response(),
    }
}

/// Headers that keep browsers and caches careful. An endpoint that says something else itself is left alone. The
/// last one to add any: the header of the answer is within its bound.
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
    debug_assert!(
        header_bytes(response) <= MAX_ANSWER_HEADER_BYTES,
        "{} bytes of header",
        header_bytes(response)
    );
}

/// The bytes of the header of an answer, as HTTP/1.1 writes them.
pub fn header_bytes(response: &Response) -> usize {
    const STATUS_LINE: usize = "HTTP/1.1 200 ".len() + 40;
    let lines =
        response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    STATUS_LINE + lines.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::http::routes;

    const DOCUMENT: &str =
        r#"{"paths": {"/api/auth/token": {"get": {"responses": {"200": {}, "401": {}}}}}}"#;

    async fn answered(path: &str, code: Code) -> Response {
        let summary = RequestSummary { method: Method::GET, route: routes::find(path) };
        into_response(&summary, &Operations::read([DOCUMENT]), ready(Err(code.into()))).await
    }

    #[tokio::test]
    async fn into_response_lets_declared_statuses_pass_and_those_of_no_operation() {
        assert_eq!(answered("/api/auth/token", Code::Unauthorized).await.status(), 401);
        assert_eq!(answered("/api/auth/token", Code::RequestTimeout).await.status(), 408);
        assert_eq!(answered("/nothing", Code::NotFound).await.status(), 404);
    }

    #[cfg(debug_assertions)]
    #[tokio::test]
    #[should_panic(expected = "answers 403 Forbidden, which it has not declared")]
    async fn into_response_panics_at_a_status_that_the_operation_has_not_declared() {
        answered("/api/auth/token", Code::SessionNotFresh).await;
    }
}
