//! The cache of verified tokens: a token seen before costs next to nothing.
//! In: a token's text, and what verifying it found. Out: the same finding for the same text, byte for byte.
//! Owns: memory is bounded in bytes; what time, keys and revocations decide is never cached, only what they cannot change.

use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};

use crate::crypto::{PublicKey, sha256};
use crate::jose::claims::Principal;

/// What verifying a token found that neither time nor a revocation can change: who it speaks for, and under which key.
#[derive(Clone, Debug)]
pub(super) struct CachedToken {
    pub principal: Principal,
    /// The place of the issuer that judged it, in the verifier's list.
    pub issuer: usize,
    /// The published key that its signature is right under; none under the shared secret.
    pub key: Option<PublicKey>,
}

/// The SHA-256 of a token's text. No other token can be found under it, and no token can be read out of memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub fn of(token: &str) -> Self {
        Self(sha256(token.as_bytes()))
    }
}

/// The verified tokens of one verifier; they mean nothing to another one with another policy.
pub(super) struct TokenCache(Cache<TokenDigest, CachedToken, ByMemory>);

/// What the cache holds, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCacheStatus {
    /// How many tokens.
    pub tokens: usize,
    /// About how many bytes of memory they take.
    pub bytes: u64,
    /// How many bytes they may take.
    pub capacity: u64,
    /// How often a token had been seen before.
    pub hits: u64,
    /// How often not.
    pub misses: u64,
}

impl TokenCache {
    /// About what a token of Signet takes. It sizes the first tables and bounds nothing.
    const USUAL_WEIGHT: usize = 3 << 10;

    /// A cache of `bytes`; none for 0.
    pub fn within(bytes: usize) -> Option<Self> {
        if bytes == 0 {
            return None;
        }
        let options = OptionsBuilder::new()
            .estimated_items_capacity((bytes / Self::USUAL_WEIGHT).max(1))
            .weight_capacity(u64::try_from(bytes).unwrap_or(u64::MAX))
            .build()
            .ok()?;
        Some(Self(Cache::with_options(options, ByMemory, Default::default(), Default::default())))
    }

    pub fn get(&self, digest: &TokenDigest) -> Option<CachedToken> {
        self.0.get(digest)
    }

    pub fn insert(&self, digest: TokenDigest, token: CachedToken) {
        self.0.insert(digest, token);
    }

    pub fn remove(&self, digest: &TokenDigest) {
        self.0.remove(digest);
    }

    pub fn status(&self) -> TokenCacheStatus {
        TokenCacheStatus {
            tokens: self.0.len(),
            bytes: self.0.weight(),
            capacity: self.0.capacity(),
            hits: self.0.hits(),
            misses: self.0.misses(),
        }
    }
}

/// Weighs a token by the memory that it keeps.
#[derive(Clone)]
struct ByMemory;

impl ByMemory {
    /// What the tables keep for one token beside the principal.
    const OVERHEAD: usize = 2 * (size_of::<TokenDigest>() + size_of::<CachedToken>()) + 64;
}

impl Weighter<TokenDigest, CachedToken> for ByMemory {
    fn weight(&self, _digest: &TokenDigest, token: &CachedToken) -> u64 {
        u64::try_from(token.principal.weight() + Self::OVERHEAD).unwrap_or(u64::MAX)
    }
}
