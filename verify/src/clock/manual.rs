//! A clock and randomness that tests and simulations turn by hand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::{Clock, Entropy, EntropyUnavailable, Timestamp, millis};

/// A clock that stands still until it is told otherwise, for tests and simulations.
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicI64,
    monotonic_nanos: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { wall: AtomicI64::new(now.millis()), monotonic_nanos: AtomicU64::new(0) }
    }

    /// Lets `span` pass, in wall time and in monotonic time.
    pub fn advance(&self, span: Duration) {
        // Monotonic time first: wall time that runs ahead of it looks like a machine that has slept.
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.monotonic_nanos.fetch_add(nanos, Ordering::SeqCst);
        self.wall.fetch_add(millis(span), Ordering::SeqCst);
    }

    /// Sets the wall time alone, as an administrator or NTP may do.
    pub fn set_wall(&self, now: Timestamp) {
        self.wall.store(now.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.monotonic_nanos.load(Ordering::SeqCst))
    }
}

/// A repeatable stream of bytes for tests and simulations. Not for secrets.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// The stream that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        let mut state = self.0.lock().map_err(|_| EntropyUnavailable)?;
        for byte in bytes {
            // SplitMix64 (Steele, Lea and Flood 2014): short, and every seed gives another stream.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)).to_le_bytes()[0];
        }
        Ok(())
    }
}
