//! Sends spans to a collector of OpenTelemetry: OTLP over HTTP, in protobuf.
//! In: spans of requests. Out: batches to `{collector}/v1/traces`; the SDK's variables (`OTEL_…`) for headers, sampling and
//! batching apply.
//! Owns: no request waits for a collector; what it does not take in time is dropped.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use signet::http::framework::traces::TARGET;
use tokio::runtime::Handle;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use super::error::Error;

/// How long a collector may take to answer, and to take the rest when the process stops.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer of a collector that is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// Spans on their way.
pub struct Traces(SdkTracerProvider);

/// Begins to send spans to `collector`, and statements of the database as events in them.
///
/// # Errors
/// [`Error::Traces`] when no TLS can be set up.
pub fn to<S>(collector: &str) -> Result<(Traces, impl Layer<S>), Error>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let refused = |error: &dyn std::fmt::Display| Error::Traces(error.to_string());
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Sender::new().map_err(|error| refused(&error))?)
        .with_endpoint(format!("{collector}/v1/traces"))
        .build()
        .map_err(|error| refused(&error))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("signet").with_attribute(version).build())
        .with_batch_exporter(exporter)
        .build();
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("signet"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    let wanted =
        Targets::new().with_target(TARGET, LevelFilter::INFO).with_target("sqlx::query", LevelFilter::DEBUG);
    Ok((Traces(provider), spans.with_filter(wanted)))
}

impl Traces {
    /// Sends what is still to be sent, as far as the collector takes it in time.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(TIMEOUT)).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "some traces were not sent");
        }
    }
}

/// The SDK's way to the network. The SDK calls it from a thread of its own, and the sending happens on our runtime.
#[derive(Clone, Debug)]
struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

impl Sender {
    fn new() -> std::io::Result<Self> {
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(tls), runtime: Handle::current() })
    }
}

#[async_trait::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let exchange = async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        // Timers, too, are the runtime's.
        let sent = self.runtime.spawn(async move { tokio::time::timeout(TIMEOUT, exchange).await });
        sent.await??
    }
}
