//! The one shape of every error: a status and `{"code", "message"}`.
//! In: what went wrong in any room. Out: what the caller is told.
//! Owns: codes are stable; texts never repeat the caller's input and never tell what is inside.

use std::borrow::Cow;
use std::time::Duration;

use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError, ResponseError};
use poem::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use poem::http::{HeaderMap, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::Object;
use poem_openapi::error::{ParseParamError, ParsePathError as ParseOpenApiPathError};
use serde::Serialize;

use crate::http::ops::metrics::ErrorCode;
use crate::identity::account::AccountError;
use crate::identity::password;
use crate::identity::session::SessionError;
use crate::shared::throttle::RetryAfter;
use crate::store::StoreError;

/// What every error body holds.
#[derive(Clone, Debug, Serialize, Object)]
#[oai(rename = "Error")]
pub struct ErrorBody {
    /// A stable name that programs can compare.
    #[oai(validator(min_length = 1))]
    pub code: String,
    /// A sentence for people; it may change.
    pub message: String,
}

/// An answer that is an error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status} {code}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable name that programs can compare.
    pub code: &'static str,
    /// A sentence for people.
    pub message: Cow<'static, str>,
    /// Further headers of the answer. Boxed, since a header map is large and most results are not errors.
    pub headers: Box<HeaderMap>,
}

impl ApiError {
    /// An error without further headers.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), headers: Box::default() }
    }

    /// The same error with one more header; a value that no header can carry is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.append(name, value);
        }
        self
    }

    /// 404: there is nothing here.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "Not found")
    }

    /// 401 of the identity service: nobody is signed in.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Unauthorized")
    }

    /// 400: a body or query that does not fit; `message` names every field.
    pub fn validation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    /// 422: a body or query of the tasks API that does not fit; `message` names every field.
    pub fn unprocessable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR", message)
    }

    /// 401 of the tasks API, with the challenge of RFC 6750 section 3.
    pub fn challenged(code: &'static str, message: &'static str, challenge: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message).with_header(WWW_AUTHENTICATE, challenge)
    }

    /// 429: come back after `wait`.
    pub fn too_many_requests(wait: RetryAfter) -> Self {
        let seconds = wait.seconds().to_string();
        let message = "Too many requests. Please try again later.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", message)
            .with_header(RETRY_AFTER, &seconds)
            .with_header(HeaderName::from_static("x-retry-after"), seconds)
    }

    /// 503: something that this needs is busy or gone; come back after `wait`.
    pub fn unavailable(code: &'static str, message: &'static str, wait: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            .with_header(RETRY_AFTER, RetryAfter(wait).seconds().to_string())
    }

    /// 500: a defect of ours, which the log describes.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", "Internal server error")
    }

    /// Turns any error of the framework into ours, so that no path answers in another shape.
    pub fn from_framework(error: poem::Error) -> Self {
        if let Some(own) = error.downcast_ref::<Self>() {
            return own.clone();
        }
        if error.is::<NotFoundError>() {
            return Self::not_found();
        }
        // A path whose bytes are not UTF-8, or whose parameter does not parse, names nothing that exists.
        if error.is::<ParsePathError>() || error.is::<ParseOpenApiPathError>() {
            return Self::not_found();
        }
        if error.is::<MethodNotAllowedError>() {
            return Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "Method not allowed");
        }
        if let Some(fault) = error.downcast_ref::<ParseParamError>() {
            return Self::unprocessable(format!("[query.{}] Invalid value", fault.name));
        }
        match error.status() {
            status if status.is_client_error() => {
                Self::new(status, "BAD_REQUEST", status.canonical_reason().unwrap_or("Bad request"))
            }
            _ => {
                tracing::error!(%error, "an unforeseen error");
                Self::internal()
            }
        }
    }

    /// 405 with the methods that the path has.
    #[must_use]
    pub fn allowing(self, methods: &str) -> Self {
        self.with_header(ALLOW, methods)
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
        let body = ErrorBody { code: self.code.to_owned(), message: self.message.into_owned() };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response =
            Response::builder().status(self.status).content_type("application/json").body(body);
        response.headers_mut().extend(*self.headers);
        response.set_data(ErrorCode(self.code));
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Slow(_) => {
                tracing::warn!(%error, "the database is not available");
                let message = "The database is not available. Please try again later.";
                Self::unavailable("DATABASE_UNAVAILABLE", message, Duration::from_secs(1))
            }
            error => {
                tracing::error!(%error, "a statement failed");
                Self::internal()
            }
        }
    }
}

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let bad = |code, message| Self::new(StatusCode::BAD_REQUEST, code, message);
        match error {
            AccountError::EmailTaken => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
                "User already exists. Use another email.",
            ),
            AccountError::InvalidEmailOrPassword => {
                Self::new(StatusCode::UNAUTHORIZED, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password")
            }
            AccountError::NotFresh => {
                bad("SESSION_EXPIRED", "Session expired. Re-authenticate to perform this action.")
            }
            AccountError::InvalidPassword => bad("INVALID_PASSWORD", "Invalid password"),
            AccountError::NoPassword => bad("CREDENTIAL_ACCOUNT_NOT_FOUND", "Credential account not found"),
            AccountError::PasswordTooShort => bad("PASSWORD_TOO_SHORT", "Password too short"),
            AccountError::PasswordTooLong => bad("PASSWORD_TOO_LONG", "Password too long"),
            AccountError::Throttled(wait) => Self::too_many_requests(wait),
            AccountError::Hashing(password::HashingError::Busy) => {
                let message = "Too many people are signing in. Please try again later.";
                Self::unavailable("SIGN_IN_BUSY", message, password::RETRY_AFTER)
            }
            AccountError::Store(error) => error.into(),
            AccountError::Hashing(error) => {
                tracing::error!(%error, "hashing failed");
                Self::internal()
            }
            AccountError::Entropy(error) => {
                tracing::error!(%error, "no randomness");
                Self::internal()
            }
        }
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        AccountError::from(error).into()
    }
}
