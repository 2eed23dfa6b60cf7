//! Letting pages of other origins call us (the CORS protocol of the Fetch standard).
//! In: the `Origin` of a request. Out: headers that let trusted origins in with credentials, and any origin at public
//! documents without.
//! Owns: an origin is never reflected unless it is trusted.

use poem::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use poem::http::{Method, StatusCode};
use poem::{Request, Response};

use super::headers::text;
use crate::config::TrustedOrigins;
use crate::http::routes::Origins;

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, x-request-id");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "set-auth-token, set-auth-jwt, etag, link, location, retry-after, x-retry-after, www-authenticate, x-request-id",
);
/// How long a browser may remember the answer to a preflight, in seconds; Chromium's own bound.
const PREFLIGHT_LASTS: HeaderValue = HeaderValue::from_static("7200");

/// What a request may share with the page that makes it.
#[derive(Debug)]
pub struct Cors {
    /// The origin of the page, if it is trusted.
    trusted: Option<HeaderValue>,
    is_public: bool,
    is_preflight: bool,
}

impl Cors {
    /// Looks where `request` comes from, and what it wants.
    pub fn of(request: &Request, readable_by: Origins, origins: &TrustedOrigins) -> Self {
        let origin = request.headers().get(ORIGIN);
        let trusted = origin.filter(|origin| origins.trusts(&text(origin)));
        let asks_first = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        Self {
            trusted: trusted.cloned(),
            is_public: readable_by == Origins::Any,
            is_preflight: request.method() == Method::OPTIONS && asks_first,
        }
    }

    /// The answer to a preflight that is granted.
    pub fn preflight(&self) -> Option<Response> {
        if !self.is_preflight || (self.trusted.is_none() && !self.is_public) {
            return None;
        }
        let mut response = Response::from(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_LASTS);
        Some(response)
    }

    /// Marks an answer for the origin that asked.
    pub fn mark(self, response: &mut Response) {
        let headers = response.headers_mut();
        match self.trusted {
            Some(origin) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
            }
            None if self.is_public => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            None => {}
        }
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
}
