//! Limits on how often something may be tried.
//! In: a rule and the name of who tries. Out: go on, or how long to wait.
//! Owns: memory is bounded; a crowd of strangers shares one bucket rather than growing it. Instances count together where
//! they can, and each by itself and more strictly where they can't.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::digest;

use super::link::Link;
use signet_verify::clock::Clock;

/// How often something may be tried: `burst` times at once, and `burst` times in every `window` after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which kind of attempt this is; part of the bucket's name.
    pub name: &'static str,
    /// How many attempts fit into a window.
    pub burst: u32,
    /// The length of the window.
    pub window: Duration,
}

/// How many instances, each counting by itself while Redis is away, let no more through together than is promised.
const INSTANCES_ALONE: u32 = 3;

impl Rule {
    /// The rule of an instance that cannot ask the others: its share, if there are [`INSTANCES_ALONE`] of them.
    fn alone(self) -> Self {
        Self { burst: (self.burst / INSTANCES_ALONE).max(1), ..self }
    }
}

/// Too many attempts; the time after which the next one has a chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl RetryAfter {
    /// Whole seconds, rounded up and at least one, as the `Retry-After` header wants them (RFC 9110 section 10.2.3).
    pub fn seconds(self) -> u64 {
        let round_up = u64::from(self.0.subsec_nanos() > 0);
        (self.0.as_secs() + round_up).max(1)
    }
}

/// How a rule has decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Attempts that were let through.
    pub allowed: u64,
    /// Attempts that were turned away.
    pub limited: u64,
}

/// The limits of one process, or its part in those of a deployment.
///
/// The algorithm is GCRA, the virtual-scheduling form of the leaky bucket (ITU-T I.371): one time per bucket says when
/// it will be empty.
pub struct Throttle {
    clock: Arc<dyn Clock>,
    /// When each bucket will be empty, in monotonic time. Names are hashed: no address stays in memory in clear.
    buckets: Mutex<HashMap<[u8; 16], Duration>>,
    decisions: Mutex<BTreeMap<&'static str, Decisions>>,
    link: Option<Arc<Link>>,
    alone: AtomicU64,
    capacity: usize,
    enabled: bool,
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Throttle").field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

/// About 10 MB when every bucket is in use.
const CAPACITY: usize = 100_000;

impl Throttle {
    /// Limits that count from now on, or none at all.
    pub fn new(clock: Arc<dyn Clock>, enabled: bool) -> Self {
        Self {
            clock,
            buckets: Mutex::default(),
            decisions: Mutex::default(),
            link: None,
            alone: AtomicU64::new(0),
            capacity: CAPACITY,
            enabled,
        }
    }

    /// The same limits, counted together with all who have a link to the same Redis. While it does not answer, this
    /// process counts by itself and allows a third.
    #[must_use]
    pub fn shared(self, link: Option<Arc<Link>>) -> Self {
        Self { link, ..self }
    }

    /// Counts one attempt of `who`.
    ///
    /// # Errors
    /// [`RetryAfter`] when the rule allows none now; such an attempt is not counted.
    pub async fn attempt(&self, rule: &Rule, who: &str) -> Result<(), RetryAfter> {
        if !self.enabled {
            return Ok(());
        }
        let decision = match &self.link {
            None => self.decide(rule, who),
            Some(link) => match link.attempt(rule, &bucket(rule.name, who)).await {
                Some(decision) => decision,
                None => {
                    self.alone.fetch_add(1, Ordering::Relaxed);
                    self.decide(&rule.alone(), who)
                }
            },
        };
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        let count = decisions.entry(rule.name).or_default();
        match decision {
            Ok(()) => count.allowed += 1,
            Err(_) => count.limited += 1,
        }
        decision
    }

    /// How the limits have decided since the start, by the name of the rule.
    pub fn decisions(&self) -> BTreeMap<&'static str, Decisions> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many attempts were judged by this process alone because Redis did not answer.
    pub fn alone(&self) -> u64 {
        self.alone.load(Ordering::Relaxed)
    }

    fn decide(&self, rule: &Rule, who: &str) -> Result<(), RetryAfter> {
        let now = self.clock.monotonic();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = bucket(rule.name, who);
        if !buckets.contains_key(&key) && buckets.len() >= self.capacity {
            buckets.retain(|_, empty_at| *empty_at > now);
            if buckets.len() >= self.capacity {
                key = bucket(rule.name, "everybody else");
            }
        }
        let share = rule.window / rule.burst.max(1);
        let empty_at = buckets.get(&key).copied().unwrap_or(now).max(now) + share;
        let full_for = (empty_at - now).saturating_sub(rule.window);
        if full_for > Duration::ZERO {
            return Err(RetryAfter(full_for));
        }
        buckets.insert(key, empty_at);
        Ok(())
    }
}

fn bucket(rule: &str, who: &str) -> [u8; 16] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(rule.as_bytes());
    context.update(&[0]);
    context.update(who.as_bytes());
    let mut name = [0; 16];
    name.copy_from_slice(&context.finish().as_ref()[..16]);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_verify::clock::{ManualClock, Timestamp};

    const RULE: Rule = Rule { name: "sign-in", burst: 3, window: Duration::from_secs(10) };

    fn throttle() -> (Arc<ManualClock>, Throttle) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(0)));
        (clock.clone(), Throttle::new(clock, true))
    }

    #[test]
    fn three_attempts_pass_and_the_fourth_waits_for_its_share_of_the_window() {
        let (clock, throttle) = throttle();
        for _ in 0..3 {
            assert_eq!(throttle.decide(&RULE, "ada"), Ok(()));
        }
        let wait = throttle.decide(&RULE, "ada").unwrap_err();
        assert_eq!(wait.seconds(), 4);
        clock.advance(wait.0);
        assert_eq!(throttle.decide(&RULE, "ada"), Ok(()));
        assert!(throttle.decide(&RULE, "ada").is_err());
    }

    #[test]
    fn a_whole_window_of_rest_restores_the_whole_burst() {
        let (clock, throttle) = throttle();
        for _ in 0..3 {
            throttle.decide(&RULE, "ada").unwrap();
        }
        clock.advance(RULE.window);
        for _ in 0..3 {
            assert_eq!(throttle.decide(&RULE, "ada"), Ok(()));
        }
    }

    #[test]
    fn people_and_rules_do_not_share_buckets() {
        let (_, throttle) = throttle();
        let other = Rule { name: "sign-up", ..RULE };
        for _ in 0..3 {
            throttle.decide(&RULE, "ada").unwrap();
        }
        assert_eq!(throttle.decide(&RULE, "bob"), Ok(()));
        assert_eq!(throttle.decide(&other, "ada"), Ok(()));
    }

    #[test]
    fn a_crowd_of_strangers_shares_one_bucket_and_no_more_memory() {
        let (clock, mut throttle) = throttle();
        throttle.capacity = 10;
        for number in 0..10 {
            throttle.decide(&RULE, &number.to_string()).unwrap();
        }
        let passed = (10..100).filter(|number| throttle.decide(&RULE, &number.to_string()).is_ok()).count();
        assert_eq!(passed, 3);
        assert_eq!(throttle.buckets.lock().unwrap().len(), 11);
        clock.advance(Duration::from_secs(60));
        assert_eq!(throttle.decide(&RULE, "later"), Ok(()));
        assert_eq!(throttle.buckets.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn switched_off_it_lets_everything_pass() {
        let throttle = Throttle::new(Arc::new(ManualClock::at(Timestamp::from_seconds(0))), false);
        for _ in 0..1000 {
            assert_eq!(throttle.attempt(&RULE, "ada").await, Ok(()));
        }
    }

    #[test]
    fn three_instances_that_count_alone_let_through_what_one_rule_allows() {
        let ordinary = Rule { burst: 100, ..RULE };
        assert_eq!((RULE.alone().burst, ordinary.alone().burst), (1, 33));
        assert_eq!(RULE.alone().window, RULE.window);
    }
}
