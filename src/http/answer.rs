//! What operations answer, so that the OpenAPI documents list every status that is really sent and no other.
//! In: a body with headers, or an [`ApiError`]. Out: a response, and its description.
//! Owns: an operation can refuse only with a status that it has declared.

use std::marker::PhantomData;

use poem::http::header::{HeaderName, HeaderValue};
use poem::http::{HeaderMap, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};

use super::error::{ApiError, ErrorBody};

/// A JSON body with a status of 2xx and further headers.
#[derive(Clone, Debug)]
pub struct Answer<T, const STATUS: u16 = 200> {
    body: T,
    headers: HeaderMap,
}

impl<T, const STATUS: u16> Answer<T, STATUS> {
    /// A body without further headers.
    pub fn new(body: T) -> Self {
        Self { body, headers: HeaderMap::new() }
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

impl<T: ToJSON + Send, const STATUS: u16> IntoResponse for Answer<T, STATUS> {
    fn into_response(self) -> Response {
        let body = self.body.to_json_string();
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK);
        let mut response = Response::builder().status(status).content_type("application/json").body(body);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl<T: Type + ToJSON, const STATUS: u16> ApiResponse for Answer<T, STATUS> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: Json::<T>::CONTENT_TYPE, schema: T::schema_ref() }];
        MetaResponses { responses: vec![described(STATUS, content)] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 204: done, and nothing to say.
#[derive(Clone, Copy, Debug)]
pub struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into()
    }
}

impl ApiResponse for Done {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![described(204, Vec::new())] }
    }

    fn register(_: &mut Registry) {}
}

/// The statuses with which an operation may refuse.
pub trait Refusals: Send + Sync + 'static {
    /// Each is described in the OpenAPI document.
    const STATUSES: &'static [u16];
}

/// An error of an operation that declares `R`.
#[derive(Debug)]
pub struct Refused<R> {
    error: ApiError,
    declared: PhantomData<R>,
}

impl<R: Refusals, E: Into<ApiError>> From<E> for Refused<R> {
    fn from(error: E) -> Self {
        Self { error: error.into(), declared: PhantomData }
    }
}

impl<R: Refusals> From<Refused<R>> for poem::Error {
    fn from(refused: Refused<R>) -> Self {
        refused.error.into()
    }
}

impl<R: Refusals> ApiResponse for Refused<R> {
    fn meta() -> MetaResponses {
        let content =
            || vec![MetaMediaType { content_type: "application/json", schema: ErrorBody::schema_ref() }];
        MetaResponses { responses: R::STATUSES.iter().map(|status| described(*status, content())).collect() }
    }

    fn register(registry: &mut Registry) {
        ErrorBody::register(registry);
    }
}

/// Declares the statuses of an operation's refusals: `refusals!(Name: 400, 401);`
macro_rules! refusals {
    ($(#[$doc:meta])* $name:ident: $($status:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;
        impl $crate::http::answer::Refusals for $name {
            const STATUSES: &'static [u16] = &[$($status),+];
        }
    };
}
pub(crate) use refusals;

fn described(status: u16, content: Vec<MetaMediaType>) -> MetaResponse {
    let header = |name: &str, text: &str| MetaHeader {
        name: name.to_owned(),
        description: Some(text.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    };
    let challenge = || header("WWW-Authenticate", "The challenge of RFC 6750 section 3, for bearer tokens.");
    let (description, headers) = match status {
        200 => ("Done.", vec![]),
        201 => ("Made.", vec![header("Location", "Where the new thing is.")]),
        204 => ("Done; there is nothing to say.", vec![]),
        304 => ("What you have is still right.", vec![]),
        400 => ("The request does not fit; `message` names every field.", vec![]),
        401 => ("Nobody is signed in, or the credential is not good.", vec![challenge()]),
        403 => ("Not allowed: a foreign origin, or somebody else's resource.", vec![challenge()]),
        404 => ("There is no such thing.", vec![]),
        405 => ("The path has other methods.", vec![header("Allow", "The methods that the path has.")]),
        413 => ("The body is too large.", vec![]),
        415 => ("The body is of a type that is not read here.", vec![]),
        422 => ("The request does not fit; `message` names every field.", vec![]),
        429 => ("Too many requests.", vec![header("Retry-After", "Seconds to wait.")]),
        503 => {
            ("Busy, or something that this needs is gone.", vec![header("Retry-After", "Seconds to wait.")])
        }
        _ => ("An error.", vec![]),
    };
    MetaResponse { description, status: Some(status), status_range: None, content, headers }
}
