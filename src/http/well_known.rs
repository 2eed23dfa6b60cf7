//! The key set and the discovery document: small, public, hot.
//! In: the keyring. Out: bytes that were made before the request, with validators for caches.
//! Owns: no database is touched; no cache may keep the set for longer than the rotation contract allows.

use std::sync::Arc;

use poem::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use poem::http::{HeaderMap, StatusCode};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};

use super::framework::headers;
use super::framework::static_document::if_none_match;
use crate::keys::keyring::{CacheLife, Keyring};
use signet_verify::clock::Clock;

/// The JSON members of a published key (RFC 7517, RFC 7518 section 6, RFC 8037), base64url where they are numbers.
#[derive(Debug, Object)]
pub struct Jwk {
    /// `OKP`, `EC` or `RSA`.
    pub kty: String,
    /// `Ed25519` or `P-256`; RSA keys have no curve.
    pub crv: Option<String>,
    /// The public key of Ed25519, or the x-coordinate on P-256.
    pub x: Option<String>,
    /// The y-coordinate on P-256.
    pub y: Option<String>,
    /// The RSA modulus.
    pub n: Option<String>,
    /// The RSA exponent.
    pub e: Option<String>,
    /// The RFC 7638 thumbprint of the key.
    pub kid: String,
    /// `EdDSA`, `ES256` or `RS256`.
    pub alg: String,
    /// Always `sig`.
    #[oai(rename = "use")]
    pub purpose: String,
}

/// A JWK set.
#[derive(Debug, Object)]
pub struct JwkSet {
    /// Algorithm by algorithm, newest first of each.
    pub keys: Vec<Jwk>,
}

/// The key set as an answer.
#[derive(Debug)]
pub struct KeySetAnswer(Response);

impl KeySetAnswer {
    /// What a request with these headers gets: the set, or 304 when the caller has it already (RFC 9110 section
    /// 13.1.2).
    pub fn new(keyring: &Keyring, clock: &dyn Clock, request: &HeaderMap) -> Self {
        let published = keyring.published();
        let life = keyring.cache_life(clock.now());
        let seen = request.get_all(IF_NONE_MATCH).iter().any(|value| if_none_match(value, &published.etag));
        let wants_jwk_set = headers::accepts(request, "application/jwk-set+json");
        let media_type = if wants_jwk_set { "application/jwk-set+json" } else { "application/json" };
        let response = Response::builder()
            .header(ETAG, &published.etag)
            .header(CACHE_CONTROL, cache_control(life))
            .header(VARY, HeaderValue::from_static("accept"));
        Self(if seen {
            response.status(StatusCode::NOT_MODIFIED).finish()
        } else {
            response.header(CONTENT_TYPE, HeaderValue::from_static(media_type)).body(published.json.clone())
        })
    }
}

/// The hints to caches (RFC 9111 section 5.2.2, RFC 5861).
fn cache_control(life: CacheLife) -> String {
    let CacheLife { max_age, stale_while_revalidate, stale_if_error } = life;
    let mut text = format!("public, max-age={}", max_age.as_secs());
    for (name, span) in
        [(", stale-while-revalidate=", stale_while_revalidate), (", stale-if-error=", stale_if_error)]
    {
        if !span.is_zero() {
            text.push_str(name);
            text.push_str(&span.as_secs().to_string());
        }
    }
    text
}

impl IntoResponse for KeySetAnswer {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for KeySetAnswer {
    fn meta() -> MetaResponses {
        let header = |name: &str, text: &str| MetaHeader {
            name: name.to_owned(),
            description: Some(text.to_owned()),
            required: true,
            deprecated: false,
            schema: String::schema_ref(),
        };
        let headers = || {
            vec![
                header("ETag", "Names this state of the set."),
                header("Cache-Control", "How long the set may be cached."),
            ]
        };
        let content = |content_type| MetaMediaType { content_type, schema: JwkSet::schema_ref() };
        let answer = |status, description, content| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: headers(),
        };
        let documents = vec![content("application/json"), content("application/jwk-set+json")];
        MetaResponses {
            responses: vec![
                answer(200, "The key set.", documents),
                answer(304, "What you have is still right.", Vec::new()),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        JwkSet::register(registry);
    }
}

/// `/.well-known/jwks.json`: the key set without the detour through the described API.
pub struct KeySetEndpoint {
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
}

impl KeySetEndpoint {
    /// Serves the set of this keyring.
    pub fn new(keyring: Arc<Keyring>, clock: Arc<dyn Clock>) -> Self {
        Self { keyring, clock }
    }
}

impl Endpoint for KeySetEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(KeySetAnswer::new(&self.keyring, &*self.clock, request.headers()).into_response())
    }
}

/// A document that is made once: where clients and verifiers find the issuer, its endpoints and its keys.
pub fn discovery(document: &serde_json::Value) -> impl Endpoint<Output = Response> + use<> {
    let bytes = document.to_string().into_bytes();
    poem::endpoint::make_sync(move |_| {
        Response::builder()
            .content_type("application/json")
            .header(CACHE_CONTROL, "public, max-age=300")
            .body(bytes.clone())
    })
}
