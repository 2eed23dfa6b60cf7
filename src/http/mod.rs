//! HTTP, thin: parse, call, map.
//! In: requests. Out: answers; every rule is in another room.
//! Owns: the order of the layers, which is this file.

pub mod answer;
pub mod body;
pub mod client_address;
pub mod cors;
pub mod docs;
pub mod error;
pub mod fixed;
pub mod health;
pub mod identity;
pub mod layers;
pub mod limits;
pub mod metrics;
pub mod moment;
pub mod server;
pub mod tasks;
pub mod traces;
pub mod web;
pub mod well_known;

use std::sync::Arc;

use ipnet::IpNet;
use poem::endpoint::BoxEndpoint;
use poem::middleware::{CatchPanic, PanicHandler};
use poem::web::Redirect;
use poem::{EndpointExt, IntoResponse, Response, Route};

use self::metrics::{Metrics, MetricsEndpoint};
use self::web::Web;
use crate::clock::{Clock, Entropy};
use crate::config::TrustedOrigins;
use crate::keys::keyring::Keyring;
use crate::shared::throttle::Throttle;

/// What the paths of this process work with.
pub struct Parts {
    /// The identity service, where this process runs it, with what its public documents say.
    pub identity: Option<IdentityParts>,
    /// The tasks API, where this process runs it.
    pub resource: Option<Arc<tasks::Resource>>,
    /// What readiness depends on.
    pub readiness: Arc<health::Readiness>,
    /// What an operator can watch.
    pub metrics: Arc<Metrics>,
    /// Whether `/metrics` is among these paths; else it has an address of its own.
    pub shows_metrics: bool,
    /// Limits.
    pub throttle: Arc<Throttle>,
    /// Pages that may call us.
    pub origins: Arc<TrustedOrigins>,
    /// Networks whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for request ids.
    pub entropy: Arc<dyn Entropy>,
}

/// The identity half of [`Parts`].
pub struct IdentityParts {
    /// The use cases.
    pub identity: Arc<identity::Identity>,
    /// The key set.
    pub keyring: Arc<Keyring>,
    /// The public base URL.
    pub base_url: String,
    /// The algorithm of the tokens.
    pub algorithm: &'static str,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for IdentityParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityParts").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Every path of this process, inside its layers. Read them from the last line up: the last is the outermost.
pub fn endpoint(parts: Parts) -> BoxEndpoint<'static, Response> {
    let Parts { throttle, origins, trusted_proxies, clock, entropy, metrics, .. } = &parts;
    let (throttle, origins, proxies) = (throttle.clone(), origins.clone(), trusted_proxies.clone());
    let (clock, entropy, metrics) = (clock.clone(), entropy.clone(), metrics.clone());
    let web = parts.identity.as_ref().map(|_| Web::new(parts.resource.is_some()));
    let absence = web.as_ref().map(|web| Arc::new(web.not_found()));
    routes(parts, web.as_ref())
        .around(move |endpoint, request| web::explain_absence(endpoint, absence.clone(), request))
        .around(move |endpoint, request| layers::limit(endpoint, throttle.clone(), request))
        .with(CatchPanic::new().with_handler(AnswerPanic))
        .around(|endpoint, request| async move { Ok(layers::shape(endpoint, request).await) })
        .around(move |endpoint, request| {
            let origins = origins.clone();
            async move { Ok(cors::share(endpoint, origins, request).await) }
        })
        .after(|response| async move { response.map(layers::protect) })
        .around(move |endpoint, request| {
            let (clock, entropy, metrics) = (clock.clone(), entropy.clone(), metrics.clone());
            async move { Ok(layers::log(endpoint, clock, entropy, metrics, request).await) }
        })
        .before(move |request| {
            let request = layers::identify(request, &proxies);
            async move { Ok(request) }
        })
        .map_to_response()
        .boxed()
}

fn routes(parts: Parts, web: Option<&Web>) -> Route {
    let route = Route::new()
        .at("/healthz", poem::get(health::liveness()))
        .at("/readyz", poem::get(health::ReadinessEndpoint(parts.readiness)))
        .at("/docs", poem::get(docs::page()))
        .at("/openapi/identity.json", poem::get(docs::document(docs::identity_document())))
        .at("/openapi/tasks.json", poem::get(docs::document(docs::tasks_document())));
    let route = match web {
        Some(web) => web.routes(route),
        None => route.at("/", poem::get(poem::endpoint::make_sync(|_| Redirect::see_other("/docs")))),
    };
    let route = match parts.identity {
        None => route,
        Some(IdentityParts { identity, keyring, base_url, algorithm }) => route
            .at("/.well-known/jwks.json", poem::get(well_known::KeySetEndpoint::new(keyring, parts.clock)))
            .at("/.well-known/openid-configuration", poem::get(well_known::discovery(&base_url, algorithm)))
            .nest_no_strip(identity::BASE_PATH, identity::endpoint(identity)),
    };
    let route = if parts.shows_metrics {
        route.at("/metrics", poem::get(MetricsEndpoint(parts.metrics)))
    } else {
        route
    };
    match parts.resource {
        None => route,
        Some(resource) => route.nest_no_strip("/api", tasks::endpoint(resource)),
    }
}

/// A panic is answered like any other defect; the hook has written it to the log.
#[derive(Clone, Copy, Debug)]
struct AnswerPanic;

impl PanicHandler for AnswerPanic {
    type Response = Response;

    fn get_response(&self, _: Box<dyn std::any::Any + Send + 'static>) -> Response {
        error::ApiError::internal().into_response()
    }
}
