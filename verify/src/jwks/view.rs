//! What the cache knows at one moment, and when it may ask again.
//! In: the outcomes of fetches, and the time. Out: usable keys; whether a fetch may start.
//! Owns: one fetch at a time, no more than schedule and budget allow; a bad document never replaces good keys.

use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::load::{self, Loaded};
use super::settings::Settings;
use crate::jose::jwk::KeySet;

/// Why a fetch is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchReason {
    /// The schedule says so, or no usable key is held.
    Due,
    /// A request has a kid that the set does not hold, and the set is past its life: the kid cannot be judged.
    StaleMiss,
    /// A request has a kid that a set within its life does not hold.
    UnknownKid,
    /// The issuer says that its keys have changed.
    Invalidated,
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
    pub last_error: Option<load::Error>,
    /// Before this the schedule starts no fetch again after a failure.
    retry_at: Duration,
    /// The same while a request waits whose kid cannot be judged; never later.
    urgent_at: Duration,
    for_unknown_kids: Budget,
    for_invalidations: Budget,
}

impl View {
    /// Nothing is known and everything is allowed.
    pub fn new(settings: &Settings) -> Self {
        Self {
            held: None,
            started: 0,
            landed: 0,
            failures: 0,
            last_error: None,
            retry_at: Duration::ZERO,
            urgent_at: Duration::ZERO,
            for_unknown_kids: Budget::new(settings.unknown_kid_budget()),
            for_invalidations: Budget::new(settings.invalidation_budget()),
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

    /// How long a caller should wait whose kid could not be judged.
    pub fn retry_after(&self, now: Duration) -> Duration {
        let pause = if self.is_fetching() { Duration::ZERO } else { self.urgent_at.saturating_sub(now) };
        pause.max(Duration::from_secs(1))
    }

    /// The view with one more fetch under way; none if `reason` does not allow it now.
    pub fn launch(&self, reason: FetchReason, now: Duration, settings: &Settings) -> Option<Self> {
        if self.is_fetching() {
            return None;
        }
        let mut next = Self { started: self.started + 1, ..self.clone() };
        match reason {
            FetchReason::Due if self.due_at() <= now => {}
            FetchReason::StaleMiss if self.urgent_at <= now => {}
            FetchReason::Due | FetchReason::StaleMiss => return None,
            _ if now < self.retry_at => return None,
            FetchReason::UnknownKid => {
                next.for_unknown_kids = self.for_unknown_kids.spend(now, settings.unknown_kid_budget())?;
            }
            FetchReason::Invalidated => {
                next.for_invalidations = self.for_invalidations.spend(now, settings.invalidation_budget())?
            }
        }
        Some(next)
    }

    /// The view after the fetch that began at `began` brought `outcome`; `share` (0 to 1) is the jitter.
    pub fn land(
        &self,
        outcome: Result<Loaded, load::Error>,
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
            (Loaded::Unchanged { .. }, None) => Err(load::Error::NothingToKeep),
        });
        match outcome {
            Ok(held) => Self {
                held: Some(held),
                landed,
                failures: 0,
                last_error: None,
                retry_at: Duration::ZERO,
                urgent_at: Duration::ZERO,
                ..self.clone()
            },
            Err(error) => {
                let failures = self.failures.saturating_add(1);
                let urgent_at = now.saturating_add(settings.cold_retry.pause(failures, share));
                let retry_at = match self.usable(now) {
                    // The end of trust is itself a reason, and from then on the quicker schedule counts.
                    Some(held) => {
                        let pause = settings.retry.pause(failures, share);
                        now.saturating_add(pause).min(held.trusted_until)
                    }
                    None => urgent_at,
                };
                let urgent_at = urgent_at.min(retry_at);
                Self { landed, failures, last_error: Some(error), retry_at, urgent_at, ..self.clone() }
            }
        }
    }
}
