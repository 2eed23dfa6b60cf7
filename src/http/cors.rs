//! Letting pages of other origins call us (the CORS protocol of the Fetch standard).
//! In: the `Origin` of a request. Out: headers that let trusted origins in with credentials, and anybody at public documents without.
//! Owns: an origin is never reflected unless it is trusted.

use std::sync::Arc;

use poem::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, IntoResponse, Request, Response};

use crate::config::TrustedOrigins;

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, x-request-id");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "set-auth-token, set-auth-jwt, etag, link, location, retry-after, x-retry-after, www-authenticate, x-request-id",
);
/// How long a browser may remember the answer to a preflight, in seconds; Chromium's own bound.
const PREFLIGHT_LASTS: HeaderValue = HeaderValue::from_static("7200");

/// Answers preflights, and marks every other answer for the origin that asked.
pub async fn share<E: Endpoint>(
    endpoint: Arc<E>,
    origins: Arc<TrustedOrigins>,
    request: Request,
) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let trusted = origin.filter(|origin| origin.to_str().is_ok_and(|origin| origins.trusts(origin)));
    let is_public = is_public(request.uri().path());
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight && (trusted.is_some() || is_public) {
        let mut response = Response::from(StatusCode::NO_CONTENT);
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        response.headers_mut().insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_LASTS);
        response
    } else {
        endpoint.call(request).await.map_or_else(poem::Error::into_response, IntoResponse::into_response)
    };
    mark(response.headers_mut(), trusted, is_public);
    response
}

fn mark(headers: &mut HeaderMap, trusted: Option<HeaderValue>, is_public: bool) {
    match trusted {
        Some(origin) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
        None if is_public => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        None => {}
    }
    headers.append(VARY, HeaderValue::from_static("origin"));
}

/// Documents that any page may read, without credentials.
fn is_public(path: &str) -> bool {
    matches!(
        path,
        "/.well-known/jwks.json"
            | "/.well-known/openid-configuration"
            | "/api/auth/jwks"
            | "/openapi/identity.json"
            | "/openapi/tasks.json"
    )
}
