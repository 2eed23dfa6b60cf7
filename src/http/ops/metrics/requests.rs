//! Requests as they go by.
//! In: an answer, and how long it took. Out: counters and histograms.
//! Owns: a route is counted by its pattern, an error by its code, and whatever has neither under one common name.

use std::sync::Arc;
use std::time::Duration;

use poem::http::Method;
use poem::{PathPattern, Request, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The code of an error, as its body says it; travels beside the response to those who count.
#[derive(Clone, Copy, Debug)]
pub struct ErrorCode(pub &'static str);

/// Upper bounds of the buckets, in seconds: from a key set out of memory to a sign-in in a storm.
const BOUNDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The methods that routes have; strangers may invent others.
static METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The path of signing in, whose outcomes are counted by themselves.
const SIGN_IN: &str = "/api/auth/sign-in/email";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    method: &'static str,
    route: Arc<str>,
    status: u16,
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

type Durations = Family<Route, Histogram, fn() -> Histogram>;

/// What is remembered of a request until it is answered.
#[derive(Clone, Copy, Debug)]
pub struct RequestSummary {
    method: &'static str,
    /// By path: an answer from an outer layer, such as a limit, has no pattern.
    signs_in: bool,
}

impl RequestSummary {
    /// What is to be remembered of `request`.
    pub fn of(request: &Request) -> Self {
        let signs_in = request.method() == Method::POST && request.uri().path() == SIGN_IN;
        Self { method: known(request.method()), signs_in }
    }

    /// The method, if it is one that routes have.
    pub fn method(&self) -> &'static str {
        self.method
    }
}

/// The metrics of requests.
#[derive(Debug)]
pub(super) struct Requests {
    answered: Family<Kind, Counter>,
    durations: Durations,
    sign_ins: Family<Outcome, Counter>,
    /// The route of what has none.
    none: Arc<str>,
}

impl Requests {
    /// Makes the metrics and puts them on the page.
    pub fn register(registry: &mut Registry) -> Self {
        let own = Self {
            answered: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            sign_ins: Family::default(),
            none: Arc::from("none"),
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

    pub fn count(&self, asked: RequestSummary, response: &Response, took: Duration) {
        let route = response.data::<PathPattern>().map_or(&self.none, |pattern| &pattern.0).clone();
        let status = response.status().as_u16();
        let code = response.data::<ErrorCode>().map_or("", |code| code.0);
        if asked.signs_in {
            let outcome = outcome(status);
            self.sign_ins.get_or_create(&Outcome { outcome }).inc();
        }
        self.durations.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.answered.get_or_create(&Kind { method: asked.method, route, status, code }).inc();
    }
}

fn known(method: &Method) -> &'static str {
    METHODS.iter().find(|known| *known == method).map_or("other", Method::as_str)
}

fn outcome(status: u16) -> &'static str {
    match status {
        200..=299 => "signed_in",
        401 => "wrong_credentials",
        429 => "limited",
        503 => "unavailable",
        500..=599 => "failed",
        _ => "malformed",
    }
}
