//! Why a server does not start.
//! In: what its parts refuse with. Out: one sentence for the operator, and whether other settings would help.

use std::net::SocketAddr;

use crate::config;
use crate::keys::rotation;
use crate::mail;
use crate::model::contract;
use crate::password;
use crate::store::{self, OpenError};
use signet_verify::jwks::endpoint;

/// Why the server does not start; each prints as one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting or a generated secret.
    #[error(transparent)]
    Setting(#[from] config::Error),
    /// Settings that contradict each other over time.
    #[error(transparent)]
    Contract(#[from] contract::Error),
    /// The address can't be bound.
    #[error("SIGNET_LISTEN is {address}, which cannot be bound: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database, once open.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The signing keys.
    #[error("the signing keys cannot be used: {0}")]
    Keys(#[from] rotation::Error),
    /// A mode that verifies with the shared secret, and no secret.
    #[error("BETTER_AUTH_SECRET is missing: the token modes hs256 and migrate verify with it")]
    NoSharedSecret,
    /// The hashing threads.
    #[error(transparent)]
    Hashing(#[from] password::Error),
    /// Redis.
    #[error("REDIS_URL cannot be used: {0}")]
    Redis(#[from] redis::RedisError),
    /// The templates or the sender of mail, or the way to the mail server.
    #[error(transparent)]
    Mail(#[from] mail::StartError),
    /// The file of `SIGNET_PROVISION` or of `signet apply`: a sentence each.
    #[error("{}", provision_problems(.0))]
    Provision(Vec<String>),
    /// The key set of the identity service elsewhere.
    #[error("SIGNET_JWKS_URL cannot be used: {0}")]
    KeySet(#[from] endpoint::Error),
}

impl Error {
    /// Whether other settings would help.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Setting(_) | Self::Contract(_) | Self::KeySet(_) | Self::Redis(_) | Self::Mail(_) => true,
            Self::Provision(_) | Self::NoSharedSecret | Self::Open(OpenError::Address) => true,
            Self::Listen { .. } | Self::Open(_) | Self::Store(_) | Self::Keys(_) | Self::Hashing(_) => false,
        }
    }
}

/// One sentence: the first problem, and how many more there are.
fn provision_problems(problems: &[String]) -> String {
    let first = problems.first().map_or("", String::as_str);
    match problems.len() {
        0 | 1 => first.to_owned(),
        2 => format!("{first} (and another problem)"),
        more => format!("{first} (and {} other problems)", more - 1),
    }
}
