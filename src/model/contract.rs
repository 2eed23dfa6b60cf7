//! What the issuer promises to caches of its keys, as spans of time.
//! In: the settings of rotation and tokens. Out: a [`Contract`], or one sentence about the two settings that clash.
//! Owns: `lead >= max-age + refresh + reload + skew` and `retain >= token life + skew`; both are derived, never set.

use std::fmt;
use std::time::Duration;

use crate::duration::format as span;
use signet_verify::crypto::Algorithm;
use signet_verify::jose::jwk::MAX_KEYS;

use crate::model::algorithms::Algorithms;

/// The settings that the contract follows from.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long a key signs (`SIGNET_ROTATE_EVERY`).
    pub rotate_every: Duration,
    /// How long others may cache the key set (`SIGNET_JWKS_MAX_AGE`).
    pub jwks_max_age: Duration,
    /// Life of a token (`SIGNET_TOKEN_TTL`).
    pub token_ttl: Duration,
    /// How far two clocks may differ (`SIGNET_LEEWAY`).
    pub leeway: Duration,
    /// The algorithms that have a key of their own (`SIGNET_ALGORITHMS`).
    pub algorithms: Algorithms,
}

/// The settings and what follows from them; every span that a key's life is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    rotate_every: Duration,
    jwks_max_age: Duration,
    token_ttl: Duration,
    skew: Duration,
    refresh: Duration,
    reload: Duration,
    lead: Duration,
    retain: Duration,
    algorithms: Algorithms,
}

/// Settings that break the contract; prints as one sentence for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `Cache-Control: max-age` counts whole seconds.
    #[error("SIGNET_JWKS_MAX_AGE ({}) must be at least 1s, since HTTP counts cache lives in whole seconds", span(*.0))]
    MaxAgeTooShort(Duration),
    /// `exp` counts whole seconds.
    #[error("SIGNET_TOKEN_TTL ({}) must be at least 1s, since tokens count their lives in whole seconds", span(*.0))]
    TtlTooShort(Duration),
    /// The next key cannot be announced inside the interval of the current one.
    #[error(
        "SIGNET_ROTATE_EVERY ({}) must be at least {}: with SIGNET_JWKS_MAX_AGE at {} and SIGNET_LEEWAY at {}, a key \
         has to be public for {} before it may sign",
        span(*.rotate_every), span(*.least), span(*.jwks_max_age), span(*.leeway), span(*.lead)
    )]
    RotatesTooFast {
        /// The interval that was asked for.
        rotate_every: Duration,
        /// The shortest one that works.
        least: Duration,
        /// The cache life that causes most of it.
        jwks_max_age: Duration,
        /// The clock difference that causes the rest.
        leeway: Duration,
        /// How long a key is public before it signs.
        lead: Duration,
    },
    /// Verifiers read only so many keys of a set.
    #[error(
        "SIGNET_ROTATE_EVERY ({}) is too short for SIGNET_TOKEN_TTL ({}) with SIGNET_ALGORITHMS at {}: more than {} keys \
         would be public at once",
        span(*.rotate_every), span(*.token_ttl), .algorithms, Contract::MAX_PUBLIC
    )]
    TooManyKeys {
        /// The interval that was asked for.
        rotate_every: Duration,
        /// The token life that keeps old keys public.
        token_ttl: Duration,
        /// The algorithms, each of which has keys of its own.
        algorithms: Algorithms,
    },
}

impl Contract {
    /// The most keys that are public at once: half of what our own verifier reads, so that others with less room cope too.
    pub const MAX_PUBLIC: usize = MAX_KEYS / 2;

    /// The longest time until every process has read the rows that another one wrote.
    const LONGEST_RELOAD: Duration = Duration::from_secs(15);

    /// Derives the contract from the settings.
    ///
    /// # Errors
    /// [`Error`] when the settings cannot be kept together.
    pub fn new(terms: Terms) -> Result<Self, Error> {
        let [rotate_every, jwks_max_age, token_ttl, skew] =
            [terms.rotate_every, terms.jwks_max_age, terms.token_ttl, terms.leeway].map(as_kept);
        if jwks_max_age < Duration::from_secs(1) {
            return Err(Error::MaxAgeTooShort(jwks_max_age));
        }
        if token_ttl < Duration::from_secs(1) {
            return Err(Error::TtlTooShort(token_ttl));
        }
        // A shared cache may hand out a set that is max-age old, and a verifier may keep it for as long again.
        let refresh = jwks_max_age;
        let reload = Self::LONGEST_RELOAD.min(as_kept(jwks_max_age / 4));
        let lead = jwks_max_age + refresh + reload + skew;
        let retain = retention(token_ttl, skew, reload);
        let least = lead + reload;
        if rotate_every < least {
            return Err(Error::RotatesTooFast { rotate_every, least, jwks_max_age, leeway: skew, lead });
        }
        // Of each algorithm, beside the retired ones: the active key, its successor, and one retired key that is just going.
        let retired = retain.as_millis() / rotate_every.as_millis().max(1);
        let algorithms = terms.algorithms;
        if (retired + 3) * algorithms.count() as u128 > Self::MAX_PUBLIC as u128 {
            return Err(Error::TooManyKeys { rotate_every, token_ttl, algorithms });
        }
        Ok(Self { rotate_every, jwks_max_age, token_ttl, skew, refresh, reload, lead, retain, algorithms })
    }

    /// The same contract for EdDSA alone, whose keys are quickly made: what is true of one algorithm is true of each.
    pub fn of_one_algorithm(&self) -> Self {
        Self { algorithms: Algorithms::only(Algorithm::EdDsa), ..*self }
    }

    /// The algorithms that have a key of their own.
    pub fn algorithms(&self) -> Algorithms {
        self.algorithms
    }

    /// How long a key signs before its successor takes over.
    pub fn rotate_every(&self) -> Duration {
        self.rotate_every
    }

    /// The longest time for which the key set may be cached.
    pub fn jwks_max_age(&self) -> Duration {
        self.jwks_max_age
    }

    /// Life of a token.
    pub fn token_ttl(&self) -> Duration {
        self.token_ttl
    }

    /// How far two clocks may differ.
    pub fn skew(&self) -> Duration {
        self.skew
    }

    /// How long a verifier may keep a key set after it got it from a cache.
    pub fn refresh(&self) -> Duration {
        self.refresh
    }

    /// The time within which every process of the issuer has read a change.
    pub fn reload(&self) -> Duration {
        self.reload
    }

    /// How long a key is public before it signs.
    pub fn lead(&self) -> Duration {
        self.lead
    }

    /// How long a key stays public after it was retired.
    pub fn retain(&self) -> Duration {
        self.retain
    }

    /// How long a key has to stay public whose tokens live for `token_life`.
    pub fn retain_for(&self, token_life: Duration) -> Duration {
        retention(as_kept(token_life), self.skew, self.reload)
    }

    /// The time after which no verifier that keeps to the contract accepts a token of a revoked key.
    pub fn revocation_bound(&self) -> Duration {
        self.reload + self.jwks_max_age + self.refresh
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a key is public for {} before it signs, signs for {}, and stays public for {} after; \
             a revoked key is refused everywhere within {}",
            span(self.lead),
            span(self.rotate_every),
            span(self.retain),
            span(self.revocation_bound()),
        )
    }
}

/// One skew for the verifier's clock and one for the process that removes the key; the reload because a process signs with
/// the old key until it has read the new one.
fn retention(token_life: Duration, skew: Duration, reload: Duration) -> Duration {
    token_life + skew + skew + reload
}

/// The span as rows keep it: in whole milliseconds, rounded up, and at most a thousand years, so that sums of spans and
/// moments stay within their types.
fn as_kept(span: Duration) -> Duration {
    const LONGEST_MILLIS: u64 = 1000 * 365 * 86_400_000;
    let millis = span.as_nanos().div_ceil(1_000_000);
    Duration::from_millis(u64::try_from(millis).map_or(LONGEST_MILLIS, |millis| millis.min(LONGEST_MILLIS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const DEFAULTS: Terms = Terms {
        rotate_every: Duration::from_secs(30 * 86_400),
        jwks_max_age: Duration::from_secs(300),
        token_ttl: Duration::from_secs(900),
        leeway: Duration::from_secs(30),
        algorithms: Algorithms::only(Algorithm::EdDsa),
    };

    #[test]
    fn contract_of_the_defaults_holds_and_reads_as_one_sentence() {
        let contract = Contract::new(DEFAULTS).unwrap();
        assert_eq!(contract.lead(), Duration::from_secs(300 + 300 + 15 + 30));
        assert_eq!(contract.retain(), Duration::from_secs(900 + 30 + 30 + 15));
        assert_eq!(
            contract.to_string(),
            "a key is public for 10m45s before it signs, signs for 30d, and stays public for 16m15s after; \
             a revoked key is refused everywhere within 10m15s"
        );
    }

    #[test]
    fn new_takes_the_shortest_interval_that_its_refusal_names() {
        let error = Contract::new(Terms { rotate_every: 600 * SECOND, ..DEFAULTS }).unwrap_err();
        assert_eq!(
            error.to_string(),
            "SIGNET_ROTATE_EVERY (10m) must be at least 11m: with SIGNET_JWKS_MAX_AGE at 5m and SIGNET_LEEWAY at 30s, \
             a key has to be public for 10m45s before it may sign"
        );
        let Error::RotatesTooFast { least, .. } = error else { panic!("{error}") };
        assert!(Contract::new(Terms { rotate_every: least, ..DEFAULTS }).is_ok());
        assert!(Contract::new(Terms { rotate_every: least - Duration::from_millis(1), ..DEFAULTS }).is_err());
    }

    #[test]
    fn new_takes_a_life_of_seconds() {
        let terms = Terms {
            rotate_every: 3 * SECOND,
            jwks_max_age: SECOND,
            token_ttl: SECOND,
            leeway: Duration::ZERO,
            ..DEFAULTS
        };
        let contract = Contract::new(terms).unwrap();
        assert_eq!(contract.reload(), Duration::from_millis(250));
        assert_eq!(contract.lead(), Duration::from_millis(2250));
    }

    #[test]
    fn new_refuses_lives_below_a_second() {
        let short = Duration::from_millis(999);
        assert_eq!(
            Contract::new(Terms { jwks_max_age: short, ..DEFAULTS }),
            Err(Error::MaxAgeTooShort(short))
        );
        assert_eq!(Contract::new(Terms { token_ttl: short, ..DEFAULTS }), Err(Error::TtlTooShort(short)));
    }

    #[test]
    fn new_refuses_token_lives_of_so_many_rotations_that_the_set_outgrows_verifiers() {
        let terms = Terms { rotate_every: 660 * SECOND, token_ttl: 86_400 * SECOND, ..DEFAULTS };
        let error = Contract::new(terms).unwrap_err();
        assert_eq!(
            error.to_string(),
            "SIGNET_ROTATE_EVERY (11m) is too short for SIGNET_TOKEN_TTL (1d) with SIGNET_ALGORITHMS at EdDSA: more than 32 keys \
             would be public at once"
        );
    }

    #[test]
    fn new_judges_absurd_settings_without_overflow() {
        let longest = Duration::MAX;
        let terms = Terms {
            rotate_every: longest,
            jwks_max_age: longest,
            token_ttl: longest,
            leeway: longest,
            ..DEFAULTS
        };
        assert!(Contract::new(terms).is_err());
        assert!(Contract::new(Terms { rotate_every: longest, ..DEFAULTS }).is_ok());
    }

    #[test]
    fn new_takes_only_spans_that_a_row_can_hold() {
        let odd = Duration::from_nanos(1_000_000_001);
        let contract =
            Contract::new(Terms { jwks_max_age: odd, token_ttl: odd, leeway: odd, ..DEFAULTS }).unwrap();
        for span in [contract.lead(), contract.retain(), contract.reload()] {
            assert_eq!(span.subsec_nanos() % 1_000_000, 0, "{span:?}");
        }
        assert!(contract.token_ttl() >= odd);
    }
}
