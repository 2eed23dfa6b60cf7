//! Documents that stay the same as long as the process runs.
//! In: bytes that were made at the start. Out: an endpoint that serves them, or 304 to whoever has them already.
//! Owns: a document is named by its own digest, so that no cache mistakes an old one for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use poem::http::header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use poem::http::{HeaderMap, StatusCode};
use poem::{Endpoint, Request, Response, Result};
use signet_verify::crypto::sha256;

use super::headers;

/// Ask again every time, which costs a 304.
pub const REVALIDATED: &str = "no-cache";

/// A document.
#[derive(Clone, Debug)]
pub struct StaticDocument {
    media_type: &'static str,
    body: Bytes,
    etag: String,
    headers: HeaderMap,
}

impl StaticDocument {
    /// A document that caches may keep and have to ask about.
    pub fn new(media_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let etag = format!("\"{}\"", STANDARD.encode(&sha256(&body)[..18]));
        Self { media_type, body, etag, headers: HeaderMap::new() }
    }

    /// The same document with one more header; a value that no header can carry is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// What it says.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The whole document with another status than 200; no cache may keep it.
    pub fn with_status(&self, status: StatusCode) -> Response {
        let mut response =
            Response::builder().status(status).content_type(self.media_type).body(self.body.clone());
        response.headers_mut().extend(self.headers.clone());
        response
    }

    /// What a request with these headers gets.
    pub fn answer(&self, request: &HeaderMap, cache_control: &str) -> Response {
        let seen = request.get_all(IF_NONE_MATCH).iter().any(|value| if_none_match(value, &self.etag));
        let mut response = if seen {
            Response::from(StatusCode::NOT_MODIFIED)
        } else {
            Response::builder().content_type(self.media_type).body(self.body.clone())
        };
        let headers = response.headers_mut();
        headers.extend(self.headers.clone());
        for (name, value) in [(ETAG, self.etag.as_str()), (CACHE_CONTROL, cache_control)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl Endpoint for StaticDocument {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(self.answer(request.headers(), REVALIDATED))
    }
}

/// Whether an `If-None-Match` header names this entity tag; weak comparison, as that header wants it (RFC 9110 section
/// 13.1.2).
pub fn if_none_match(header: &HeaderValue, etag: &str) -> bool {
    let header = headers::text(header);
    header.trim() == "*" || header.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}
