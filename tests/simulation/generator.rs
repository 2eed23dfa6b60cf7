//! New keys for stories: as many as are wanted, made once for all stories where that takes long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use signet::keys::generator::{Error, Generator, SystemGenerator};
use signet_verify::clock::SeededEntropy;
use signet_verify::crypto::{Algorithm, PrivateKey, PublicKey};

/// RSA keys that were made so far; every story takes them in the same order, so only the longest one waits for more.
static RSA: Mutex<Vec<(PrivateKey, PublicKey)>> = Mutex::new(Vec::new());

/// The generator of one story, for all of its processes.
#[derive(Debug)]
pub struct Pool {
    others: SystemGenerator,
    taken: AtomicUsize,
}

impl Pool {
    pub fn new(seed: u64) -> Self {
        Self { others: SystemGenerator::new(Arc::new(SeededEntropy::new(seed))), taken: AtomicUsize::new(0) }
    }
}

impl Generator for Pool {
    fn generate(&self, algorithm: Algorithm) -> Result<(PrivateKey, PublicKey), Error> {
        if algorithm != Algorithm::Rs256 {
            return self.others.generate(algorithm);
        }
        let place = self.taken.fetch_add(1, Ordering::Relaxed);
        let mut made = RSA.lock();
        while made.len() <= place {
            made.push(self.others.generate(algorithm)?);
        }
        Ok(made[place].clone())
    }
}
