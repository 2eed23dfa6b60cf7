//! Letting pages of other origins call us (the CORS protocol of the Fetch standard).
//! In: the `Origin` of a request, and what a preflight asks for. Out: headers that let trusted origins in with
//! credentials, and any origin at public documents without.
//! Owns: an origin is never reflected unless it is trusted, and nothing that is reflected makes an answer large.

use poem::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, VARY,
};
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Request, Response};

use super::headers::text;
use crate::config::TrustedOrigins;
use crate::http::routes::Origins;

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What pages may send without asking for anything in particular.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, x-request-id");
/// The longest list of headers that a preflight may ask for, in bytes.
const MAX_ASKED_BYTES: usize = 1024;
/// The longest origin of a page, in bytes: a host name has 253 at most.
const MAX_ORIGIN_BYTES: usize = 300;
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
    /// The headers that a preflight asks for, if they can be read.
    asked: Option<HeaderValue>,
}

impl Cors {
    /// Looks where `request` comes from, and what it wants.
    pub fn of(request: &Request, readable_by: Origins, origins: &TrustedOrigins) -> Self {
        let origin = request.headers().get(ORIGIN);
        let trusted = origin.filter(|origin| {
            readable_by != Origins::None && origin.len() <= MAX_ORIGIN_BYTES && origins.trusts(&text(origin))
        });
        let asks_first = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let is_preflight = request.method() == Method::OPTIONS && asks_first;
        Self {
            trusted: trusted.cloned(),
            is_public: readable_by == Origins::Any,
            is_preflight,
            asked: is_preflight.then(|| asked(request.headers())).flatten(),
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
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.asked.clone().unwrap_or(ALLOWED_HEADERS));
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
        if self.is_preflight {
            headers.append(VARY, HeaderValue::from_static("access-control-request-headers"));
        }
    }
}

/// The headers that a preflight asks for, as one list in lower case: names of headers all of them, and not too many.
/// Whoever may call us may send what their tools add (`traceparent`, `baggage`): none of it makes us do anything.
fn asked(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS);
    if lines.iter().map(HeaderValue::len).sum::<usize>() > MAX_ASKED_BYTES {
        return None;
    }
    let mut names = Vec::new();
    for line in lines {
        let items = line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        for item in items.filter(|item| !item.is_empty()) {
            let name = HeaderName::from_bytes(item).ok()?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let list = names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(list).ok().filter(|list| !list.is_empty() && list.len() <= MAX_ASKED_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lines: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_bytes(line).unwrap());
        }
        asked(&headers).map(|list| list.to_str().unwrap().to_owned())
    }

    #[test]
    fn asked_is_every_list_of_header_names_and_nothing_else() {
        for (lines, expected) in [
            (&[&b"baggage,sentry-trace,traceparent"[..]][..], "baggage, sentry-trace, traceparent"),
            (&[b" X-B3-TraceId ,, x-b3-traceid,"], "x-b3-traceid"),
            (&[b"a", b"b,c"], "a, b, c"),
            (&[b"!#$%&'*+-.^_`|~0"], "!#$%&'*+-.^_`|~0"),
        ] {
            assert_eq!(answer(lines).as_deref(), Some(expected));
        }
        let long = "x".repeat(MAX_ASKED_BYTES + 1);
        let many = "a,".repeat(MAX_ASKED_BYTES);
        assert_eq!(answer(&[]), None);
        for line in [&b""[..], b" , ", b"a b", b"a,b:c", b"a, \xff", b"a(b)"] {
            assert_eq!(answer(&[line]), None, "{line:?}");
        }
        for line in [long, many] {
            assert_eq!(answer(&[line.as_bytes()]), None);
        }
    }
}
