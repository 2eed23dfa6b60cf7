//! What everybody may read: the key set, signs of life, a page for a sign-in that went wrong.

use std::sync::Arc;

use poem::http::HeaderMap;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::payload::Html;
use poem_openapi::{ApiResponse, OpenApi};

use super::objects::Alive;
use super::service::{Identity, Tag};
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::http::well_known::KeySetAnswer;

refusals!(
    /// Public reading.
    PublicRefusals: 429
);

/// A page for people.
#[derive(ApiResponse)]
enum ErrorPage {
    /// The page.
    #[oai(status = 200)]
    Page(Html<String>),
}

/// The operations.
#[derive(Debug)]
pub struct PublicApi;

#[OpenApi(prefix_path = "/api/auth")]
impl PublicApi {
    /// The key set
    ///
    /// The public keys that tokens can be verified with, newest first (RFC 7517). Cache it as `Cache-Control` says and
    /// ask again with `If-None-Match`. The same document is at `/.well-known/jwks.json`.
    #[oai(path = "/jwks", method = "get", tag = "Tag::Public", operation_id = "getJwks")]
    async fn jwks(&self, headers: &HeaderMap, identity: Data<&Arc<Identity>>) -> KeySetAnswer {
        KeySetAnswer::new(&identity.keyring, &*identity.clock, headers)
    }

    /// A sign of life
    ///
    /// Says only that requests are answered; `/readyz` says whether they can be answered well.
    #[oai(path = "/ok", method = "get", tag = "Tag::Public", operation_id = "ok")]
    async fn ok(&self) -> Answer<Alive> {
        Answer::new(Alive { ok: true })
    }

    /// A page for people whose sign-in went wrong
    ///
    /// HTML, which shows the code and nothing else of what it is given.
    #[oai(path = "/error", method = "get", tag = "Tag::Public", operation_id = "errorPage")]
    async fn error(
        &self,
        /// The code of the error.
        error: Query<Option<String>>,
    ) -> Result<ErrorPage, Declared<PublicRefusals>> {
        // Only letters, digits and underscores are shown: a link to this page must not choose a text that it shows.
        let is_code =
            |code: &String| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let code = error.0.filter(is_code).unwrap_or_else(|| "unknown".to_owned());
        Ok(ErrorPage::Page(Html(format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Error</title>\
             <h1>Something went wrong</h1><p>Code: <code>{code}</code></p><p><a href=\"/\">Go back</a></p></html>"
        ))))
    }
}
