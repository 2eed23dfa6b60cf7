//! HTTP, thin: parse, call, map.
//! In: requests. Out: answers; every rule is in another room.
//! Owns: the order of the layers, which is this file.

pub mod framework;
pub mod identity;
pub mod ops;
pub mod pages;
pub mod routes;
pub mod server;
pub mod tasks;
pub mod well_known;

use std::pin::pin;
use std::sync::Arc;

use futures_util::TryFutureExt;
use ipnet::IpNet;
use poem::endpoint::BoxEndpoint;
use poem::web::Redirect;
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result, Route};

use self::framework::cors::Cors;
use self::framework::layers::{self, RequestIds, RequestLog};
use self::framework::static_document::StaticDocument;
use self::ops::metrics::{Metrics, MetricsEndpoint};
use self::ops::{docs, health};
use self::pages::Web;
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

/// Every path of this process, inside its layers.
pub fn endpoint(parts: Parts) -> BoxEndpoint<'static, Response> {
    let web = parts.identity.as_ref().map(|_| Web::new(parts.resource.is_some()));
    let layers = Layers {
        trusted_proxies: parts.trusted_proxies.clone(),
        ids: RequestIds::new(parts.entropy.clone()),
        clock: parts.clock.clone(),
        metrics: parts.metrics.clone(),
        origins: parts.origins.clone(),
        throttle: parts.throttle.clone(),
        not_found_page: web.as_ref().map(Web::not_found),
        routes: routes(parts, web.as_ref()),
    };
    layers.boxed()
}

/// What lies around the routes: one future and not one inside the other, which would be moved again and again.
struct Layers {
    trusted_proxies: Vec<IpNet>,
    ids: RequestIds,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    origins: Arc<TrustedOrigins>,
    throttle: Arc<Throttle>,
    /// What people see where nothing is.
    not_found_page: Option<StaticDocument>,
    routes: Route,
}

impl Endpoint for Layers {
    type Output = Response;

    /// Read it from both ends: the first and the last are the outermost.
    async fn call(&self, mut request: Request) -> Result<Response> {
        layers::identify(&mut request, &self.trusted_proxies);
        let watched = RequestLog::begin(&request, &self.ids, &*self.clock);
        let sharing = Cors::of(&request, &self.origins);
        let mut response = match sharing.preflight() {
            Some(granted) => granted,
            None => {
                let asked = (request.method().clone(), request.uri().clone());
                watched.answered(layers::shape(asked, pin!(self.answer(request)))).await
            }
        };
        sharing.mark(&mut response);
        layers::protect(&mut response);
        watched.end(&mut response, &self.metrics, &*self.clock);
        Ok(response)
    }
}

impl Layers {
    /// What may fail.
    async fn answer(&self, request: Request) -> Result<Response> {
        layers::limit(&self.throttle, &request).await?;
        let page = self.not_found_page.as_ref().filter(|_| pages::accepts_html(&request));
        let answered = self.routes.call(request).await;
        match page {
            Some(page) => pages::show_not_found_page(answered, page),
            None => answered,
        }
    }
}

/// Everything of a listener that serves `/metrics` and nothing else.
pub fn metrics_endpoint(metrics: Arc<Metrics>) -> BoxEndpoint<'static, Response> {
    Route::new()
        .at("/metrics", poem::get(MetricsEndpoint(metrics)))
        .around(|endpoint, request| async move {
            let asked = (request.method().clone(), request.uri().clone());
            Ok(layers::shape(asked, pin!(endpoint.call(request).map_ok(IntoResponse::into_response))).await)
        })
        .map_to_response()
        .boxed()
}

fn routes(parts: Parts, web: Option<&Web>) -> Route {
    let route = Route::new()
        .at("/healthz", poem::get(health::liveness()))
        .at("/readyz", poem::get(health::ReadinessEndpoint(parts.readiness)))
        .at("/docs", poem::get(docs::Page::default()))
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
