//! HTTP, thin: parse, call, map.
//! In: requests. Out: answers; every rule is in a lower layer.
//! Owns: the order of the layers around the routes, which is this file.

pub mod framework;
pub mod identity;
pub mod oauth;
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

use self::framework::client_address::UnreadableProxies;
use self::framework::code::Code;
use self::framework::cors::Cors;
use self::framework::error::ApiError;
use self::framework::layers;
use self::framework::operations::Operations;
use self::framework::request_log::RequestIds;
use self::framework::request_log::RequestLog;
use self::framework::request_log::RequestSummary;
use self::framework::static_document::StaticDocument;
use self::ops::docs;
use self::ops::health;
use self::ops::metrics::Metrics;
use self::ops::metrics::MetricsEndpoint;
use self::pages::Web;
use self::routes::Limit;
use self::routes::Policy;
use self::routes::Reader;
use self::routes::mount;
use self::routes::mount_form;
use crate::config::{Docs, TrustedOrigins};
use crate::keys::keyring::Keyring;
use crate::oauth::DOCS_RETURN;
use crate::sync::limiter::Limiter;
use signet_verify::clock::Clock;
use signet_verify::clock::Entropy;

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
    /// Whether there is a page on which people try the APIs.
    pub docs: Docs,
    /// Limits.
    pub limiter: Arc<Limiter>,
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
    /// OAuth and OpenID Connect.
    pub oauth: Arc<oauth::OAuth>,
    /// The key set.
    pub keyring: Arc<Keyring>,
    /// The public base URL.
    pub base_url: String,
    /// The algorithms that tokens are signed with, that of session tokens first.
    pub algorithms: Vec<&'static str>,
    /// The pages.
    pub web: Web,
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
    let web = parts.identity.as_ref().map(|parts| parts.web.clone());
    let web = if parts.resource.is_some() { web.map(Web::with_tasks) } else { web };
    let (identity, oauth, tasks) =
        (docs::identity_document(), docs::oauth_document(), docs::tasks_document());
    // The documents name only what this process serves.
    let signs_in = parts.identity.is_some();
    let served = [
        signs_in.then_some(&*identity),
        signs_in.then_some(&*oauth),
        parts.resource.is_some().then_some(&*tasks),
    ];
    let operations = Operations::read(served.into_iter().flatten());
    let layers = Layers {
        trusted_proxies: parts.trusted_proxies.clone(),
        unreadable_proxies: UnreadableProxies::default(),
        identity: parts.identity.as_ref().map(|parts| parts.identity.clone()),
        ids: RequestIds::new(parts.entropy.clone()),
        clock: parts.clock.clone(),
        metrics: parts.metrics.clone(),
        origins: parts.origins.clone(),
        limiter: parts.limiter.clone(),
        operations,
        challenge: parts.resource.as_ref().map(|resource| tasks::Challenge::new(&resource.identifier)),
        not_found_page: web.as_ref().map(Web::not_found),
        routes: routes(parts, web.as_ref(), [identity, oauth, tasks]),
    };
    layers.boxed()
}

/// The layers around the routes, as one future: nested ones would copy each other at every layer.
struct Layers {
    trusted_proxies: Vec<IpNet>,
    unreadable_proxies: UnreadableProxies,
    /// Who knows devices that have signed in before.
    identity: Option<Arc<identity::Identity>>,
    ids: RequestIds,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    origins: Arc<TrustedOrigins>,
    limiter: Arc<Limiter>,
    /// What the APIs of this process have declared.
    operations: Operations,
    /// What a refusal of the tasks API leads to.
    challenge: Option<tasks::Challenge>,
    /// What people see where nothing is.
    not_found_page: Option<StaticDocument>,
    routes: Route,
}

impl Endpoint for Layers {
    type Output = Response;

    /// The first and the last line are the outermost layer.
    async fn call(&self, mut request: Request) -> Result<Response> {
        if let Some(proxy) = layers::set_client_address(&mut request, &self.trusted_proxies) {
            self.unreadable_proxies.warn(proxy, self.clock.monotonic());
        }
        let summary = RequestSummary::of(&request);
        if let (Limit::AddressOrDevice { .. }, Some(identity)) = (summary.route.policy.limit, &self.identity)
        {
            identity.mark_known_device(&mut request);
        }
        let log = RequestLog::begin(&request, &summary, &self.ids, &*self.clock);
        request.extensions_mut().insert(log.id());
        let cors = Cors::of(&request, summary.route.policy.origins, &self.origins);
        let mut response = match cors.preflight() {
            _ if !layers::names_one_host(&request) => ApiError::from(Code::BadRequest).into_response(),
            Some(granted) => granted,
            None => {
                let answer = pin!(self.answer(request, &summary.route.policy));
                log.answered(layers::into_response(&summary, &self.operations, answer)).await
            }
        };
        if let Some(challenge) = &self.challenge {
            challenge.complete(&summary, &mut response);
        }
        cors.mark(&mut response);
        layers::protect(&mut response);
        let took = log.end(&summary, &mut response, &*self.clock);
        self.metrics.count(&summary, &response, took);
        Ok(response)
    }
}

impl Layers {
    /// What may fail.
    async fn answer(&self, request: Request, policy: &Policy) -> Result<Response> {
        layers::limit(&self.limiter, policy.limit, &request).await?;
        let shows_page = policy.reader == Reader::Person && pages::accepts_html(&request);
        let answered = self.routes.call(request).await;
        match &self.not_found_page {
            Some(page) if shows_page => pages::show_not_found_page(answered, page),
            _ => answered,
        }
    }
}

/// Everything of a listener that serves `/metrics` and nothing else.
pub fn metrics_endpoint(metrics: Arc<Metrics>) -> BoxEndpoint<'static, Response> {
    mount(Route::new(), "/metrics", MetricsEndpoint(metrics))
        .around(|endpoint, request| async move {
            if !layers::names_one_host(&request) {
                return Ok(ApiError::from(Code::BadRequest).into_response());
            }
            let summary = RequestSummary::of(&request);
            let answer = pin!(endpoint.call(request).map_ok(IntoResponse::into_response));
            Ok(layers::into_response(&summary, &Operations::default(), answer).await)
        })
        .map_to_response()
        .boxed()
}

fn routes(parts: Parts, web: Option<&Web>, documents: [String; 3]) -> Route {
    let [identity_document, oauth_document, tasks_document] = documents;
    let router = mount(Route::new(), "/healthz", health::liveness());
    let router = mount(router, "/readyz", health::ReadinessEndpoint(parts.readiness));
    let router = mount(router, "/openapi/identity.json", docs::document(identity_document));
    let router = mount(router, "/openapi/oauth.json", docs::document(oauth_document));
    let router = mount(router, "/openapi/tasks.json", docs::document(tasks_document));
    let router = match web {
        Some(web) => web.mount(router),
        None if parts.docs == Docs::Hidden => router,
        None => mount(router, "/", poem::endpoint::make_sync(|_| Redirect::see_other("/docs"))),
    };
    let router = match (parts.docs, &parts.identity) {
        (Docs::Hidden, _) => router,
        (Docs::Shown, None) => mount(router, "/docs", docs::DocsPage::new(None)),
        (Docs::Shown, Some(identity)) => {
            let router = mount(router, "/docs", docs::DocsPage::new(Some(identity.base_url.clone())));
            mount(router, DOCS_RETURN, docs::signed_in())
        }
    };
    let router = match parts.identity {
        None => router,
        Some(IdentityParts { identity, oauth, keyring, base_url, algorithms, web: identity_web }) => {
            // With the tasks, where this process serves them: it says where signing in leads.
            let web = web.unwrap_or(&identity_web);
            let key_set = well_known::KeySetEndpoint::new(keyring, parts.clock);
            let metadata = oauth::metadata::document(&base_url, &algorithms);
            let router = mount(router, "/.well-known/jwks.json", key_set);
            let router = mount(router, "/.well-known/openid-configuration", well_known::discovery(&metadata));
            let router =
                mount(router, "/.well-known/oauth-authorization-server", well_known::discovery(&metadata));
            let authorization = Arc::new(oauth::Authorization::new(
                oauth.clone(),
                identity.clone(),
                &web.assets(),
                web.app_name(),
            ));
            let sign_in = oauth::SignInEndpoint::new(authorization.clone(), web.sign_in_page());
            let router = mount_form(router, "/sign-in", sign_in);
            let router = mount_form(router, "/device", oauth::DeviceEndpoint(authorization.clone()));
            let router = mount_form(router, "/consent", oauth::ConsentEndpoint(authorization.clone()));
            let identity = Arc::new(identity::endpoint(identity));
            let beside = |router: Route, path: &&'static str| router.at(*path, identity.clone());
            identity::BESIDE_OAUTH
                .iter()
                .fold(router, beside)
                .nest_no_strip(oauth::DEVICE_BASE_PATH, oauth::endpoint(oauth.clone(), authorization.clone()))
                .nest_no_strip(oauth::BASE_PATH, oauth::endpoint(oauth, authorization))
                .nest_no_strip(identity::BASE_PATH, identity)
        }
    };
    let router =
        if parts.shows_metrics { mount(router, "/metrics", MetricsEndpoint(parts.metrics)) } else { router };
    match parts.resource {
        None => router,
        Some(resource) => {
            let metadata = well_known::discovery(&resource.identifier.metadata());
            mount(router, tasks::METADATA, metadata).nest_no_strip("/api", tasks::endpoint(resource))
        }
    }
}
