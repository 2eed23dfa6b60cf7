//! Decides about a token: key, signature, rules, revocation.
//! In: an untrusted token. Out: a [`Principal`], or why not.
//! Owns: no session store, no database and, for a known key, no network stand between a token and its verdict.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing::info;

mod token_cache;
mod trusted_issuer;

pub use self::token_cache::TokenCacheStatus;
use self::token_cache::{CachedToken, TokenCache, TokenDigest};
use self::trusted_issuer::TrustedIssuer;
pub use self::trusted_issuer::{IssuerKeys, KeySource};
use crate::clock::{Clock, SystemClock};
use crate::crypto::SystemEntropy;
use crate::jose::MAX_TOKEN_BYTES;
use crate::jose::claims::Principal;
use crate::jose::verify::{Policy, Refusal, TrustedKeys, Unverified};
use crate::jwks::endpoint::{self, JwksEndpoint, Limits};
use crate::jwks::{self, KeyCache, Settings};

/// Which sessions have ended while tokens of theirs still live.
///
/// It is asked for each token: it must answer from memory.
pub trait Revocations: fmt::Debug + Send + Sync + 'static {
    /// Whether tokens of the session `sid` are to be refused.
    fn is_revoked(&self, sid: &str) -> bool;
}

/// Nothing is ever revoked: a third issuer's verifier relies on the short life of the tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRevocations;

impl Revocations for NoRevocations {
    fn is_revoked(&self, _sid: &str) -> bool {
        false
    }
}

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
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

impl Error {
    /// A stable name for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid(refusal) => refusal.code(),
            Self::Revoked => "revoked",
            Self::KeySetUnavailable { .. } => "key_set_unavailable",
        }
    }

    /// Every code, in the order of [`index`](Self::index).
    fn codes() -> impl Iterator<Item = &'static str> {
        Refusal::ALL.into_iter().map(Refusal::code).chain(["revoked", "key_set_unavailable"])
    }

    fn index(self) -> usize {
        match self {
            Self::Invalid(refusal) => refusal as usize,
            Self::Revoked => Refusal::ALL.len(),
            Self::KeySetUnavailable { .. } => Refusal::ALL.len() + 1,
        }
    }
}

/// Counts by reason, without a lock.
#[derive(Debug, Default)]
struct Denials([AtomicU64; Refusal::ALL.len() + 3]);

impl Denials {
    /// The reason that no token was there to judge: it stands after those of [`Error`].
    const MALFORMED: (usize, &str) = (Refusal::ALL.len() + 2, "malformed_credential");

    /// Counts and logs a reason. It is for the operator: the caller gets the same answer for each of them.
    fn record(&self, index: usize, reason: &'static str) {
        if let Some(count) = self.0.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        info!(target: "signet::token", reason, "a token was not accepted");
    }
}

impl From<jwks::Error> for Error {
    fn from(miss: jwks::Error) -> Self {
        match miss {
            jwks::Error::UnknownKid => Self::Invalid(Refusal::UnknownKid),
            jwks::Error::Unavailable { retry_after } => Self::KeySetUnavailable { retry_after },
        }
    }
}

/// Tells good tokens from others.
pub struct Verifier {
    /// Never empty. A token is judged by one of them, as [`Verifier::issuer_of`] says.
    issuers: Vec<TrustedIssuer>,
    cache: Option<TokenCache>,
    revocations: Arc<dyn Revocations>,
    clock: Arc<dyn Clock>,
    accepted: AtomicU64,
    denials: Denials,
    hs256: Hs256Uses,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

impl Verifier {
    /// How many bytes the cache of verified tokens may take, unless told otherwise: those of some ten thousand tokens.
    pub const DEFAULT_CACHE_BYTES: usize = 32 << 20;

    /// A verifier that knows of no revocations and caches tokens in [`DEFAULT_CACHE_BYTES`](Self::DEFAULT_CACHE_BYTES).
    pub fn new(keys: IssuerKeys, policy: Policy, clock: Arc<dyn Clock>) -> Self {
        let (denials, hs256) = (Denials::default(), Hs256Uses::default());
        let cache = TokenCache::within(Self::DEFAULT_CACHE_BYTES);
        let issuers = vec![TrustedIssuer { keys, policy }];
        Self {
            issuers,
            cache,
            revocations: Arc::new(NoRevocations),
            clock,
            accepted: AtomicU64::new(0),
            denials,
            hs256,
        }
    }

    /// A verifier for a service of its own: it trusts the tokens of `issuer` for `audience`, whose keys `jwks_url` holds.
    ///
    /// The usual settings: 30 s of leeway, tokens of an hour at most, keys fetched at the first use and renewed from
    /// then on. Compose them yourself with [`new`](Self::new) where others are wanted.
    ///
    /// # Errors
    /// [`endpoint::Error`] when `jwks_url` is no https URL, nor an http URL of this very machine.
    pub fn remote(jwks_url: &str, issuer: &str, audience: &str) -> Result<Self, endpoint::Error> {
        const LEEWAY: Duration = Duration::from_secs(30);
        const LONGEST: Duration = Duration::from_secs(3600);
        let clock = Arc::new(SystemClock::new());
        let endpoint = JwksEndpoint::new(jwks_url, Limits::default())?;
        let keys =
            KeyCache::new(endpoint, Settings::default(), clock.clone(), Arc::new(SystemEntropy::new()));
        let policy = Policy::new(issuer.to_owned(), audience.to_owned(), LEEWAY, LONGEST);
        Ok(Self::new(IssuerKeys::Published(KeySource::Remote(keys)), policy, clock))
    }

    /// The same verifier, trusting one more issuer: tokens that name an issuer of `policy` are judged by it and by
    /// `keys`, whatever keys the others have (RFC 8725 section 3.8).
    ///
    /// Where two policies name one issuer, the earlier one counts.
    #[must_use]
    pub fn and(mut self, keys: IssuerKeys, policy: Policy) -> Self {
        self.issuers.push(TrustedIssuer { keys, policy });
        self
    }

    /// The same verifier, with a cache of verified tokens of `bytes`; with 0 there is none.
    ///
    /// A token seen before costs one SHA-256 in place of an Ed25519 verification. All that can change is looked at
    /// anew each time: its times, its key, the end of the shared secret, its session.
    #[must_use]
    pub fn with_cache_bytes(self, bytes: usize) -> Self {
        Self { cache: TokenCache::within(bytes), ..self }
    }

    /// The same verifier, asking `revocations` about the session of each token.
    #[must_use]
    pub fn with_revocations(self, revocations: Arc<dyn Revocations>) -> Self {
        Self { revocations, ..self }
    }

    /// Verifies the token `text`: takes it apart, finds the key, checks signature and claims, then the session.
    ///
    /// # Errors
    /// [`Error`]; the caller of the service must not learn more than invalid or unavailable.
    pub async fn verify(&self, text: &str) -> Result<Principal, Error> {
        let decision = self.decide(text).await;
        match &decision {
            Ok(principal) => {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                if principal.kid.is_none() {
                    self.count_hs256();
                }
            }
            Err(denied) => self.denials.record(denied.index(), denied.code()),
        }
        decision
    }

    /// Counts a bearer credential that holds no token to judge.
    pub(crate) fn record_malformed(&self) {
        let (index, reason) = Denials::MALFORMED;
        self.denials.record(index, reason);
    }

    async fn decide(&self, text: &str) -> Result<Principal, Error> {
        let principal = match &self.cache {
            None => self.examine(text).await?.principal,
            Some(cache) => self.verify_cached(cache, text).await?,
        };
        match &principal.session {
            Some(sid) if self.revocations.is_revoked(sid) => Err(Error::Revoked),
            _ => Ok(principal),
        }
    }

    async fn verify_cached(&self, cache: &TokenCache, text: &str) -> Result<Principal, Error> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong.into());
        }
        let digest = TokenDigest::of(text);
        if let Some(token) = cache.get(&digest) {
            match self.revalidate(&token).await {
                Ok(true) => return Ok(token.principal),
                Ok(false) => {}
                Err(denied) => {
                    if denied == Error::Invalid(Refusal::Expired) {
                        cache.remove(&digest);
                    }
                    return Err(denied);
                }
            }
        }
        let token = self.examine(text).await?;
        cache.insert(digest, token.clone());
        Ok(token.principal)
    }

    /// Verifies a token from its text alone.
    async fn examine(&self, text: &str) -> Result<CachedToken, Error> {
        let token = Unverified::parse(text)?;
        let number = self.issuer_of(&token)?;
        let TrustedIssuer { keys: trusted, policy } = &self.issuers[number];
        let set = match token.kid() {
            Some(kid) => trusted.keys_for(kid).await?,
            None => None,
        };
        let keys = TrustedKeys { set: set.as_deref(), shared: trusted.shared() };
        let principal = token.verify(&keys, policy, self.clock.now())?;
        let key = token.kid().and_then(|kid| set.as_ref()?.get(kid).cloned());
        Ok(CachedToken { principal, issuer: number, key })
    }

    /// Which issuer judges `token`: the one whose issuer it claims to come from. Under a shared secret, which need not
    /// name any, it is the first issuer that has one.
    fn issuer_of(&self, token: &Unverified<'_>) -> Result<usize, Refusal> {
        if self.issuers.len() == 1 {
            return Ok(0);
        }
        if token.kid().is_none() {
            let shares = |trusted: &TrustedIssuer| trusted.keys.shared().is_some();
            return self.issuers.iter().position(shares).ok_or(Refusal::NotTrusted);
        }
        let issuer = token.claimed_issuer().ok_or(Refusal::Issuer)?;
        let trusts = |trusted: &TrustedIssuer| trusted.policy.issuers.contains(&issuer);
        self.issuers.iter().position(trusts).ok_or(Refusal::Issuer)
    }

    /// Whether what was found about a token still holds: everything but its signature and its spelling is looked at
    /// anew. False when its key's name belongs to another key by now.
    async fn revalidate(&self, token: &CachedToken) -> Result<bool, Error> {
        let CachedToken { principal, issuer, key } = token;
        let TrustedIssuer { keys: trusted, policy } = &self.issuers[*issuer];
        if let Some(kid) = &principal.kid {
            let set = trusted.keys_for(kid.as_ref()).await?;
            let current = set.as_ref().and_then(|set| set.get(kid.as_ref()));
            if current.is_none() || current != key.as_ref() {
                return Ok(false);
            }
        } else if let Some(shared) = trusted.shared() {
            shared.check_time(self.clock.now())?;
        }
        policy.check_times(principal, self.clock.now())?;
        Ok(true)
    }

    /// Whether tokens can be verified now, of one issuer at least. Sends no request.
    pub fn is_ready(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.keys.is_ready())
    }

    /// The caches of the remote issuers' keys, for their status and for warming them up.
    pub fn key_caches(&self) -> impl Iterator<Item = &KeyCache> {
        self.issuers.iter().filter_map(|issuer| issuer.keys.key_cache())
    }

    /// The cache of verified tokens; none where there is none.
    pub fn token_cache(&self) -> Option<TokenCacheStatus> {
        self.cache.as_ref().map(TokenCache::status)
    }

    /// How many tokens were not accepted, by [`Error::code`], and how many credentials held no token at all.
    ///
    /// Every reason is there from the start, so that a first refusal shows as an increase.
    pub fn denials(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let codes = Error::codes().chain([Denials::MALFORMED.1]);
        codes.zip(&self.denials.0).map(|(code, count)| (code, count.load(Ordering::Relaxed)))
    }

    /// How many tokens were accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many tokens under the shared secret were accepted: when this stands still, the move to published keys is done.
    pub fn hs256_uses(&self) -> u64 {
        self.hs256.count.load(Ordering::Relaxed)
    }

    fn count_hs256(&self) {
        let uses = self.hs256.count.fetch_add(1, Ordering::Relaxed) + 1;
        if self.issuers.iter().any(|issuer| matches!(issuer.keys, IssuerKeys::Migrating(..)))
            && self.hs256.may_log(self.clock.monotonic())
        {
            info!(target: "signet::hs256", uses, "tokens under the shared secret are still in use");
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
    fn verify_logs_uses_of_the_shared_secret_once_a_minute_at_most() {
        let uses = Hs256Uses::default();
        let logged: Vec<u64> =
            (59..240).filter(|second| uses.may_log(Duration::from_secs(*second))).collect();
        assert_eq!(logged, [59, 119, 179, 239]);
    }
}
