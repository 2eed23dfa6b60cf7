//! What this instance shares with others: limits, ended sessions, news of keys. Through Redis, or in memory for one
//! process.
//! In: the settings, and ended sessions of the database. Out: what the halves share.

use std::sync::Arc;

use super::environment::Environment;
use super::error::Error;
use super::storage::Storage;
use crate::config::{self, Config};
use crate::identity::Sessions;
use crate::store::Database;
use crate::sync::limiter::Limiter;
use crate::sync::pubsub::PubSub;
use crate::sync::redis::Redis;
use crate::sync::revocations::Revocations;

/// This instance among the others.
#[derive(Debug)]
pub(super) struct Peers {
    /// Ended sessions.
    pub(super) revocations: Arc<Revocations>,
    /// Limits.
    pub(super) limiter: Arc<Limiter>,
    /// Sessions, by way of the connections for upkeep.
    pub(super) upkeep_sessions: Arc<Sessions>,
    /// Redis, where one is configured.
    pub(super) redis: Option<Arc<Redis>>,
    /// The messages of other instances.
    pub(super) pubsub: Option<PubSub>,
}

impl Peers {
    /// Reads the ended sessions from the database, and then joins the others.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Redis`]; a Redis that does not answer is no error.
    pub(super) async fn join(
        config: &Config,
        storage: &Storage,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let clock = &environment.clock;
        let revocations = Arc::new(Revocations::new(clock.clone()));
        let upkeep_sessions = sessions(&storage.upkeep, config, &revocations, environment);
        upkeep_sessions.recall_revocations().await?;
        storage.requests.record_success(clock.monotonic());
        let redis = redis(&config.storage)?;
        let pubsub = match &redis {
            Some(redis) => Some(PubSub::join(redis.clone(), revocations.clone(), clock.clone()).await),
            None => None,
        };
        let limiter =
            if config.server.rate_limit { Limiter::new(clock.clone()) } else { Limiter::off(clock.clone()) };
        let limiter = limiter.shared(redis.clone());
        Ok(Self { revocations, limiter: Arc::new(limiter), upkeep_sessions, redis, pubsub })
    }

    /// The sessions for requests.
    pub(super) fn sessions(
        &self,
        config: &Config,
        storage: &Storage,
        environment: &Environment,
    ) -> Arc<Sessions> {
        sessions(&storage.requests, config, &self.revocations, environment)
    }
}

/// The client of Redis, where one is configured. It is not connected yet.
///
/// # Errors
/// [`Error::Redis`].
pub(super) fn redis(config: &config::Storage) -> Result<Option<Arc<Redis>>, Error> {
    Ok(config.redis_url.as_ref().map(Redis::new).transpose()?.map(Arc::new))
}

/// The sessions that `database` keeps.
pub(super) fn sessions(
    database: &Database,
    config: &Config,
    revocations: &Arc<Revocations>,
    environment: &Environment,
) -> Arc<Sessions> {
    // Beside the verifier's clock, that of the instance which signed and of the one which ends it may differ.
    let remembered = config.tokens.ttl + 3 * config.tokens.leeway;
    let Environment { clock, entropy } = environment.clone();
    Arc::new(Sessions::new(database.clone(), remembered, revocations.clone(), clock, entropy))
}
