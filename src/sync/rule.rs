//! How often something may be tried, and how long to wait otherwise.
//! In: a burst and a window. Out: the rule that one process applies, and the seconds of a `Retry-After` header.

use std::time::Duration;

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
    pub(super) fn alone(self) -> Self {
        Self { burst: (self.burst / INSTANCES_ALONE).max(1), ..self }
    }

    /// The part of the window that one attempt takes up.
    pub(super) fn share(&self) -> Duration {
        self.window / self.burst.max(1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_lets_three_instances_pass_together_what_the_rule_allows() {
        let strict = Rule { name: "sign-in", burst: 3, window: Duration::from_secs(10) };
        let ordinary = Rule { burst: 100, ..strict };
        assert_eq!((strict.alone().burst, ordinary.alone().burst), (1, 33));
        assert_eq!(strict.alone().window, strict.window);
    }

    #[test]
    fn seconds_are_rounded_up_and_never_zero() {
        let seconds = |millis| RetryAfter(Duration::from_millis(millis)).seconds();
        assert_eq!([0, 1, 1000, 1001].map(seconds), [1, 1, 1, 2]);
    }
}
