//! How long keys live in the cache, and how often the issuer may be asked.
//! In: nothing, or an operator's choices. Out: the spans and counts that the other files go by.
//! Owns: every bound that the cache promises stands here, as a default with a test.

use std::time::Duration;

/// Two spans between which the pause after a failure doubles.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after `failures` failures in a row. `share`, from 0 to 1, takes up to half of it away, so that
    /// verifiers which lost the same issuer do not come back in step.
    pub(super) fn pause(&self, failures: u32, share: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest);
        doubled - part(doubled, 0.5 * share)
    }
}

/// A bucket of fetches: so many in a row, one more after each span, and never two closer than the spacing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) burst: u32,
    pub(super) refill: Duration,
    pub(super) spacing: Duration,
}

/// The bounds of a [`KeyCache`](super::KeyCache). The defaults are the promises of the product.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The life of a document whose issuer names none: 5 min.
    pub default_max_age: Duration,
    /// The life of a document that its issuer forbids to cache: 5 s. Else each request would fetch keys.
    pub uncacheable_max_age: Duration,
    /// The shortest life that is honoured: 1 s, the shortest that can be said (RFC 9111 section 1.2.2).
    pub shortest_max_age: Duration,
    /// The longest life that is honoured: 24 h.
    pub longest_max_age: Duration,
    /// For how many lives keys are trusted while they cannot be renewed: 10.
    pub stale_lives: u32,
    /// But for so long at least: 5 min. Else restarting an issuer with a very short life would shut its users out.
    pub stale_at_least: Duration,
    /// And for so long at most: 24 h, or one life if that is longer.
    pub stale_at_most: Duration,
    /// How long a request waits for a fetch: 5 s.
    pub request_timeout: Duration,
    /// After this a fetch is given up, whatever it is doing: 5 s.
    pub fetch_timeout: Duration,
    /// How many fetches unknown kids may cause in a row: 2.
    pub burst: u32,
    /// One more after each such span: 30 s.
    pub refill: Duration,
    /// The least span between two of them: 2 s. It keeps the second for a key that is published a moment later.
    pub spacing: Duration,
    /// How many unknown kids are remembered: 1024.
    pub remembered_misses: usize,
    /// For how long a kid that a fetch did not bring causes no other: 2 s at first, 5 min at last.
    pub miss: Backoff,
    /// The pauses after failed fetches while keys are held: 1 s to 60 s.
    pub retry: Backoff,
    /// The pauses while none is held, or a request waits for one that a stale set lacks: 500 ms to 5 s.
    pub cold_retry: Backoff,
}

impl Default for Settings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            default_max_age: seconds(5 * 60),
            uncacheable_max_age: seconds(5),
            shortest_max_age: seconds(1),
            longest_max_age: seconds(24 * 60 * 60),
            stale_lives: 10,
            stale_at_least: seconds(5 * 60),
            stale_at_most: seconds(24 * 60 * 60),
            request_timeout: seconds(5),
            fetch_timeout: seconds(5),
            burst: 2,
            refill: seconds(30),
            spacing: seconds(2),
            remembered_misses: 1024,
            miss: Backoff { first: seconds(2), longest: seconds(5 * 60) },
            retry: Backoff { first: seconds(1), longest: seconds(60) },
            cold_retry: Backoff { first: Duration::from_millis(500), longest: seconds(5) },
        }
    }
}

impl Settings {
    /// How many fetches unknown kids may cause.
    pub(super) fn unknown_kid_budget(&self) -> Pace {
        Pace { burst: self.burst, refill: self.refill, spacing: self.spacing }
    }

    /// How many fetches may be made because the issuer has said that its keys have changed: two
    /// withdrawals in a row, each as patient as it can be, and a steady trickle after that.
    pub(super) fn invalidation_budget(&self) -> Pace {
        Pace { burst: 16, refill: Duration::from_secs(5), spacing: Duration::ZERO }
    }

    /// The life that a document gets when its issuer says `max_age`.
    pub fn life(&self, max_age: Option<Duration>) -> Duration {
        match max_age {
            None => self.default_max_age,
            Some(Duration::ZERO) => self.uncacheable_max_age,
            Some(max_age) => max_age.max(self.shortest_max_age).min(self.longest_max_age),
        }
    }

    /// For how long after its fetch a document of this life is trusted if it cannot be renewed: the longest that a
    /// withdrawn key can go on being accepted, when the verifier is cut off from the issuer.
    pub fn stale_bound(&self, life: Duration) -> Duration {
        life.saturating_mul(self.stale_lives).max(self.stale_at_least).min(self.stale_at_most).max(life)
    }

    /// When a document of this life is renewed: after 75 to 85 % of it, as `share` (0 to 1) has it.
    pub(super) fn refresh_after(&self, life: Duration, share: f64) -> Duration {
        part(life, 0.75 + 0.1 * share)
    }
}

/// A share of `span`; shares outside 0 to 1 are brought inside, so nothing can overflow.
fn part(span: Duration, share: f64) -> Duration {
    span.mul_f64(share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn life_is_what_the_issuer_says_up_to_a_day() {
        let settings = Settings::default();
        assert_eq!(settings.life(None), 300 * SECOND);
        assert_eq!(settings.life(Some(Duration::ZERO)), 5 * SECOND);
        assert_eq!(settings.life(Some(SECOND)), SECOND);
        assert_eq!(settings.life(Some(60 * SECOND)), 60 * SECOND);
        assert_eq!(settings.life(Some(Duration::MAX)), 24 * HOUR);
    }

    #[test]
    fn stale_bound_is_ten_lives_and_a_day_at_most() {
        let settings = Settings::default();
        assert_eq!(settings.stale_bound(300 * SECOND), 3000 * SECOND);
        assert_eq!(settings.stale_bound(5 * SECOND), 300 * SECOND);
        assert_eq!(settings.stale_bound(12 * HOUR), 24 * HOUR);
    }

    #[test]
    fn refresh_after_comes_before_the_end_of_the_life_and_not_in_step() {
        let settings = Settings::default();
        assert_eq!(settings.refresh_after(100 * SECOND, 0.0), 75 * SECOND);
        assert_eq!(settings.refresh_after(100 * SECOND, 1.0), 85 * SECOND);
    }

    #[test]
    fn pause_doubles_up_to_its_bound() {
        let Settings { retry, cold_retry, .. } = Settings::default();
        let pauses =
            |backoff: Backoff| [1, 2, 3, 7, 40, u32::MAX].map(|failures| backoff.pause(failures, 0.0));
        assert_eq!(pauses(retry), [1, 2, 4, 60, 60, 60].map(|seconds| seconds * SECOND));
        assert_eq!(pauses(cold_retry), [500, 1000, 2000, 5000, 5000, 5000].map(Duration::from_millis));
        assert_eq!(retry.pause(3, 1.0), 2 * SECOND);
    }

    #[test]
    fn request_timeout_and_fetch_timeout_are_five_seconds() {
        let settings = Settings::default();
        assert_eq!((settings.request_timeout, settings.fetch_timeout), (5 * SECOND, 5 * SECOND));
    }
}
