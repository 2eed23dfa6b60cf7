//! Remembers tokens that were verified, so that a token seen before costs next to nothing.
//! In: a token's text, and what verifying it found. Out: the same finding for the same text, byte for byte.
//! Owns: memory is bounded in bytes; what time, keys and revocations decide is never remembered, only what they cannot change.

use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};

use crate::token::arithmetic::{VerifyingKey, sha256};
use crate::token::claims::Principal;

/// What verifying a token found that neither time nor a revocation can change: who it speaks for, and under which key.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub principal: Principal,
    /// Which of the verifier's parties judged it.
    pub party: usize,
    /// The published key that its signature is right under; none under the shared secret.
    pub key: Option<VerifyingKey>,
}

/// The SHA-256 of a token's text. No other token can be found under it, and no token can be read out of memory.
pub(super) type Name = [u8; 32];

/// The verdicts of one verifier; they mean nothing to another one with another policy.
pub(super) struct Verdicts(Cache<Name, Verdict, ByMemory>);

/// What is remembered, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerdictsStatus {
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

impl Verdicts {
    /// About what a token of Signet takes. It sizes the first tables and bounds nothing.
    const USUAL_WEIGHT: usize = 3 << 10;

    /// A memory of `bytes`; none for 0.
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

    /// The name that the verdict about `token` is remembered under.
    pub fn name(token: &str) -> Name {
        sha256(token.as_bytes())
    }

    pub fn get(&self, name: &Name) -> Option<Verdict> {
        self.0.get(name)
    }

    pub fn remember(&self, name: Name, verdict: Verdict) {
        self.0.insert(name, verdict);
    }

    pub fn forget(&self, name: &Name) {
        self.0.remove(name);
    }

    pub fn status(&self) -> VerdictsStatus {
        VerdictsStatus {
            tokens: self.0.len(),
            bytes: self.0.weight(),
            capacity: self.0.capacity(),
            hits: self.0.hits(),
            misses: self.0.misses(),
        }
    }
}

/// Weighs a verdict by the memory that it keeps.
#[derive(Clone)]
struct ByMemory;

impl ByMemory {
    /// What the tables keep for one token beside the principal.
    const OVERHEAD: usize = 2 * (size_of::<Name>() + size_of::<Verdict>()) + 64;
}

impl Weighter<Name, Verdict> for ByMemory {
    fn weight(&self, _name: &Name, verdict: &Verdict) -> u64 {
        u64::try_from(verdict.principal.weight() + Self::OVERHEAD).unwrap_or(u64::MAX)
    }
}
