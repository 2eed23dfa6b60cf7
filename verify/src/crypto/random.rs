//! The generator of the operating system.

use ring::rand::SecureRandom;

use crate::clock::{Entropy, EntropyUnavailable};

/// The generator of the operating system, through ring.
#[derive(Debug)]
pub struct SystemEntropy(ring::rand::SystemRandom);

impl SystemEntropy {
    /// The system's generator.
    pub fn new() -> Self {
        Self(system())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        self.0.fill(bytes).map_err(|_| EntropyUnavailable)
    }
}

/// The generator that ring itself asks for: it takes no other.
#[expect(clippy::disallowed_methods, reason = "this is the one place that opens the ambient generator")]
pub(super) fn system() -> ring::rand::SystemRandom {
    ring::rand::SystemRandom::new()
}
