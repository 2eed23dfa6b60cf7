//! Fetches a key set over HTTP from where its issuer publishes it.
//! In: the URL, and the ETag of the copy at hand. Out: the document with its validator and its life, or why not.
//! Owns: one GET costs at most a stated time and a stated number of bytes, and goes to the configured host only.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use super::fetch::{self, Fetch, Fetched};
use crate::jose::jwk::MAX_DOCUMENT_BYTES;

/// What one GET may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From the name look-up to the last byte.
    pub total_time: Duration,
    /// The longest document, in bytes.
    pub body_bytes: usize,
    /// Plain HTTP to another machine: whoever sits between can then hand out keys of their own.
    pub allow_plain_http: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { total_time: Duration::from_secs(5), body_bytes: MAX_DOCUMENT_BYTES, allow_plain_http: false }
    }
}

/// Why a URL is not one to fetch keys from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an absolute `http` or `https` URL.
    #[error("the address of the key set is not an absolute http or https URL")]
    NotAUrl,
    /// A user name or password before the host.
    #[error("the address of the key set holds a user name or a password")]
    Credentials,
    /// `http` to something that is not this machine.
    #[error("the key set must be fetched over https, since its host is not this machine")]
    PlainHttp,
    /// The certificates of the operating system cannot be used.
    #[error("the key set cannot be fetched over https: {0}")]
    NoTrustAnchors(String),
}

/// The header block of an answer may have this many bytes.
const HEADER_BYTES: usize = 32 * 1024;

/// No validator longer than this is kept.
const ETAG_BYTES: usize = 256;

enum Transport {
    Plain(Client<HttpConnector, Empty<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>),
}

/// A key set published at a URL.
pub struct JwksEndpoint {
    uri: Uri,
    limits: Limits,
    transport: Transport,
}

impl fmt::Debug for JwksEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksEndpoint")
            .field("uri", &self.uri)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl JwksEndpoint {
    /// The key set at `url`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error`] when keys from there could not be trusted, or no TLS can be set up.
    pub fn new(url: &str, limits: Limits) -> Result<Self, Error> {
        let uri: Uri = url.parse().map_err(|_| Error::NotAUrl)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(Error::NotAUrl);
        };
        if authority.as_str().contains('@') {
            return Err(Error::Credentials);
        }
        let transport = match scheme {
            "https" => Transport::Tls(client().build(tls(connector(&limits))?)),
            "http" if limits.allow_plain_http || is_loopback(authority.host()) => {
                Transport::Plain(client().build(connector(&limits)))
            }
            "http" => return Err(Error::PlainHttp),
            _ => return Err(Error::NotAUrl),
        };
        Ok(Self { uri, limits, transport })
    }

    async fn get(&self, etag: Option<&str>) -> Result<Fetched, fetch::Error> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers
            .insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            headers.insert(header::IF_NONE_MATCH, etag);
        }
        let response = match &self.transport {
            Transport::Plain(client) => client.request(request).await,
            Transport::Tls(client) => client.request(request).await,
        };
        let response = response.map_err(|error| broken(&error))?;
        let max_age = max_age(response.headers());
        match response.status() {
            StatusCode::OK => {
                let etag = validator(response.headers());
                Ok(Fetched::Fresh { bytes: self.read(response).await?, etag, max_age })
            }
            StatusCode::NOT_MODIFIED => Ok(Fetched::NotModified { max_age }),
            status => Err(fetch::Error::Status(status.as_u16())),
        }
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Vec<u8>, fetch::Error> {
        let limit = self.limits.body_bytes;
        let body = response.into_body();
        if body.size_hint().lower() > limit as u64 {
            return Err(fetch::Error::TooLarge(limit));
        }
        match Limited::new(body, limit).collect().await {
            Ok(read) => Ok(read.to_bytes().to_vec()),
            Err(error) if error.is::<LengthLimitError>() => Err(fetch::Error::TooLarge(limit)),
            Err(error) => Err(broken(error.as_ref())),
        }
    }
}

impl Fetch for JwksEndpoint {
    async fn fetch(&self, etag: Option<&str>) -> Result<Fetched, fetch::Error> {
        let total = self.limits.total_time;
        timeout(total, self.get(etag)).await.unwrap_or(Err(fetch::Error::Timeout(total)))
    }
}

/// No connection is kept between two fetches: they are minutes apart, and a fresh look-up follows a fail-over.
fn client() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_max_idle_per_host(0).http1_max_buf_size(HEADER_BYTES).retry_canceled_requests(false);
    builder
}

fn connector(limits: &Limits) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(limits.total_time)); // divided among the addresses of the host
    connector.set_nodelay(true);
    connector
}

fn tls(mut connector: HttpConnector) -> Result<HttpsConnector<HttpConnector>, Error> {
    connector.enforce_http(false);
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| Error::NoTrustAnchors(error.to_string()))?;
    Ok(builder.https_only().enable_http1().wrap_connector(connector))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

/// The whole chain of causes: "client error (Connect)" alone names no cause.
fn broken(error: &dyn std::error::Error) -> fetch::Error {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    fetch::Error::Unreachable(text)
}

fn validator(headers: &HeaderMap) -> Option<String> {
    let etag = headers.get(header::ETAG)?.to_str().ok()?;
    (1..=ETAG_BYTES).contains(&etag.len()).then(|| etag.to_owned())
}

/// How much longer the answer stays fresh (RFC 9111 section 4.2): its `max-age` less the `Age` that it gathered on
/// the way; a second at least, after which it is worth asking again. Zero when it may not be cached at all, or when its
/// `max-age` makes no sense; none if nothing is said.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    // By its bytes: one directive that is not ASCII spoils no other.
    let lines = headers.get_all(header::CACHE_CONTROL).iter().map(|value| value.as_bytes());
    let directives: Vec<_> = lines.flat_map(|line| line.split(|byte| *byte == b',')).collect();
    let mut said = None;
    for directive in directives.into_iter().map(String::from_utf8_lossy) {
        let (name, value) = directive.split_once('=').unwrap_or((&directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Some(Duration::ZERO),
            "max-age" if said.is_none() => said = Some(seconds(value.trim().trim_matches('"')).unwrap_or(0)),
            _ => {}
        }
    }
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()).and_then(seconds).unwrap_or(0);
    said.map(|said| Duration::from_secs(said.saturating_sub(age).max(said.min(1))))
}

/// Delta-seconds (RFC 9111 section 1.2.2): digits alone, and numbers too large to hold are merely very large.
fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX).min(u64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn max_age_of(lines: &[(&'static str, &str)]) -> Option<u64> {
        let headers: HeaderMap =
            lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        max_age(&headers).map(|age| age.as_secs())
    }

    #[test]
    fn max_age_of_a_document_is_read_as_caches_read_it() {
        assert_eq!(max_age_of(&[]), None);
        assert_eq!(max_age_of(&[("cache-control", "public, must-revalidate")]), None);
        assert_eq!(max_age_of(&[("cache-control", "public,Max-Age=300, must-revalidate")]), Some(300));
        assert_eq!(max_age_of(&[("cache-control", "max-age=\"60\"")]), Some(60));
        assert_eq!(max_age_of(&[("cache-control", "s-maxage=9, max-age=60")]), Some(60));
        assert_eq!(max_age_of(&[("cache-control", "max-age=300"), ("age", "100")]), Some(200));
        assert_eq!(max_age_of(&[("cache-control", "max-age=300"), ("age", "400")]), Some(1));
        assert_eq!(max_age_of(&[("cache-control", "max-age=0"), ("age", "400")]), Some(0));
        assert_eq!(max_age_of(&[("cache-control", "max-age=300, no-store")]), Some(0));
        assert_eq!(max_age_of(&[("cache-control", "x=\"\u{eb}\", max-age=60")]), Some(60));
        for nonsense in ["max-age=", "max-age=-1", "max-age=1h", "max-age=1.5", "max-age"] {
            assert_eq!(max_age_of(&[("cache-control", nonsense)]), Some(0), "{nonsense}");
        }
        assert_eq!(
            max_age_of(&[("cache-control", "max-age=99999999999999999999")]),
            Some(u64::from(u32::MAX))
        );
    }

    #[test]
    fn new_takes_plain_http_for_this_machine_only() {
        let made = |url: &str| JwksEndpoint::new(url, Limits::default()).map(|_| ());
        for url in
            ["http://localhost:1/jwks", "http://LOCALHOST/", "http://127.0.0.1:80/jwks", "http://[::1]:9/"]
        {
            assert_eq!(made(url), Ok(()), "{url}");
        }
        for url in [
            "http://id.example/jwks",
            "http://10.0.0.1/",
            "http://localhost.example/",
            "http://[2001:db8::1]/",
        ] {
            assert_eq!(made(url), Err(Error::PlainHttp), "{url}");
        }
        assert_eq!(made("http://127.0.0.1@id.example/"), Err(Error::Credentials));
        for url in ["", "/jwks", "id.example", "file:///etc/passwd", "ftp://localhost/jwks", "https://"] {
            assert_eq!(made(url), Err(Error::NotAUrl), "{url}");
        }
        let allowed = Limits { allow_plain_http: true, ..Limits::default() };
        assert!(JwksEndpoint::new("http://identity.internal/jwks", allowed).is_ok());
    }

    #[test]
    fn fetch_costs_at_most_five_seconds_and_a_quarter_of_a_megabyte() {
        let limits = Limits::default();
        assert_eq!((limits.total_time, limits.body_bytes), (Duration::from_secs(5), 256 * 1024));
        assert!(!limits.allow_plain_http);
    }
}
