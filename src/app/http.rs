//! What the paths of this process work with.
//! In: the halves that run here. Out: [`Parts`].

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::environment::Environment;
use super::identity::IdentityHalf;
use super::peers::Peers;
use super::resource::ResourceHalf;
use super::sockets::Sockets;
use super::storage::Storage;
use super::workers::Worker;
use crate::config::Config;
use crate::http::framework::shares::Share;
use crate::http::ops::health::Readiness;
use crate::http::ops::metrics::{Metrics, Sources};
use crate::http::server::{Bounds, ConnectionLimit, serve};
use crate::http::{Parts, metrics_endpoint};

/// The halves that run in this process.
#[derive(Clone, Copy)]
pub(super) struct Halves<'a> {
    /// The identity half.
    pub(super) identity: Option<&'a IdentityHalf>,
    /// The resource half.
    pub(super) resource: Option<&'a ResourceHalf>,
}

/// Hands the halves to the paths.
pub(super) fn parts(
    config: &Config,
    sockets: &Sockets,
    storage: &Storage,
    peers: &Peers,
    halves: Halves<'_>,
    connections: &ConnectionLimit,
    environment: &Environment,
) -> Parts {
    let address = sockets.address();
    let base_url = config.server.base_url_for(address);
    let origins = Arc::new(config.server.trusted_origins_for(address));
    let Halves { identity, resource } = halves;
    let keyring = identity.map(|half| half.keyring.clone());
    let verifier = resource.map(|half| half.verifier.clone());
    let metrics = Metrics::new(Sources {
        connections: connections.clone(),
        database: storage.requests.clone(),
        keyring: keyring.clone(),
        verifier: verifier.clone(),
        tasks: resource.map(|half| (half.service.clone(), half.database.clone())),
        passwords: identity.map(|half| half.passwords.clone()),
        mailing: identity.map(|half| half.mailing.clone()),
        client_tokens: identity.map(|half| half.client_tokens.clone()),
        decisions: identity.map(|half| half.decisions.clone()),
        logout_notices: identity.map(|half| half.notice_counts.clone()),
        mail: identity.map(|half| half.mail.status.clone()),
        limiter: peers.limiter.clone(),
        revocations: peers.revocations.clone(),
        redis: peers.redis.clone(),
        clock: environment.clock.clone(),
    });
    let readiness = Readiness {
        database: storage.requests.clone(),
        keyring,
        verifier,
        draining: AtomicBool::new(false),
        clock: environment.clock.clone(),
        probe: Mutex::default(),
    };
    Parts {
        identity: identity.map(|half| half.parts(config, &base_url, origins.clone(), peers, environment)),
        resource: resource.map(|half| half.service.clone()),
        readiness: Arc::new(readiness),
        metrics: Arc::new(metrics),
        shows_metrics: sockets.metrics.is_none(),
        docs: config.server.docs,
        limiter: peers.limiter.clone(),
        origins,
        trusted_proxies: config.server.trusted_proxies.clone(),
        clock: environment.clock.clone(),
        entropy: environment.entropy.clone(),
    }
}

/// What callers may take, as the settings and the limit of open files have it.
pub(super) fn connection_limit(config: &Config) -> ConnectionLimit {
    let limits = &config.limits;
    let bounds = Bounds {
        connections: limits.connections,
        client_connections: limits.client_connections,
        idle_timeout: limits.idle_timeout,
        requests: Share { each: limits.client_requests.into(), all: limits.requests.into() },
        bytes: Share { each: limits.client_transfer_memory as u64, all: limits.transfer_memory as u64 },
        ..Bounds::default()
    };
    ConnectionLimit::new(bounds.within_descriptors()).trusting(&config.server.trusted_proxies)
}

/// Serves `/metrics` on an address of its own.
pub(super) fn metrics_worker(listener: TcpListener, parts: &Parts) -> Worker {
    let page = metrics_endpoint(parts.metrics.clone());
    Worker::new("metrics", move |stop| async move {
        serve(listener, page, ConnectionLimit::new(Bounds::default()), stop.cancelled_owned()).await;
    })
}
