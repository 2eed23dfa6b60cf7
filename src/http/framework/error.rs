//! The one shape of every error: a status and `{"code", "message"}`.
//! In: a [`Code`], or what the framework refuses. Out: what the caller is told.
//! Owns: texts never repeat the caller's input and never tell what is inside.

use std::borrow::Cow;
use std::time::Duration;

use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError, ResponseError};
use poem::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER};
use poem::http::{HeaderMap, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use poem_openapi::error::{ParseParamError, ParsePathError as ParseOpenApiPathError};
use serde::Serialize;

use super::code::{Api, Code, Scope};
use crate::store;
use crate::sync::rule::RetryAfter;

/// How long a caller should wait when the database does not answer.
const DATABASE_RETRY: Duration = Duration::from_secs(1);

/// What every error body holds.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "Error")]
pub struct ErrorBody {
    /// A stable name that programs can compare.
    #[oai(validator(min_length = 1))]
    pub code: String,
    /// A sentence for people; it may change.
    pub message: String,
}

/// What error bodies of OAuth hold (RFC 6749 section 5.2).
#[derive(Debug, Serialize, Object)]
#[oai(rename = "OAuthError")]
pub struct OAuthErrorBody {
    /// A word that programs can compare.
    #[oai(validator(min_length = 1))]
    pub error: String,
    /// A sentence for developers; it may change.
    pub error_description: String,
}

/// An answer that is an error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status} {}", code.as_str())]
pub struct ApiError {
    /// What went wrong.
    pub code: Code,
    /// The HTTP status: that of the code, but for refusals of the framework.
    pub status: StatusCode,
    /// A sentence for people.
    pub message: Cow<'static, str>,
    /// Further headers of the answer. Boxed, since a header map is large and most results are not errors.
    pub headers: Box<HeaderMap>,
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self { code, status: code.status(), message: code.message().into(), headers: Box::default() }
    }
}

impl From<Code> for poem::Error {
    fn from(code: Code) -> Self {
        ApiError::from(code).into()
    }
}

impl Code {
    /// This error with a message of its own.
    pub fn saying(self, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { message: message.into(), ..self.into() }
    }

    /// This error with the time after which to come back.
    pub fn retry_after(self, wait: Duration) -> ApiError {
        ApiError::from(self).with_header(RETRY_AFTER, RetryAfter(wait).seconds().to_string())
    }
}

impl ApiError {
    /// The same error with one more header; a value that no header can carry is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.append(name, value);
        }
        self
    }

    /// 405 with the methods that the path has.
    #[must_use]
    pub fn allowing(self, methods: &str) -> Self {
        self.with_header(ALLOW, methods)
    }

    /// 429: come back after `wait`.
    pub fn too_many_requests(wait: RetryAfter) -> Self {
        Code::TooManyRequests
            .retry_after(wait.0)
            .with_header(HeaderName::from_static("x-retry-after"), wait.seconds().to_string())
    }

    /// What `status` alone says: not found, a bad request, or a defect.
    pub fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Code::NotFound.into(),
            status if status.is_client_error() => {
                let message = status.canonical_reason().unwrap_or(Code::BadRequest.message());
                Self { status, ..Code::BadRequest.saying(message) }
            }
            _ => Code::Internal.into(),
        }
    }

    /// Turns any error of the framework into ours, so that no path answers in another shape.
    pub fn from_framework(error: poem::Error) -> Self {
        if let Some(own) = error.downcast_ref::<Self>() {
            return own.clone();
        }
        if error.is::<NotFoundError>() {
            return Code::NotFound.into();
        }
        // A path whose bytes are not UTF-8, or whose parameter does not parse, names nothing that exists.
        if error.is::<ParsePathError>() || error.is::<ParseOpenApiPathError>() {
            return Code::NotFound.into();
        }
        if error.is::<MethodNotAllowedError>() {
            return Code::MethodNotAllowed.into();
        }
        if let Some(error) = error.downcast_ref::<ParseParamError>() {
            return Code::InvalidTask.saying(format!("[query.{}] Invalid value", error.name));
        }
        if !error.status().is_client_error() {
            tracing::error!(%error, "an unforeseen error");
        }
        Self::from_status(error.status())
    }

    /// The same error in the words of OAuth, for the paths that speak them.
    #[must_use]
    pub fn for_oauth(self) -> Self {
        let code = match self.code.scope() {
            Scope::Of(Api::OAuth) => return self,
            _ => Code::of_oauth(self.status.as_u16()),
        };
        Self { code, ..self }
    }

    /// The body and its media type: the one place where the shape of an error is chosen, by the scope of the code.
    fn body(&self) -> (&'static str, Vec<u8>) {
        if self.code.scope() == Scope::Of(Api::OAuth) {
            let (error, error_description) = (self.code.as_str().to_owned(), self.message.to_string());
            let body = OAuthErrorBody { error, error_description };
            return ("application/json", serde_json::to_vec(&body).unwrap_or_default());
        }
        let body = ErrorBody { code: self.code.as_str().to_owned(), message: self.message.to_string() };
        ("application/json", serde_json::to_vec(&body).unwrap_or_default())
    }
}

impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        self.clone().into_response()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (media_type, body) = self.body();
        let mut response = Response::builder().status(self.status).content_type(media_type).body(body);
        response.headers_mut().extend(*self.headers);
        // For those who count and log.
        response.set_data(self.code);
        response
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(_) | store::Error::Slow(_) => {
                tracing::warn!(%error, "the database is not available");
                Code::DatabaseUnavailable.retry_after(DATABASE_RETRY)
            }
            store::Error::Unstorable => {
                tracing::error!(%error, "a text came to the database unread");
                Code::BadRequest.into()
            }
            store::Error::Busy(wait) => Code::DatabaseUnavailable.retry_after(wait),
            error => {
                tracing::error!(%error, "a statement failed");
                Code::Internal.into()
            }
        }
    }
}
