//! Whose tokens count, and what they must say.

use std::time::Duration;

use super::refusal::Refusal;
use crate::clock::Timestamp;
use crate::crypto::MacKey;
use crate::jose::jwk::KeySet;

/// The secret that old backends share with us, and until when tokens under it count.
#[derive(Clone, Debug)]
pub struct SharedKey {
    /// The key of HS256.
    pub key: MacKey,
    /// From this moment on it is not accepted any more; none for no end.
    pub until: Option<Timestamp>,
}

impl SharedKey {
    /// Whether tokens under it still count.
    ///
    /// # Errors
    /// [`Refusal::SharedSecretExpired`] when its time has passed.
    pub fn check_time(&self, now: Timestamp) -> Result<(), Refusal> {
        let over = self.until.is_some_and(|until| until <= now);
        if over { Err(Refusal::SharedSecretExpired) } else { Ok(()) }
    }
}

/// Whose tokens count. What is not given is not trusted.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrustedKeys<'a> {
    /// The keys of tokens that name one. Each is bound to its algorithm.
    pub set: Option<&'a KeySet>,
    /// The key of tokens that name none. It is bound to HS256.
    pub shared: Option<&'a SharedKey>,
}

/// What a token must say beside being signed.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The issuers that count; `iss` must be one of them byte for byte (RFC 8725 section 3.8).
    pub issuers: Vec<String>,
    /// Our own names; `aud` must hold one of them (RFC 8725 section 3.9).
    pub audiences: Vec<String>,
    /// How far the issuer's clock and ours may lie apart.
    pub leeway: Duration,
    /// How far ahead a token may end, so that an issuer's slip does not make one that lives for ever.
    pub max_lifetime: Duration,
    /// The same for tokens under the shared secret, which other systems issue for a week or more.
    pub shared_max_lifetime: Duration,
}

impl Policy {
    /// The usual [`shared_max_lifetime`](Self::shared_max_lifetime): 30 days.
    pub const SHARED_MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// A policy for one issuer and one audience, with the usual lifetime under the shared secret.
    pub fn new(issuer: String, audience: String, leeway: Duration, max_lifetime: Duration) -> Self {
        Self {
            issuers: vec![issuer],
            audiences: vec![audience],
            leeway,
            max_lifetime,
            shared_max_lifetime: Self::SHARED_MAX_LIFETIME,
        }
    }
}
