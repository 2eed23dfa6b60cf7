//! Random numbers from a seed: the same seed gives the same story.

use signet_verify::clock::{Entropy, SeededEntropy};

/// A generator of random numbers that are the same for the same seed.
pub struct Dice(SeededEntropy);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x9e37_79b9))
    }

    fn roll(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes)
    }

    /// A number below `end`.
    pub fn below(&self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// A place in a list of `len` things.
    pub fn place(&self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }

    /// True in so many of a thousand cases.
    pub fn in_thousand(&self, cases: u64) -> bool {
        self.below(1000) < cases
    }
}
