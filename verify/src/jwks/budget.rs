//! Budgets of fetches that no schedule asks for: for unknown kids, and for messages that the keys have changed.
//! In: the time, and kids. Out: whether one more fetch may be made for one.
//! Owns: the fetches and the memory that unknown kids cost are bounded, whatever tokens and messages arrive.

use std::collections::HashMap;
use std::time::Duration;

use super::settings::{Backoff, Pace};
use crate::jose::jwk::Kid;

/// A token bucket that counts attempts, not successes, so that an outage is throttled like everything else.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    tokens: u32,
    filled_at: Duration,
    ripe_at: Duration,
}

impl Budget {
    /// A full bucket.
    pub fn new(pace: Pace) -> Self {
        Self { tokens: pace.burst, filled_at: Duration::ZERO, ripe_at: Duration::ZERO }
    }

    /// The bucket less one attempt at the time `now`; none if nothing may be spent.
    pub fn spend(&self, now: Duration, pace: Pace) -> Option<Self> {
        if now < self.ripe_at {
            return None;
        }
        let passed = now.saturating_sub(self.filled_at).as_nanos() / pace.refill.as_nanos().max(1);
        let gained = u32::try_from(passed).unwrap_or(u32::MAX);
        let tokens = self.tokens.saturating_add(gained).min(pace.burst);
        let filled_at = if tokens == pace.burst {
            now
        } else {
            self.filled_at.saturating_add(pace.refill.saturating_mul(gained))
        };
        Some(Self { tokens: tokens.checked_sub(1)?, filled_at, ripe_at: now.saturating_add(pace.spacing) })
    }
}

/// The kids that a fetch made for them did not bring, so that one which keeps coming leaves the budget to others.
#[derive(Debug, Default)]
pub(super) struct Misses(HashMap<Kid, Miss>);

#[derive(Debug)]
struct Miss {
    times: u32,
    until: Duration,
}

impl Misses {
    /// Whether no fetch is worth making for `kid` at the time `now`.
    pub fn holds(&self, kid: &Kid, now: Duration) -> bool {
        self.0.get(kid).is_some_and(|miss| now < miss.until)
    }

    /// Remembers that `kid` is not to be had, for longer each time. At most `most` kids are
    /// remembered, and always this one.
    pub fn record(&mut self, kid: &Kid, now: Duration, backoff: &Backoff, most: usize) {
        if self.holds(kid, now) {
            return; // another request recorded the outcome of the same fetch
        }
        if !self.0.contains_key(kid) && self.0.len() >= most {
            self.evict(now, backoff, most);
        }
        let miss = self.0.entry(kid.clone()).or_insert(Miss { times: 0, until: now });
        miss.times = miss.times.saturating_add(1);
        miss.until = now.saturating_add(backoff.pause(miss.times, 0.0));
    }

    /// Evicts the kids whose pause ended long ago, then all whose pause has ended, then all: the bucket bounds fetches as
    /// well, and finding the oldest entry each time would make a flood expensive.
    fn evict(&mut self, now: Duration, backoff: &Backoff, most: usize) {
        self.0.retain(|_, miss| now < miss.until.saturating_add(backoff.longest));
        if self.0.len() >= most {
            self.0.retain(|_, miss| now < miss.until);
        }
        if self.0.len() >= most {
            self.0.clear();
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwks::Settings;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1_000 + seconds)
    }

    /// The seconds out of `0..=last` at which an attempt is granted when one is wanted every second.
    fn granted(last: u64) -> Vec<u64> {
        let pace = Settings::default().unknown_kid_budget();
        let mut budget = Budget::new(pace);
        let mut granted = Vec::new();
        for second in 0..=last {
            if let Some(less) = budget.spend(at(second), pace) {
                budget = less;
                granted.push(second);
            }
        }
        granted
    }

    #[test]
    fn spend_gives_a_flood_two_fetches_and_one_more_every_thirty_seconds() {
        assert_eq!(granted(100), [0, 2, 30, 60, 90]);
    }

    #[test]
    fn spend_finds_the_budget_full_after_calm_and_never_overfull() {
        let pace = Settings::default().unknown_kid_budget();
        let spent = Budget::new(pace).spend(at(0), pace).unwrap();
        let spent = spent.spend(at(86_400), pace).unwrap();
        let spent = spent.spend(at(86_402), pace).unwrap();
        assert!(spent.spend(at(86_404), pace).is_none());
    }

    #[test]
    fn spend_on_a_kid_that_keeps_coming_is_allowed_less_and_less() {
        let (kid, backoff) = (Kid::parse("gone").unwrap(), Settings::default().miss);
        let mut misses = Misses::default();
        let mut asked = Vec::new();
        for second in 0..1000 {
            if !misses.holds(&kid, at(second)) {
                asked.push(second);
                misses.record(&kid, at(second), &backoff, 8);
            }
        }
        assert_eq!(asked, [0, 2, 6, 14, 30, 62, 126, 254, 510, 810]);
    }

    #[test]
    fn record_of_a_flood_of_kids_takes_bounded_memory() {
        let (backoff, mut misses) = (Settings::default().miss, Misses::default());
        for number in 0..10_000 {
            let kid = Kid::parse(&format!("kid-{number}")).unwrap();
            misses.record(&kid, at(number / 100), &backoff, 64);
            assert!(misses.holds(&kid, at(number / 100)));
            assert!(misses.len() <= 64);
        }
    }
}
