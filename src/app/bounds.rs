//! What the settings promise: how soon a key or an ended session is refused.
//! In: a [`Config`]. Out: the contract of the keys, and a sentence about sessions.

use super::maintenance::RECALL_EVERY;
use crate::config::Config;
use crate::model::contract::{self, Contract, Terms};

/// The promise about ended sessions, as one sentence.
pub fn session_bound(config: &Config) -> String {
    let bound = crate::duration::format(RECALL_EVERY);
    let sooner = match config.storage.redis_url {
        Some(_) => ", and within 1s while Redis answers",
        None => "",
    };
    format!(
        "a session that ends at another instance is refused here within {bound}, by way of the database{sooner}"
    )
}

/// The promise about keys.
///
/// # Errors
/// When the settings contradict each other.
pub fn contract(config: &Config) -> Result<Contract, contract::Error> {
    Contract::new(Terms {
        rotate_every: config.tokens.rotate_every,
        jwks_max_age: config.tokens.jwks_max_age,
        token_ttl: config.tokens.ttl,
        leeway: config.tokens.leeway,
        algorithms: config.tokens.algorithms,
    })
}
