//! Limits on how often something may be tried.
//! In: a rule and the name of a caller or account. Out: permission, or how long to wait.
//! Owns: memory is bounded; when all buckets are in use, new callers share one. Instances count together where they
//! can, and each by itself and more strictly where they can't.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use signet_verify::crypto::Sha256;

use super::redis::Redis;
use super::rule::{RetryAfter, Rule};
use signet_verify::clock::Clock;

/// How a rule has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Attempts that were let through.
    pub allowed: u64,
    /// Attempts that were turned away.
    pub limited: u64,
}

/// A hash of a rule's name and of who tries.
type BucketName = [u8; 16];

/// An attempt that has been counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Reservation(Place);

/// Where an attempt was counted, and by which rule.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Limits are off.
    Nowhere,
    /// In this process.
    Here(Rule, BucketName),
    /// In Redis.
    Shared(Rule, BucketName),
}

/// The limits of one process, or its part in those of a deployment.
///
/// The algorithm is GCRA, the virtual-scheduling form of the leaky bucket (ITU-T I.371): one time per bucket says when
/// it will be empty.
pub struct Limiter {
    clock: Arc<dyn Clock>,
    /// When each bucket will be empty, in monotonic time. Names are hashed: no address stays in memory in clear.
    buckets: Mutex<HashMap<BucketName, Duration>>,
    decisions: Mutex<BTreeMap<&'static str, Decisions>>,
    redis: Option<Arc<Redis>>,
    alone: AtomicU64,
    capacity: usize,
    enabled: bool,
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

/// About 10 MB when every bucket is in use.
const CAPACITY: usize = 100_000;

impl Limiter {
    /// Limits that count from now on.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            buckets: Mutex::default(),
            decisions: Mutex::default(),
            redis: None,
            alone: AtomicU64::new(0),
            capacity: CAPACITY,
            enabled: true,
        }
    }

    /// Limits that are turned off: every attempt passes.
    pub fn off(clock: Arc<dyn Clock>) -> Self {
        Self { enabled: false, ..Self::new(clock) }
    }

    /// The same limits, counted together with all instances on the same Redis. While it does not answer, this process
    /// counts by itself and allows a third.
    #[must_use]
    pub fn shared(self, redis: Option<Arc<Redis>>) -> Self {
        Self { redis, ..self }
    }

    /// Counts one attempt of `who`.
    ///
    /// # Errors
    /// [`RetryAfter`] when the rule allows none now; such an attempt is not counted.
    pub async fn attempt(&self, rule: &Rule, who: &str) -> Result<(), RetryAfter> {
        self.reserve(rule, who).await.map(drop)
    }

    /// Counts one attempt of `who`, which [`Limiter::take_back`] can make as if it had not been.
    ///
    /// # Errors
    /// [`RetryAfter`] when the rule allows none now; such an attempt is not counted.
    pub async fn reserve(&self, rule: &Rule, who: &str) -> Result<Reservation, RetryAfter> {
        if !self.enabled {
            return Ok(Reservation(Place::Nowhere));
        }
        let here = |rule: Rule| self.decide(&rule, who).map(|name| Place::Here(rule, name));
        let decision = match &self.redis {
            None => here(*rule),
            Some(redis) => {
                let name = bucket(rule.name, who);
                match redis.attempt(rule, &name).await {
                    Some(decision) => decision.map(|()| Place::Shared(*rule, name)),
                    None => {
                        self.alone.fetch_add(1, Ordering::Relaxed);
                        here(rule.alone())
                    }
                }
            }
        };
        let mut decisions = self.decisions.lock();
        let count = decisions.entry(rule.name).or_default();
        match decision {
            Ok(_) => count.allowed += 1,
            Err(_) => count.limited += 1,
        }
        decision.map(Reservation)
    }

    /// Takes an attempt back that was not one after all. If Redis does not answer meanwhile, it stays counted.
    pub async fn take_back(&self, Reservation(place): Reservation) {
        match place {
            Place::Nowhere => {}
            Place::Here(rule, name) => {
                if let Some(empty_at) = self.buckets.lock().get_mut(&name) {
                    *empty_at = empty_at.saturating_sub(rule.share());
                }
            }
            Place::Shared(rule, name) => {
                if let Some(redis) = &self.redis {
                    redis.take_back(&rule, &name).await;
                }
            }
        }
    }

    /// How the limits have decided since the start, by the name of the rule.
    pub fn decisions(&self) -> BTreeMap<&'static str, Decisions> {
        self.decisions.lock().clone()
    }

    /// How many attempts were judged by this process alone because Redis did not answer.
    pub fn alone(&self) -> u64 {
        self.alone.load(Ordering::Relaxed)
    }

    /// Answers the name of the bucket in which the attempt was counted.
    fn decide(&self, rule: &Rule, who: &str) -> Result<BucketName, RetryAfter> {
        let now = self.clock.monotonic();
        let mut buckets = self.buckets.lock();
        let mut key = bucket(rule.name, who);
        if !buckets.contains_key(&key) && buckets.len() >= self.capacity {
            buckets.retain(|_, empty_at| *empty_at > now);
            if buckets.len() >= self.capacity {
                key = bucket(rule.name, "everybody else");
            }
        }
        let empty_at = buckets.get(&key).copied().unwrap_or(now).max(now) + rule.share();
        let full_for = (empty_at - now).saturating_sub(rule.window);
        if full_for > Duration::ZERO {
            return Err(RetryAfter(full_for));
        }
        buckets.insert(key, empty_at);
        Ok(key)
    }
}

fn bucket(rule: &str, who: &str) -> BucketName {
    let mut context = Sha256::new();
    context.update(rule.as_bytes());
    context.update(&[0]);
    context.update(who.as_bytes());
    let mut name = [0; 16];
    name.copy_from_slice(&context.finish()[..16]);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_verify::clock::{ManualClock, Timestamp};

    const RULE: Rule = Rule { name: "sign-in", burst: 3, window: Duration::from_secs(10) };

    fn limiter() -> (Arc<ManualClock>, Limiter) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(0)));
        (clock.clone(), Limiter::new(clock))
    }

    #[test]
    fn attempt_passes_three_times_and_the_fourth_waits_for_its_share_of_the_window() {
        let (clock, limiter) = limiter();
        for _ in 0..3 {
            assert!(limiter.decide(&RULE, "ada").is_ok());
        }
        let wait = limiter.decide(&RULE, "ada").unwrap_err();
        assert_eq!(wait.seconds(), 4);
        clock.advance(wait.0);
        assert!(limiter.decide(&RULE, "ada").is_ok());
        assert!(limiter.decide(&RULE, "ada").is_err());
    }

    #[test]
    fn attempt_has_its_whole_burst_again_after_a_window_of_rest() {
        let (clock, limiter) = limiter();
        for _ in 0..3 {
            limiter.decide(&RULE, "ada").unwrap();
        }
        clock.advance(RULE.window);
        for _ in 0..3 {
            assert!(limiter.decide(&RULE, "ada").is_ok());
        }
    }

    #[test]
    fn attempt_counts_callers_and_rules_apart() {
        let (_, limiter) = limiter();
        let other = Rule { name: "sign-up", ..RULE };
        for _ in 0..3 {
            limiter.decide(&RULE, "ada").unwrap();
        }
        assert!(limiter.decide(&RULE, "bob").is_ok());
        assert!(limiter.decide(&other, "ada").is_ok());
    }

    #[test]
    fn attempt_of_callers_beyond_the_capacity_shares_one_bucket() {
        let (clock, mut limiter) = limiter();
        limiter.capacity = 10;
        for number in 0..10 {
            limiter.decide(&RULE, &number.to_string()).unwrap();
        }
        let passed = (10..100).filter(|number| limiter.decide(&RULE, &number.to_string()).is_ok()).count();
        assert_eq!(passed, 3);
        assert_eq!(limiter.buckets.lock().len(), 11);
        clock.advance(Duration::from_secs(60));
        assert!(limiter.decide(&RULE, "later").is_ok());
        assert_eq!(limiter.buckets.lock().len(), 1);
    }

    #[tokio::test]
    async fn take_back_leaves_the_bucket_as_if_the_attempt_had_not_been() {
        let (clock, limiter) = limiter();
        let mut reserved = Vec::new();
        for _ in 0..3 {
            reserved.push(limiter.reserve(&RULE, "ada").await.unwrap());
        }
        let full = limiter.reserve(&RULE, "ada").await.unwrap_err();
        limiter.take_back(reserved.pop().unwrap()).await;
        limiter.attempt(&RULE, "ada").await.unwrap();
        assert_eq!(limiter.reserve(&RULE, "ada").await, Err(full), "one back, one more");
        // What comes back late gives nothing beyond a whole burst.
        clock.advance(RULE.window);
        for reservation in reserved {
            limiter.take_back(reservation).await;
        }
        let passed = (0..10).filter(|_| limiter.decide(&RULE, "ada").is_ok()).count();
        assert_eq!(passed, 3);
    }

    #[tokio::test]
    async fn attempt_always_passes_when_limits_are_off() {
        let limiter = Limiter::off(Arc::new(ManualClock::at(Timestamp::from_seconds(0))));
        for _ in 0..1000 {
            assert_eq!(limiter.attempt(&RULE, "ada").await, Ok(()));
        }
    }
}
