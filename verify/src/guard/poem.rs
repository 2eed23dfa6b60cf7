//! The guard of poem's handlers.
//! In: requests. Out: requests with a [`Principal`], or the refusal that RFC 6750 asks for.
//! Owns: behind it no handler runs without a principal, whether it remembers to ask for one or not.

use std::sync::Arc;

use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use poem::{Endpoint, FromRequest, Middleware, Request, RequestBody, Response, Result};
use tracing::error;

use super::{Unauthenticated, authenticate};
use crate::jose::claims::Principal;
use crate::verifier::Verifier;

/// Lets only requests with a valid bearer token through: `route.with(Guard::new(verifier))`.
///
/// Handlers behind it take a [`Caller`]. All others are answered with 401, or 503 while no keys are to be had, and a
/// JSON body `{"code", "message"}`.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Verifier>);

impl Guard {
    /// A guard that asks `verifier`.
    pub fn new(verifier: impl Into<Arc<Verifier>>) -> Self {
        Self(verifier.into())
    }
}

impl<E: Endpoint> Middleware<E> for Guard {
    type Output = Guarded<E>;

    fn transform(&self, inner: E) -> Guarded<E> {
        Guarded { inner, verifier: self.0.clone() }
    }
}

/// What a [`Guard`] makes of an endpoint.
#[derive(Debug)]
pub struct Guarded<E> {
    inner: E,
    verifier: Arc<Verifier>,
}

impl<E: Endpoint> Endpoint for Guarded<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<E::Output> {
        let caller = authenticate(&self.verifier, request.headers()).await?;
        request.extensions_mut().insert(caller);
        self.inner.call(request).await
    }
}

/// Who sent the request, as a [`Guard`] has proved. Reads like a [`Principal`].
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);

impl std::ops::Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl<'a> FromRequest<'a> for Caller {
    /// # Errors
    /// 500 on a route without a [`Guard`]: its absence lets no request through.
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        request.extensions().get::<Principal>().cloned().map(Self).ok_or_else(|| {
            error!(
                path = request.uri().path(),
                "a handler asks for its caller, and no guard stands before it"
            );
            StatusCode::INTERNAL_SERVER_ERROR.into()
        })
    }
}

impl ResponseError for Unauthenticated {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn as_response(&self) -> Response {
        let mut response = Response::builder().status(self.status()).header(CONTENT_TYPE, "application/json");
        if let Some(challenge) = self.challenge() {
            response = response.header(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after_seconds() {
            response = response.header(RETRY_AFTER, seconds);
        }
        let body = serde_json::json!({ "code": self.code(), "message": self.message() });
        response.body(body.to_string())
    }
}
