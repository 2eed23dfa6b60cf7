//! Time and randomness, handed in from outside.
//! In: nothing. Out: wall time, monotonic time and random bytes.
//! Owns: no other module reads the ambient clock (`clippy.toml` refuses it).

#[cfg(any(test, feature = "testing"))]
mod manual;

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// A moment of wall time, in whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Exactly three fractional digits and `Z`: the client of Better Auth misreads every other number of digits.
const ISO_8601_MILLIS: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

impl Timestamp {
    /// The moment that lies `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The moment that lies `seconds` seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down, as a JWT's NumericDate wants them (RFC 7519 section 2).
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment and `span` more; saturates.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This moment less `span`; saturates.
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// ISO 8601 in UTC with milliseconds, such as `2026-11-22T20:14:27.695Z`.
    pub fn iso_8601(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(ISO_8601_MILLIS).ok())
            .unwrap_or_else(|| "+275760-09-13T00:00:00.000Z".to_owned())
    }

    /// Reads an RFC 3339 time such as `2027-01-31T00:00:00Z`; none if it is not one.
    pub fn parse_rfc_3339(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok().map(Self)
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(any(test, feature = "testing"))]
pub use self::manual::{ManualClock, SeededEntropy};

/// Where a module takes the time from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Wall time. It may jump, forwards and backwards.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process. It never goes backwards; limits and cache ages use it.
    fn monotonic(&self) -> Duration;
}

/// What a clock showed at one moment: wall time and monotonic time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Wall time.
    pub wall: Timestamp,
    /// Monotonic time.
    pub monotonic: Duration,
}

impl Reading {
    /// What `clock` shows now.
    pub fn now(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), monotonic: clock.monotonic() }
    }

    /// How long ago it was by the clock that says more: the machine may have slept, or wall time may have been set.
    pub fn elapsed(self, clock: &dyn Clock) -> Duration {
        clock.now().since(self.wall).max(clock.monotonic().saturating_sub(self.monotonic))
    }
}

/// The clock of the machine.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the ambient clock")]
    pub fn new() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the ambient clock")]
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => Timestamp(millis(since)),
            Err(before) => Timestamp(-millis(before.duration())),
        }
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The operating system could not give random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct EntropyUnavailable;

/// Where a module takes random bytes from.
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] when the source fails; nothing may be generated then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable>;
}

/// The 62 characters of identifiers and session tokens, as Better Auth writes them.
const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A random text of `length` letters and digits, every one equally likely (about 5.95 bits each).
///
/// # Errors
/// [`EntropyUnavailable`] when the source fails.
pub fn random_alphanumeric(entropy: &dyn Entropy, length: usize) -> Result<String, EntropyUnavailable> {
    let mut text = String::with_capacity(length);
    let mut block = zeroize::Zeroizing::new([0_u8; 64]);
    while text.len() < length {
        entropy.fill(block.as_mut_slice())?;
        // 248 is the largest multiple of 62 in a byte: refusing the rest keeps the choice even.
        let usable = block.iter().filter(|byte| **byte < 248);
        text.extend(
            usable.take(length - text.len()).map(|byte| char::from(ALPHANUMERIC[usize::from(byte % 62)])),
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_8601_has_exactly_three_digits_and_z() {
        assert_eq!(Timestamp::from_millis(1_795_378_467_695).iso_8601(), "2026-11-22T20:14:27.695Z");
        assert_eq!(Timestamp::from_millis(0).iso_8601(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn parse_rfc_3339_reads_times_and_no_nonsense() {
        assert_eq!(
            Timestamp::parse_rfc_3339("1970-01-01T01:00:00.5+01:00"),
            Some(Timestamp::from_millis(500))
        );
        assert_eq!(Timestamp::parse_rfc_3339("tomorrow"), None);
    }

    #[test]
    fn random_alphanumeric_has_letters_and_digits_of_the_asked_length() {
        let text = random_alphanumeric(&SeededEntropy::new(7), 200).unwrap();
        assert_eq!(text.len(), 200);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
