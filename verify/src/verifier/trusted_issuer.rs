//! Whom a verifier trusts.
//! In: where an issuer's keys come from, and a shared secret. Out: the keys to judge one token with.
//! Owns: an issuer's keys vouch for that issuer's tokens and for no other's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::jose::jwk::KeySet;
use crate::jose::verify::{Policy, SharedKey};
use crate::jwks::{self, KeyCache};

/// Where the issuer's public keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// The keyring of the same process: what it publishes is known here at once.
    Local(watch::Receiver<Arc<KeySet>>),
    /// An issuer elsewhere.
    Remote(KeyCache),
}

/// How long to wait for a keyring of the same process that has not been loaded yet.
const LOCAL_RETRY_AFTER: Duration = Duration::from_secs(1);

impl KeySource {
    /// The set to check `kid` with. Of the same process's keys an unknown kid is left to `token::verify` to refuse.
    async fn keys_for(&self, kid: &str) -> Result<Arc<KeySet>, jwks::Error> {
        match self {
            Self::Remote(cache) => cache.keys_for(kid).await,
            Self::Local(keys) => {
                let keys = keys.borrow().clone();
                if keys.is_empty() {
                    return Err(jwks::Error::Unavailable { retry_after: LOCAL_RETRY_AFTER });
                }
                Ok(keys)
            }
        }
    }
}

/// Whose signatures count.
#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// Signatures under the issuer's published keys.
    Published(KeySource),
    /// HS256 under the secret that is shared with old backends.
    Shared(SharedKey),
    /// Both, while a deployment moves from the second to the first.
    Migrating(KeySource, SharedKey),
}

impl IssuerKeys {
    /// The set to check `kid` with; none when no published key is trusted.
    pub(super) async fn keys_for(&self, kid: &str) -> Result<Option<Arc<KeySet>>, jwks::Error> {
        match self.source() {
            Some(source) => source.keys_for(kid).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether tokens can be verified now. Sends no request.
    pub(super) fn is_ready(&self) -> bool {
        match self.source() {
            Some(KeySource::Local(keys)) => !keys.borrow().is_empty(),
            Some(KeySource::Remote(cache)) => cache.status().is_usable(),
            None => true,
        }
    }

    /// The cache of a remote issuer's keys.
    pub(super) fn key_cache(&self) -> Option<&KeyCache> {
        match self.source()? {
            KeySource::Remote(cache) => Some(cache),
            KeySource::Local(_) => None,
        }
    }

    fn source(&self) -> Option<&KeySource> {
        match self {
            Self::Published(source) | Self::Migrating(source, _) => Some(source),
            Self::Shared(_) => None,
        }
    }

    pub(super) fn shared(&self) -> Option<&SharedKey> {
        match self {
            Self::Shared(shared) | Self::Migrating(_, shared) => Some(shared),
            Self::Published(_) => None,
        }
    }
}

/// One issuer: whose signatures count for it, and what its tokens must say beside being signed.
#[derive(Debug)]
pub(super) struct TrustedIssuer {
    pub keys: IssuerKeys,
    pub policy: Policy,
}
