//! What operations answer, so that the OpenAPI documents list every status that is really sent and no other.
//! In: a body with headers, or an [`ApiError`]. Out: a response, and its description.
//! Owns: an operation declares the statuses of its refusals beside itself; `layers` holds every answer to them.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::LazyLock;

use poem::http::header::{HeaderName, HeaderValue};
use poem::http::{HeaderMap, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;

use super::code::{Api, Code};
use super::error::{ApiError, ErrorBody, OAuthErrorBody};
use crate::http::routes::Reader;

/// Headers that an answer may carry for its caller to read: their names and meanings.
pub trait ResponseHeaders: Send + Sync + 'static {
    /// Each is described in the OpenAPI document.
    const HEADERS: &'static [(&'static str, &'static str)];
}

impl ResponseHeaders for () {
    const HEADERS: &'static [(&'static str, &'static str)] = &[];
}

/// A JSON body with a status of 2xx, and further headers, of which `H` names those that callers read. Not `Debug`: the
/// body may hold a token.
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
        let Ok(body) = serde_json::to_vec(&self.body) else {
            return ApiError::from(Code::Internal).into_response();
        };
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
            MetaSchemaRef::Inline(Box::new(or_null(T::schema_ref())))
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

/// What is described by `schema`, or `null`. Said as one of two, since generators overlook `nullable` beside a reference.
pub fn or_null(schema: MetaSchemaRef) -> MetaSchema {
    let null =
        MetaSchema { nullable: true, enum_items: vec![serde_json::Value::Null], ..MetaSchema::new("object") };
    MetaSchema { one_of: vec![schema, MetaSchemaRef::Inline(Box::new(null))], ..MetaSchema::ANY }
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
    /// Which API refuses.
    const API: Api;
    /// Each is described in the OpenAPI document.
    const STATUSES: &'static [u16];
    /// Who reads them: people get pages where their browser asks for such.
    const READER: Reader;
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
        let mut responses: Vec<_> = R::STATUSES.iter().map(|status| refusal(R::API, *status)).collect();
        if R::READER == Reader::Person {
            responses.iter_mut().for_each(|response| response.content.push(page()));
        }
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        match R::API {
            Api::OAuth => OAuthErrorBody::register(registry),
            Api::Identity | Api::Tasks => ErrorBody::register(registry),
        }
    }
}

/// Declares the statuses of an operation's refusals: `refusals!(Name: 400, 401);`, or `refusals!(Name of Tasks: 401);`, or
/// `refusals!(Name of OAuth for Person: 400);` where people read them.
macro_rules! refusals {
    ($(#[$doc:meta])* $name:ident: $($status:literal),+ $(,)?) => {
        refusals!($(#[$doc])* $name of Identity: $($status),+);
    };
    ($(#[$doc:meta])* $name:ident of $api:ident: $($status:literal),+ $(,)?) => {
        refusals!($(#[$doc])* $name of $api for Program: $($status),+);
    };
    ($(#[$doc:meta])* $name:ident of $api:ident for $reader:ident: $($status:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;
        impl $crate::http::framework::answer::Refusals for $name {
            const API: $crate::http::framework::code::Api = $crate::http::framework::code::Api::$api;
            const STATUSES: &'static [u16] = &[$($status),+];
            const READER: $crate::http::routes::Reader = $crate::http::routes::Reader::$reader;
        }
    };
}
pub(crate) use refusals;

fn json(schema: MetaSchemaRef) -> MetaMediaType {
    MetaMediaType { content_type: "application/json", schema }
}

/// A page of ours.
pub fn page() -> MetaMediaType {
    let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
    MetaMediaType { content_type: "text/html; charset=utf-8", schema }
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
fn refusal(api: Api, status: u16) -> MetaResponse {
    let headers = match (api, status) {
        (Api::Tasks, 401 | 403) => vec![header("WWW-Authenticate", "The challenge of RFC 6750 section 3.")],
        (Api::OAuth, 401) => vec![header("WWW-Authenticate", "The challenge of RFC 6749 section 5.2.")],
        (_, 405) => vec![header("Allow", "The methods that the path has.")],
        (_, 429 | 503) => vec![header("Retry-After", "Seconds to wait.")],
        _ => Vec::new(),
    };
    let description = REFUSALS.get(&(api, status)).map_or("", String::as_str);
    let schema = match api {
        Api::OAuth => OAuthErrorBody::schema_ref(),
        Api::Identity | Api::Tasks => ErrorBody::schema_ref(),
    };
    described(status, description, vec![json(schema)], headers)
}

/// Descriptions that live as long as the framework wants them to: one for each status of each API.
static REFUSALS: LazyLock<BTreeMap<(Api, u16), String>> = LazyLock::new(|| {
    let statuses = Code::ALL.iter().map(|code| code.status_code());
    let both = statuses.flat_map(|status| Api::ALL.map(|api| (api, status)));
    both.map(|(api, status)| ((api, status), prose(api, status))).collect()
});

/// The codes of a status, each with what it means.
fn prose(api: Api, status: u16) -> String {
    let meaning = match status {
        400 | 422 => "What was sent does not fit.",
        401 => "The caller is not known.",
        403 => "Not from here, not to there, or not by this caller.",
        404 => "There is no such thing.",
        405 => "The path has other methods.",
        409 => "What there is already stands in the way.",
        413 | 415 => "The body is not one that is read.",
        429 => "Too many requests.",
        503 => "Busy, or something that this needs is gone.",
        _ => "The request could not be answered.",
    };
    let codes =
        Code::of(api, status).into_iter().map(|code| format!("\n- `{}`: {}", code.as_str(), code.when()));
    format!("{meaning}\n{}", codes.collect::<String>())
}
