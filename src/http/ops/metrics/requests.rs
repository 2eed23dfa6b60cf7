//! Requests as they go by.
//! In: an answer, and how long it took. Out: counters and histograms.
//! Owns: a route is counted by its pattern, an error by its code, and whatever has neither under one common name.

use std::time::Duration;

use poem::Response;
use poem::http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::http::framework::code::Code;
use crate::http::framework::request_log::RequestSummary;
use crate::http::routes::SIGN_IN;

/// The route of what has none.
const NO_ROUTE: &str = "none";

/// Upper bounds of the buckets, in seconds: from a key set out of memory to a sign-in under load.
const BOUNDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: u16,
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

type Durations = Family<Route, Histogram, fn() -> Histogram>;

/// The metrics of requests.
#[derive(Debug)]
pub(super) struct Requests {
    answered: Family<RequestLabels, Counter>,
    durations: Durations,
    sign_ins: Family<Outcome, Counter>,
}

impl Requests {
    /// Makes the metrics and puts them on the page.
    pub fn register(registry: &mut Registry) -> Self {
        let own = Self {
            answered: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            sign_ins: Family::default(),
        };
        registry.register("signet_http_requests", "Requests that were answered", own.answered.clone());
        registry.register(
            "signet_http_request_duration_seconds",
            "Time from the header of a request to its answer",
            own.durations.clone(),
        );
        registry.register("signet_sign_ins", "Attempts to sign in with a password", own.sign_ins.clone());
        own
    }

    /// Counts a request that was answered.
    pub fn count(&self, request: &RequestSummary, response: &Response, took: Duration) {
        let route = request.route.pattern.unwrap_or(NO_ROUTE);
        let status = response.status().as_u16();
        let code = response.data::<Code>().map_or("", |code| code.as_str());
        // By path: an answer from a layer, such as a limit, is one too.
        if request.method == Method::POST && route == SIGN_IN {
            let outcome = outcome(status, response.data());
            self.sign_ins.get_or_create(&Outcome { outcome }).inc();
        }
        self.durations.get_or_create(&Route { route }).observe(took.as_secs_f64());
        let labels = RequestLabels { method: request.method_label(), route, status, code };
        self.answered.get_or_create(&labels).inc();
    }
}

fn outcome(status: u16, code: Option<&Code>) -> &'static str {
    match status {
        403 if code == Some(&Code::EmailNotVerified) => "unverified",
        200..=299 => "signed_in",
        401 => "wrong_credentials",
        429 => "limited",
        503 => "unavailable",
        500..=599 => "failed",
        _ => "malformed",
    }
}
