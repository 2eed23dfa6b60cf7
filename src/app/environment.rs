//! What a server takes from its surroundings.
//! In: the machine, or a test. Out: time and randomness.

use std::fmt;
use std::sync::Arc;

use signet_verify::clock::{Clock, Entropy, SystemClock};
use signet_verify::crypto::SystemEntropy;

/// Time and randomness, handed in so that a test can have its own.
#[derive(Clone)]
pub struct Environment {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Environment {
    /// The machine's own clock and generator.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy::new()) }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}
