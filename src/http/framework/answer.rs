//! What operations answer, so that the OpenAPI documents list every status that is really sent and no other.
//! In: a body with headers, or an [`ApiError`]. Out: a response, and its description.
//! Owns: an operation can refuse only with a status that it has declared.

use std::marker::PhantomData;

use poem::http::header::{HeaderName, HeaderValue};
use poem::http::{HeaderMap, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;

use super::body::Dialect;
use super::error::{ApiError, ErrorBody};

/// Headers that an answer may carry for its caller to read: their names and meanings.
pub trait ResponseHeaders: Send + Sync + 'static {
    /// Each is described in the OpenAPI document.
    const HEADERS: &'static [(&'static str, &'static str)];
}

impl ResponseHeaders for () {
    const HEADERS: &'static [(&'static str, &'static str)] = &[];
}

/// A JSON body with a status of 2xx, and further headers, of which `H` names those that callers read.
#[derive(Clone, Debug)]
pub struct Answer<T, const STATUS: u16 = 200, H = ()> {
    body: T,
    headers: HeaderMap,
    carried: PhantomData<H>,
}

impl<T, const STATUS: u16, H> Answer<T, STATUS, H> {
    /// A body without further headers.
    pub fn new(body: T) -> Self {
        Self { body, headers: HeaderMap::new(), carried: PhantomData }
    }

    /// Adds a header; a value that no header can carry is left out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.append(HeaderName::from_static(name), value);
        }
        self
    }

    /// Adds headers that were made elsewhere.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }
}

impl<T: Serialize + ToJSON + Send, const STATUS: u16, H: ResponseHeaders> IntoResponse
    for Answer<T, STATUS, H>
{
    fn into_response(self) -> Response {
        // The description could write it too, but by way of a tree.
        debug_assert_eq!(serde_json::to_value(&self.body).ok(), self.body.to_json(), "not as described");
        let Ok(body) = serde_json::to_vec(&self.body) else { return ApiError::internal().into_response() };
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK);
        let mut response = Response::builder().status(status).content_type("application/json").body(body);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl<T: Type + Serialize + ToJSON, const STATUS: u16, H: ResponseHeaders> ApiResponse
    for Answer<T, STATUS, H>
{
    fn meta() -> MetaResponses {
        let schema = if T::IS_REQUIRED {
            T::schema_ref()
        } else {
            // `null` is an answer too.
            let nullable =
                MetaSchema { nullable: true, all_of: vec![T::schema_ref()], ..MetaSchema::new("object") };
            MetaSchemaRef::Inline(Box::new(nullable))
        };
        let description = match STATUS {
            201 => "Made.",
            _ => "Done.",
        };
        let headers = H::HEADERS.iter().map(|(name, meaning)| header(name, meaning)).collect();
        MetaResponses { responses: vec![described(STATUS, description, vec![json(schema)], headers)] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 204: done, and nothing to say.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![described(204, "Done; there is nothing to say.", Vec::new(), Vec::new())],
        }
    }

    fn register(_: &mut Registry) {}
}

/// The statuses with which an operation may refuse.
pub trait Refusals: Send + Sync + 'static {
    /// Which of the two APIs refuses.
    const DIALECT: Dialect;
    /// Each is described in the OpenAPI document.
    const STATUSES: &'static [u16];
}

/// An error of an operation that declares `R`.
#[derive(Debug)]
pub struct Declared<R> {
    error: ApiError,
    declared: PhantomData<R>,
}

impl<R: Refusals, E: Into<ApiError>> From<E> for Declared<R> {
    fn from(error: E) -> Self {
        Self { error: error.into(), declared: PhantomData }
    }
}

impl<R: Refusals> From<Declared<R>> for poem::Error {
    fn from(refused: Declared<R>) -> Self {
        refused.error.into()
    }
}

impl<R: Refusals> ApiResponse for Declared<R> {
    fn meta() -> MetaResponses {
        let refusal = |status: &u16| {
            let (description, headers) = refused(R::DIALECT, *status);
            described(*status, description, vec![json(ErrorBody::schema_ref())], headers)
        };
        MetaResponses { responses: R::STATUSES.iter().map(refusal).collect() }
    }

    fn register(registry: &mut Registry) {
        ErrorBody::register(registry);
    }
}

/// Declares the statuses of an operation's refusals: `refusals!(Name: 400, 401);`, or `refusals!(Name of Tasks: 401);`
macro_rules! refusals {
    ($(#[$doc:meta])* $name:ident: $($status:literal),+ $(,)?) => {
        refusals!($(#[$doc])* $name of BetterAuth: $($status),+);
    };
    ($(#[$doc:meta])* $name:ident of $dialect:ident: $($status:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;
        impl $crate::http::framework::answer::Refusals for $name {
            const DIALECT: $crate::http::framework::body::Dialect = $crate::http::framework::body::Dialect::$dialect;
            const STATUSES: &'static [u16] = &[$($status),+];
        }
    };
}
pub(crate) use refusals;

fn json(schema: MetaSchemaRef) -> MetaMediaType {
    MetaMediaType { content_type: "application/json", schema }
}

fn header(name: &str, meaning: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(meaning.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

fn described(
    status: u16,
    description: &'static str,
    content: Vec<MetaMediaType>,
    headers: Vec<MetaHeader>,
) -> MetaResponse {
    MetaResponse { description, status: Some(status), status_range: None, content, headers }
}

/// What an API refuses with a status, with the codes that programs compare, and the headers beside them.
fn refused(dialect: Dialect, status: u16) -> (&'static str, Vec<MetaHeader>) {
    use Dialect::{BetterAuth, Tasks};
    let challenge = || vec![header("WWW-Authenticate", "The challenge of RFC 6750 section 3.")];
    let wait = || vec![header("Retry-After", "Seconds to wait.")];
    match (dialect, status) {
        (BetterAuth, 400) => (
            "The request does not fit: `VALIDATION_ERROR` (`message` names every field), `BAD_REQUEST` (no JSON), \
             `INVALID_EMAIL`, `PASSWORD_TOO_SHORT`, `PASSWORD_TOO_LONG`, `INVALID_PASSWORD` (the current one is \
             wrong), `CREDENTIAL_ACCOUNT_NOT_FOUND`, `EMAIL_CAN_NOT_BE_UPDATED`, `NO_FIELDS_TO_UPDATE`, \
             `SESSION_EXPIRED` (signed in too long ago for this).",
            vec![],
        ),
        (BetterAuth, 401) => (
            "Nobody is signed in: `UNAUTHORIZED`; or the address or the password is wrong: \
             `INVALID_EMAIL_OR_PASSWORD`.",
            vec![],
        ),
        (BetterAuth, 403) => (
            "From a page that is not trusted: `INVALID_ORIGIN`, `MISSING_OR_NULL_ORIGIN`, \
             `CROSS_SITE_NAVIGATION_LOGIN_BLOCKED`; leading to a place that is not trusted: `INVALID_CALLBACK_URL`, \
             `INVALID_REDIRECT_URL`, `INVALID_ERROR_CALLBACK_URL`, `INVALID_NEW_USER_CALLBACK_URL`; or with a session \
             that is a day old or older: `SESSION_NOT_FRESH`.",
            vec![],
        ),
        (BetterAuth, 404) => ("There is no such thing: `NOT_FOUND`, `INVALID_TOKEN`.", vec![]),
        (BetterAuth, 422) => ("The address is taken: `USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL`.", vec![]),
        (BetterAuth, 503) => (
            "Busy, or something that this needs is gone: `SIGN_IN_BUSY`, `SIGNING_UNAVAILABLE`, \
             `DATABASE_UNAVAILABLE`.",
            wait(),
        ),
        (Tasks, 401) => ("No token: `UNAUTHORIZED`; or one that is not good: `INVALID_TOKEN`.", challenge()),
        (Tasks, 403) => ("Somebody else's tasks: `FORBIDDEN`.", challenge()),
        (Tasks, 422) => (
            "The request does not fit: `VALIDATION_ERROR` (`message` names every field), `INVALID_JSON`.",
            vec![],
        ),
        (Tasks, 503) => {
            ("Something that this needs is gone: `DATABASE_UNAVAILABLE`, `KEY_SET_UNAVAILABLE`.", wait())
        }
        (_, 404) => ("There is no such thing: `NOT_FOUND`.", vec![]),
        (_, 405) => ("The path has other methods.", vec![header("Allow", "The methods that the path has.")]),
        (_, 413) => ("The body is larger than 64 KiB: `PAYLOAD_TOO_LARGE`.", vec![]),
        (_, 415) => ("The body is no JSON: `UNSUPPORTED_MEDIA_TYPE`.", vec![]),
        (_, 429) => ("Too many requests: `TOO_MANY_REQUESTS`.", wait()),
        _ => ("A defect of ours: `INTERNAL_SERVER_ERROR`.", vec![]),
    }
}
