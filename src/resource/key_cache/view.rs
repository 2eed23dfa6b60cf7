//! What the cache knows at one moment, and when it may ask again.
//! In: the outcomes of fetches, and the time. Out: usable keys; whether a fetch may start.
//! Owns: one fetch at a time, no more than schedule and budget allow; a bad document never replaces good keys.

use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::settings::Settings;
use crate::resource::fetch::FetchFault;
use crate::token::jwk::{KeySet, KeySetFault, ParsedSet};

/// Why a fetch brought no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadFault {
    /// The issuer could not be asked.
    #[error(transparent)]
    Fetch(#[from] FetchFault),
    /// The answer is no key set.
    #[error(transparent)]
    Document(#[from] KeySetFault),
    /// The answer is a key set without a single key that can be used.
    #[error("the key set holds no usable key")]
    NoUsableKey,
    /// "Not modified" came although nothing was at hand.
    #[error("the key set was called unchanged although none was at hand")]
    NothingToKeep,
    /// The fetch ended without an outcome, because it panicked or its runtime was shut down.
    #[error("the fetch was abandoned")]
    Abandoned,
}

/// What a fetch brought.
#[derive(Debug)]
pub(super) enum Loaded {
    /// Keys, at least one.
    Keys { parsed: ParsedSet, etag: Option<String>, max_age: Option<Duration> },
    /// The word that the keys at hand are still the right ones.
    Unchanged { max_age: Option<Duration> },
}

/// Why a fetch is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The schedule says so, or no usable key is held.
    Due,
    /// Somebody came with a kid that a usable set does not hold.
    UnknownKid,
    /// The issuer's own people say that its keys have changed.
    News,
}

/// Keys and their times. All times are those of `Shared::now` and count from the *start* of the fetch that brought
/// or confirmed the keys: what happened at the issuer after that may be missing from the answer.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// The same allocation until the content changes, so that what was derived from it can be told to be current.
    pub keys: Arc<KeySet>,
    pub etag: Option<String>,
    pub life: Duration,
    pub confirmed_at: Duration,
    pub refresh_at: Duration,
    pub trusted_until: Duration,
}

/// Everything the cache knows. A value: each change makes a new one, which readers get hold of as a whole.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub held: Option<Held>,
    /// How many fetches have started.
    pub started: u64,
    /// How many of them have ended; one less than started while one is under way.
    pub landed: u64,
    /// How many failed since the last good one.
    pub failures: u32,
    pub last_fault: Option<LoadFault>,
    retry_at: Duration,
    for_strangers: Budget,
    for_news: Budget,
}

impl View {
    /// Nothing is known and everything is allowed.
    pub fn new(settings: &Settings) -> Self {
        Self {
            held: None,
            started: 0,
            landed: 0,
            failures: 0,
            last_fault: None,
            retry_at: Duration::ZERO,
            for_strangers: Budget::new(settings.pace_of_strangers()),
            for_news: Budget::new(settings.pace_of_news()),
        }
    }

    /// The keys that may be used now: fresh ones, or stale ones within their bound.
    pub fn usable(&self, now: Duration) -> Option<&Held> {
        self.held.as_ref().filter(|held| now < held.trusted_until)
    }

    /// The usable keys, if `kid` is among them.
    pub fn keys_with(&self, kid: &str, now: Duration) -> Option<Arc<KeySet>> {
        self.usable(now).filter(|held| held.keys.get(kid).is_some()).map(|held| held.keys.clone())
    }

    /// Whether the keys are within the life that their issuer gave them, so that it would have published by now what
    /// is not among them.
    pub fn is_fresh(&self, now: Duration) -> bool {
        self.usable(now).is_some_and(|held| now < held.confirmed_at.saturating_add(held.life))
    }

    /// Whether a fetch is under way.
    pub fn is_fetching(&self) -> bool {
        self.started > self.landed
    }

    /// When the schedule wants the next fetch.
    pub fn due_at(&self) -> Duration {
        self.held.as_ref().map_or(self.retry_at, |held| held.refresh_at.max(self.retry_at))
    }

    /// How long somebody should wait who found no usable key.
    pub fn retry_after(&self, now: Duration) -> Duration {
        let pause = if self.is_fetching() { Duration::ZERO } else { self.retry_at.saturating_sub(now) };
        pause.max(Duration::from_secs(1))
    }

    /// The view with one more fetch under way; none if `occasion` does not allow it now.
    pub fn launch(&self, occasion: Occasion, now: Duration, settings: &Settings) -> Option<Self> {
        if self.is_fetching() {
            return None;
        }
        let mut next = Self { started: self.started + 1, ..self.clone() };
        match occasion {
            Occasion::Due if self.due_at() <= now => {}
            Occasion::Due => return None,
            _ if now < self.retry_at => return None,
            Occasion::UnknownKid => {
                next.for_strangers = self.for_strangers.spend(now, settings.pace_of_strangers())?;
            }
            Occasion::News => next.for_news = self.for_news.spend(now, settings.pace_of_news())?,
        }
        Some(next)
    }

    /// The view after the fetch that began at `began` brought `outcome`; `share` (0 to 1) is the jitter.
    pub fn land(
        &self,
        outcome: Result<Loaded, LoadFault>,
        began: Duration,
        now: Duration,
        share: f64,
        settings: &Settings,
    ) -> Self {
        let landed = self.started;
        let hold = |keys, etag, life| Held {
            keys,
            etag,
            life,
            confirmed_at: began,
            refresh_at: began.saturating_add(settings.refresh_after(life, share)),
            trusted_until: began.saturating_add(settings.stale_bound(life)),
        };
        let outcome = outcome.and_then(|loaded| match (loaded, &self.held) {
            (Loaded::Keys { parsed, etag, max_age }, held) => {
                let same = held.as_ref().filter(|held| *held.keys == parsed.keys);
                let keys = same.map_or_else(|| Arc::new(parsed.keys), |held| held.keys.clone());
                Ok(hold(keys, etag, settings.life(max_age)))
            }
            // A 304 may leave out what has not changed, the life included (RFC 9110 section 15.4.5).
            (Loaded::Unchanged { max_age }, Some(held)) => {
                let life = max_age.map_or(held.life, |max_age| settings.life(Some(max_age)));
                Ok(hold(held.keys.clone(), held.etag.clone(), life))
            }
            (Loaded::Unchanged { .. }, None) => Err(LoadFault::NothingToKeep),
        });
        match outcome {
            Ok(held) => Self {
                held: Some(held),
                landed,
                failures: 0,
                last_fault: None,
                retry_at: Duration::ZERO,
                ..self.clone()
            },
            Err(fault) => {
                let failures = self.failures.saturating_add(1);
                // The end of trust is itself an occasion, and from then on the quicker schedule counts.
                let (backoff, trusted_until) = match self.usable(now) {
                    Some(held) => (&settings.retry, held.trusted_until),
                    None => (&settings.cold_retry, Duration::MAX),
                };
                let retry_at = now.saturating_add(backoff.pause(failures, share)).min(trusted_until);
                Self { landed, failures, last_fault: Some(fault), retry_at, ..self.clone() }
            }
        }
    }
}
