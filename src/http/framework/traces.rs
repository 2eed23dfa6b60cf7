//! What happens during a request, for a collector of traces.
//! In: a request, perhaps a part of the caller's trace (W3C Trace Context). Out: a span, where spans are collected.
//! Owns: a span says what the log says: the pattern of a path and never the path; without a collector it costs nothing.

use poem::Request;
use poem::http::StatusCode;
use tracing::Span;

/// The target of everything that is for a collector and not for the log.
pub const TARGET: &str = "signet::trace";

/// The span of a request; its parent is the caller's, if it names one.
pub fn begin(request: &Request, method: &'static str, id: &str) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        "request",
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = method,
        http.route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
        signet.request.id = id,
    );
    #[cfg(feature = "otlp")]
    if !span.is_disabled() {
        use opentelemetry::propagation::TextMapPropagator;
        use opentelemetry_http::HeaderExtractor;
        use opentelemetry_sdk::propagation::TraceContextPropagator;
        use tracing_opentelemetry::OpenTelemetrySpanExt;
        let parent = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
        if let Err(error) = span.set_parent(parent) {
            tracing::debug!(%error, "a request begins a trace of its own");
        }
    }
    #[cfg(not(feature = "otlp"))]
    let _ = request;
    span
}

/// Notes on the span how the request was answered.
pub fn end(span: &Span, method: &'static str, route: Option<&'static str>, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    if let Some(route) = route {
        span.record("http.route", route);
    }
    #[cfg(feature = "otlp")]
    {
        use opentelemetry::trace::TraceContextExt;
        use tracing_opentelemetry::OpenTelemetrySpanExt;
        // The span began before its route was known.
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        span.context().span().update_name(name);
    }
    #[cfg(not(feature = "otlp"))]
    let _ = method;
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}
