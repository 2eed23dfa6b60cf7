//! What an operator can watch, in the text format of OpenMetrics 1.0, which Prometheus reads.
//! In: finished requests as they go by, and the other rooms' own counts when somebody asks. Out: `/metrics`.
//! Owns: labels come from closed lists; no name, address, token or path of a caller ever becomes one.
//!
//! `docs/metrics.md` lists every metric; a test holds the list to what is really served.

mod exposition;
mod process;
mod requests;
mod rooms;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryFutureExt;
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result, Route};
use prometheus_client::registry::Registry;

use super::error::ApiError;
use super::layers;
use requests::Requests;
pub use requests::{Asked, ErrorCode};
pub use rooms::Rooms;

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Requests,
}

impl Metrics {
    /// Metrics that count requests from now on and ask `rooms` for the rest.
    pub fn new(rooms: Rooms) -> Self {
        let mut registry = Registry::default();
        let requests = Requests::register(&mut registry);
        registry.register_collector(Box::new(rooms));
        Self { registry, requests }
    }

    /// Counts a request that was answered.
    pub fn count(&self, asked: Asked, response: &Response, took: Duration) {
        self.requests.count(asked, response, took);
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Everything of a listener that serves `/metrics` and nothing else.
pub fn endpoint(metrics: Arc<Metrics>) -> BoxEndpoint<'static, Response> {
    Route::new()
        .at("/metrics", poem::get(MetricsEndpoint(metrics)))
        .around(|endpoint, request| async move {
            let asked = (request.method().clone(), request.uri().clone());
            Ok(layers::shape(asked, pin!(endpoint.call(request).map_ok(IntoResponse::into_response))).await)
        })
        .map_to_response()
        .boxed()
}

/// `/metrics`.
#[derive(Debug)]
pub struct MetricsEndpoint(pub Arc<Metrics>);

impl Endpoint for MetricsEndpoint {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        let text = self.0.text().map_err(|_| ApiError::internal())?;
        Ok(Response::builder()
            .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
            .body(text))
    }
}
