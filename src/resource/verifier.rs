//! Decides about a token: key, signature, rules, revocation.
//! In: a token from anybody. Out: a [`Principal`], or why not.
//! Owns: no session store, no database and, for a known key, no network stand between a token and its verdict.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::info;

use super::key_cache::{KeyCache, KeyMiss};
pub use super::verdicts::VerdictsStatus;
use super::verdicts::{Verdict, Verdicts};
use crate::clock::Clock;
use crate::token::MAX_TOKEN_BYTES;
use crate::token::claims::Principal;
use crate::token::jwk::KeySet;
use crate::token::verify::{Policy, Refusal, SharedKey, TrustedKeys, Unverified};

/// Which sessions have ended while tokens of theirs still live.
///
/// Any `Fn(&str) -> bool` is one, so that the wiring can hand in what it has. It is asked for each token: it must
/// answer from memory.
pub trait Revocations: Send + Sync + 'static {
    /// Whether tokens of the session `sid` are to be refused.
    fn is_revoked(&self, sid: &str) -> bool;
}

impl<F: Fn(&str) -> bool + Send + Sync + 'static> Revocations for F {
    fn is_revoked(&self, sid: &str) -> bool {
        self(sid)
    }
}

/// Nothing is ever revoked: a third party's verifier relies on the short life of the tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRevocations;

impl Revocations for NoRevocations {
    fn is_revoked(&self, _sid: &str) -> bool {
        false
    }
}

/// Where the issuer's public keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// The keyring of the same process: what it publishes is known here at once.
    Local(watch::Receiver<Arc<KeySet>>),
    /// An issuer elsewhere.
    Remote(KeyCache),
}

/// Whose signatures count.
#[derive(Clone, Debug)]
pub enum Trust {
    /// EdDSA under the issuer's published keys.
    Published(KeySource),
    /// HS256 under the secret that is shared with old backends.
    Shared(SharedKey),
    /// Both, while a deployment moves from the second to the first.
    Migrating(KeySource, SharedKey),
}

impl Trust {
    fn source(&self) -> Option<&KeySource> {
        match self {
            Self::Published(source) | Self::Migrating(source, _) => Some(source),
            Self::Shared(_) => None,
        }
    }

    fn shared(&self) -> Option<&SharedKey> {
        match self {
            Self::Shared(shared) | Self::Migrating(_, shared) => Some(shared),
            Self::Published(_) => None,
        }
    }
}

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The token is no good.
    #[error(transparent)]
    Invalid(#[from] Refusal),
    /// Its session has ended.
    #[error("the session of the token has ended")]
    Revoked,
    /// The token may be good; the keys to tell are not at hand.
    #[error("the issuer's key set is not available")]
    KeySetUnavailable {
        /// When it is worth trying again.
        retry_after: Duration,
    },
}

impl Denied {
    /// A stable name for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid(refusal) => refusal.code(),
            Self::Revoked => "revoked",
            Self::KeySetUnavailable { .. } => "key_set_unavailable",
        }
    }
}

impl From<KeyMiss> for Denied {
    fn from(miss: KeyMiss) -> Self {
        match miss {
            KeyMiss::UnknownKid => Self::Invalid(Refusal::UnknownKid),
            KeyMiss::Unavailable { retry_after } => Self::KeySetUnavailable { retry_after },
        }
    }
}

/// How long to wait for a keyring of the same process that has not been loaded yet.
const LOCAL_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Tells good tokens from others.
pub struct Verifier {
    trust: Trust,
    policy: Policy,
    verdicts: Option<Verdicts>,
    revocations: Arc<dyn Revocations>,
    clock: Arc<dyn Clock>,
    denials: Mutex<BTreeMap<&'static str, u64>>,
    hs256: Hs256Uses,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("trust", &self.trust)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// How many bytes it may take to remember tokens, unless told otherwise: those of some ten thousand tokens.
    pub const USUAL_MEMORY: usize = 32 << 20;

    /// A verifier that knows of no revocations and remembers tokens in [`USUAL_MEMORY`](Self::USUAL_MEMORY) bytes.
    pub fn new(trust: Trust, policy: Policy, clock: Arc<dyn Clock>) -> Self {
        let (denials, hs256) = (Mutex::default(), Hs256Uses::default());
        let verdicts = Verdicts::within(Self::USUAL_MEMORY);
        Self { trust, policy, verdicts, revocations: Arc::new(NoRevocations), clock, denials, hs256 }
    }

    /// The same verifier, remembering tokens in `bytes` of memory; with 0 it remembers none.
    ///
    /// A token seen before costs one SHA-256 in place of an Ed25519 verification. All that can change is looked at
    /// anew each time: its times, its key, the end of the shared secret, its session.
    #[must_use]
    pub fn with_memory(self, bytes: usize) -> Self {
        Self { verdicts: Verdicts::within(bytes), ..self }
    }

    /// The same verifier, asking `revocations` about the session of each token.
    #[must_use]
    pub fn with_revocations(self, revocations: Arc<dyn Revocations>) -> Self {
        Self { revocations, ..self }
    }

    /// Verifies the token `text`: takes it apart, finds the key, checks signature and claims, then the session.
    ///
    /// # Errors
    /// [`Denied`]; the caller of the service must not learn more than invalid or unavailable.
    pub async fn verify(&self, text: &str) -> Result<Principal, Denied> {
        let verdict = self.decide(text).await;
        match &verdict {
            Ok(principal) if principal.kid.is_none() => self.count_hs256(),
            Ok(_) => {}
            Err(denied) => {
                let mut denials = self.denials.lock().unwrap_or_else(PoisonError::into_inner);
                *denials.entry(denied.code()).or_default() += 1;
            }
        }
        verdict
    }

    async fn decide(&self, text: &str) -> Result<Principal, Denied> {
        let principal = match &self.verdicts {
            None => self.examine(text).await?.principal,
            Some(verdicts) => self.recall_or_examine(verdicts, text).await?,
        };
        match &principal.session {
            Some(sid) if self.revocations.is_revoked(sid) => Err(Denied::Revoked),
            _ => Ok(principal),
        }
    }

    async fn recall_or_examine(&self, verdicts: &Verdicts, text: &str) -> Result<Principal, Denied> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong.into());
        }
        let name = Verdicts::name(text);
        if let Some(verdict) = verdicts.get(&name) {
            match self.confirm(&verdict).await {
                Ok(true) => return Ok(verdict.principal),
                Ok(false) => {}
                Err(denied) => {
                    if denied == Denied::Invalid(Refusal::Expired) {
                        verdicts.forget(&name);
                    }
                    return Err(denied);
                }
            }
        }
        let verdict = self.examine(text).await?;
        verdicts.remember(name, verdict.clone());
        Ok(verdict.principal)
    }

    /// Verifies a token from its text alone.
    async fn examine(&self, text: &str) -> Result<Verdict, Denied> {
        let token = Unverified::parse(text)?;
        let set = match token.kid() {
            Some(kid) => self.keys_for(kid).await?,
            None => None,
        };
        let keys = TrustedKeys { set: set.as_deref(), shared: self.trust.shared() };
        let principal = token.verify(&keys, &self.policy, self.clock.now())?;
        let key = token.kid().and_then(|kid| set.as_ref()?.get(kid).copied());
        Ok(Verdict { principal, key })
    }

    /// Whether what was found about a token still holds: everything but its signature and its spelling is looked at
    /// anew. False when its key's name belongs to another key by now.
    async fn confirm(&self, verdict: &Verdict) -> Result<bool, Denied> {
        let principal = &verdict.principal;
        match (&principal.kid, self.trust.shared()) {
            (Some(kid), _) => {
                let set = self.keys_for(kid.as_ref()).await?;
                let key = set.as_ref().and_then(|set| set.get(kid.as_ref()));
                if key.is_none() || key != verdict.key.as_ref() {
                    return Ok(false);
                }
            }
            (None, Some(shared)) => shared.check_time(self.clock.now())?,
            (None, None) => return Ok(false),
        }
        self.policy.check_times(principal, self.clock.now())?;
        Ok(true)
    }

    /// The set to check `kid` with; none when no published key is trusted.
    async fn keys_for(&self, kid: &str) -> Result<Option<Arc<KeySet>>, Denied> {
        match self.trust.source() {
            Some(source) => keys_for(source, kid).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether tokens can be verified now. Asks nobody.
    pub fn is_ready(&self) -> bool {
        match self.trust.source() {
            Some(KeySource::Local(keys)) => !keys.borrow().is_empty(),
            Some(KeySource::Remote(cache)) => cache.status().is_usable(),
            None => true,
        }
    }

    /// The cache of a remote issuer's keys, for its status and for warming it up.
    pub fn key_cache(&self) -> Option<&KeyCache> {
        match self.trust.source()? {
            KeySource::Remote(cache) => Some(cache),
            KeySource::Local(_) => None,
        }
    }

    /// What is remembered of tokens seen before; none when nothing is.
    pub fn verdicts(&self) -> Option<VerdictsStatus> {
        self.verdicts.as_ref().map(Verdicts::status)
    }

    /// How many tokens were not accepted, by [`Denied::code`].
    pub fn denials(&self) -> BTreeMap<&'static str, u64> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many tokens under the shared secret were accepted: when this stands still, the move to EdDSA is done.
    pub fn hs256_uses(&self) -> u64 {
        self.hs256.count.load(Ordering::Relaxed)
    }

    fn count_hs256(&self) {
        let uses = self.hs256.count.fetch_add(1, Ordering::Relaxed) + 1;
        if matches!(self.trust, Trust::Migrating(..)) && self.hs256.may_log(self.clock.monotonic()) {
            info!(target: "signet::hs256", uses, "tokens under the shared secret are still in use");
        }
    }
}

/// The set to check `kid` with. Of the same process's keys an unknown kid is left to `token::verify` to refuse.
async fn keys_for(source: &KeySource, kid: &str) -> Result<Arc<KeySet>, Denied> {
    match source {
        KeySource::Remote(cache) => Ok(cache.keys_for(kid).await?),
        KeySource::Local(keys) => {
            let keys = keys.borrow().clone();
            if keys.is_empty() {
                return Err(Denied::KeySetUnavailable { retry_after: LOCAL_RETRY_AFTER });
            }
            Ok(keys)
        }
    }
}

/// Counts tokens under the shared secret, and says when the count may be logged once more.
#[derive(Debug, Default)]
struct Hs256Uses {
    count: AtomicU64,
    /// Monotonic milliseconds before which nothing is logged.
    quiet_until: AtomicU64,
}

impl Hs256Uses {
    const QUIET_MILLIS: u64 = 60_000;

    fn may_log(&self, now: Duration) -> bool {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let later = |until| (until <= now).then(|| now.saturating_add(Self::QUIET_MILLIS));
        self.quiet_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_the_shared_secret_are_logged_once_a_minute_at_most() {
        let uses = Hs256Uses::default();
        let logged: Vec<u64> =
            (59..240).filter(|second| uses.may_log(Duration::from_secs(*second))).collect();
        assert_eq!(logged, [59, 119, 179, 239]);
    }
}
