//! What an operator can watch, in the text format of OpenMetrics 1.0, which Prometheus reads.
//! In: finished requests as they go by, and the other modules' own counts at a scrape. Out: `/metrics`.
//! Owns: labels come from closed lists; no name, address, token or path of a caller ever becomes one.
//!
//! `docs/metrics.md` lists every metric; a test holds the list to what is really served.

mod collector;
mod process;
mod requests;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use poem::{Endpoint, Request, Response, Result};
use prometheus_client::registry::Registry;

pub use collector::Sources;
use requests::Requests;

use crate::http::framework::code::Code;
use crate::http::framework::request_log::RequestSummary;

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Requests,
}

impl Metrics {
    /// Metrics that count requests from now on and ask `sources` for the rest.
    pub fn new(sources: Sources) -> Self {
        let mut registry = Registry::default();
        let requests = Requests::register(&mut registry);
        registry.register_collector(Box::new(sources));
        Self { registry, requests }
    }

    /// Counts a request that was answered.
    pub fn count(&self, request: &RequestSummary, response: &Response, took: Duration) {
        self.requests.count(request, response, took);
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// `/metrics`.
#[derive(Debug)]
pub struct MetricsEndpoint(pub Arc<Metrics>);

impl Endpoint for MetricsEndpoint {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        let text = self.0.text().map_err(|_| Code::Internal)?;
        Ok(Response::builder()
            .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
            .body(text))
    }
}
