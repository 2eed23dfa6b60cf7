//! Where new keys come from.
//! In: an algorithm. Out: the two halves of a new key.

use std::fmt;
use std::sync::Arc;

use josekit::jwk::alg::rsa::RsaKeyPair;
use signet_verify::clock::{Entropy, EntropyUnavailable};
use signet_verify::crypto::{self, Algorithm, PrivateKey, PublicKey, generate_p256, public_half};
use zeroize::Zeroizing;

/// Length of the modulus of RSA keys that are made here, in bits (RFC 7518 section 3.3 asks for at least as many).
pub const RSA_BITS: u32 = 2048;

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// What was made is no key, which is not known to happen.
    #[error(transparent)]
    Key(#[from] crypto::Error),
    /// OpenSSL could not make an RSA key.
    #[error("no RSA key could be made: {0}")]
    Rsa(String),
}

/// Makes keys. It may take long and is called off the runtime's own threads.
pub trait Generator: fmt::Debug + Send + Sync + 'static {
    /// A new key.
    ///
    /// # Errors
    /// [`Error`] when there is no randomness.
    fn generate(&self, algorithm: Algorithm) -> Result<(PrivateKey, PublicKey), Error>;
}

/// Makes keys out of randomness: Ed25519 seeds from the entropy that was handed in, P-256 keys by ring and RSA keys by
/// OpenSSL, which take none but their own.
#[derive(Clone, Debug)]
pub struct SystemGenerator(Arc<dyn Entropy>);

impl SystemGenerator {
    /// A generator whose Ed25519 seeds come from `entropy`.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self(entropy)
    }
}

impl Generator for SystemGenerator {
    fn generate(&self, algorithm: Algorithm) -> Result<(PrivateKey, PublicKey), Error> {
        let private = match algorithm {
            Algorithm::Es256 => return Ok(generate_p256()?),
            Algorithm::EdDsa => {
                let mut seed = Zeroizing::new([0; 32]);
                self.0.fill(seed.as_mut_slice())?;
                PrivateKey::ed25519(*seed)
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::generate(RSA_BITS).map_err(|error| Error::Rsa(error.to_string()))?;
                PrivateKey::new(algorithm, Zeroizing::new(pair.to_raw_private_key()))
            }
        };
        let public = public_half(&private).ok_or(crypto::Error::NoKey(algorithm))?;
        Ok((private, public))
    }
}

#[cfg(test)]
mod tests {
    use signet_verify::clock::SeededEntropy;
    use signet_verify::crypto::SigningKey;

    use super::*;

    #[test]
    fn generate_makes_a_key_of_each_algorithm_that_signs_and_no_two_alike() {
        let generator = SystemGenerator::new(Arc::new(SeededEntropy::new(1)));
        for algorithm in Algorithm::ALL {
            let (private, public) = generator.generate(algorithm).unwrap();
            assert_eq!((private.algorithm(), public.algorithm()), (algorithm, algorithm));
            let signature = SigningKey::new(&private, &public).unwrap().sign(b"message").unwrap();
            assert!(public.verify(b"message", &signature), "{algorithm}");
            assert_ne!(generator.generate(algorithm).unwrap().1, public, "{algorithm}");
        }
    }
}
