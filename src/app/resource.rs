//! The half that serves tasks: a verifier and rows, and nothing of sessions.
//! In: the keys of this process, or the address of those elsewhere. Out: a verifier, and what its paths work with.

use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;
use super::error::Error;
use super::identity::IdentityHalf;
use super::peers::Peers;
use super::storage::Storage;
use super::workers::Worker;
use crate::config::{Config, TokenMode, Upstream};
use crate::http::tasks::{Identifier, Resource};
use crate::resource::task::Tasks;
use crate::store::Database;
use signet_verify::crypto::MacKey;
use signet_verify::jose::verify::{Policy, SharedKey};
use signet_verify::jwks::endpoint::{JwksEndpoint, Limits};
use signet_verify::jwks::{KeyCache, Settings};
use signet_verify::verifier::{IssuerKeys, KeySource, Verifier};

/// The longest life of a token that other issuers may give it.
const LONGEST_FOREIGN_TOKEN: Duration = Duration::from_secs(24 * 60 * 60);

/// What a process that serves tasks works with.
#[derive(Clone, Debug)]
pub(super) struct ResourceHalf {
    /// What decides about tokens.
    pub(super) verifier: Arc<Verifier>,
    /// The tasks, and the verifier before them.
    pub(super) service: Arc<Resource>,
    /// The share of the database that tasks have.
    pub(super) database: Database,
}

impl ResourceHalf {
    /// Trusts the identity half of this process, or else the issuer that the settings name.
    ///
    /// # Errors
    /// [`Error::KeySet`], [`Error::NoSharedSecret`].
    pub(super) fn new(
        config: &Config,
        base_url: &str,
        identity: Option<&IdentityHalf>,
        storage: &Storage,
        peers: &Peers,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let Environment { clock, entropy } = environment.clone();
        let trust = trust(config, identity, environment)?;
        let identifier = identifier(config, base_url);
        let verifier = Verifier::new(trust, policy(config, &identifier), clock.clone())
            .with_cache_bytes(config.tokens.cache_bytes)
            .with_revocations(peers.revocations.clone());
        let verifier = Arc::new(verifier);
        let database = storage.requests.in_lane(&clock);
        let tasks = Tasks::new(database.tasks(), config.tasks.per_user, clock, entropy);
        let (limiter, in_flight) = (peers.limiter.clone(), Arc::default());
        let service =
            Arc::new(Resource { tasks, identifier, verifier: verifier.clone(), limiter, in_flight });
        Ok(Self { verifier, service, database })
    }

    /// The keys of an issuer elsewhere.
    pub(super) fn key_cache(&self) -> Option<KeyCache> {
        self.verifier.key_caches().next().cloned()
    }

    /// Fetches the keys of an issuer elsewhere before the first request needs them.
    pub(super) fn warm_up(&self) -> Option<Worker> {
        let cache = self.key_cache()?;
        Some(Worker::cancelled_at_stop("warm-up of the key set", async move {
            if let Err(miss) = cache.warm_up().await {
                tracing::warn!(?miss, "the key set is not there yet; it is asked for again");
            }
        }))
    }
}

/// Whose tokens are taken, and as which audience.
fn identifier(config: &Config, base_url: &str) -> Identifier {
    match &config.resource {
        Some(Upstream { issuer, audience, .. }) => {
            Identifier { resource: audience.clone(), issuer: issuer.clone() }
        }
        None => Identifier { resource: base_url.to_owned(), issuer: base_url.to_owned() },
    }
}

/// What tokens must say.
fn policy(config: &Config, identifier: &Identifier) -> Policy {
    let longest = if config.resource.is_some() { LONGEST_FOREIGN_TOKEN } else { config.tokens.ttl };
    Policy::new(identifier.issuer.clone(), identifier.resource.clone(), config.tokens.leeway, longest)
}

/// What tokens are verified with.
fn trust(
    config: &Config,
    identity: Option<&IdentityHalf>,
    environment: &Environment,
) -> Result<IssuerKeys, Error> {
    let published = || key_source(config, identity, environment);
    let secret = identity.map(|half| &half.secrets.shared).or(config.secrets.shared.as_ref());
    let shared = |until| {
        let secret = secret.ok_or(Error::NoSharedSecret)?;
        Ok::<_, Error>(SharedKey { key: MacKey::new(secret), until })
    };
    Ok(match config.tokens.mode {
        TokenMode::Eddsa => IssuerKeys::Published(published()?),
        TokenMode::Hs256 => IssuerKeys::Shared(shared(None)?),
        TokenMode::Migrate { hs256_until } => IssuerKeys::Migrating(published()?, shared(Some(hs256_until))?),
    })
}

/// Where the public keys come from.
fn key_source(
    config: &Config,
    identity: Option<&IdentityHalf>,
    environment: &Environment,
) -> Result<KeySource, Error> {
    if let Some(identity) = identity {
        return Ok(KeySource::Local(identity.keyring.subscribe()));
    }
    let upstream = config.resource.as_ref();
    let url = upstream.map(|upstream| upstream.jwks_url.as_str()).unwrap_or_default();
    let allow_plain_http = upstream.is_some_and(|upstream| upstream.plain_http);
    let endpoint = JwksEndpoint::new(url, Limits { allow_plain_http, ..Limits::default() })?;
    let Environment { clock, entropy } = environment.clone();
    Ok(KeySource::Remote(KeyCache::new(endpoint, Settings::default(), clock, entropy)))
}
