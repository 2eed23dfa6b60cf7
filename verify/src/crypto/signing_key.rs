//! Private halves, and what signs with them.
//! Owns: a private half implements neither `Display` nor `Serialize`, `Debug` shows nothing of it, and its memory is wiped.

use std::fmt;
use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::public_key::PublicKey;
use super::random::system;

/// The private half of a key in its canonical form: the 32-byte seed (RFC 8032 section 5.1.5) for EdDSA, the 32-byte
/// scalar for ES256, an `RSAPrivateKey` in DER (RFC 8017 appendix A.1.2) for RS256.
#[derive(Clone)]
pub struct PrivateKey {
    algorithm: Algorithm,
    bytes: Zeroizing<Vec<u8>>,
}

/// A key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no private key of the algorithm.
    #[error("this is no private key for {0}")]
    NoKey(Algorithm),
    /// The two halves are not of one key.
    #[error("the private half does not fit the public half")]
    Halves,
    /// ring could not sign, which is not known to happen with a key that it took.
    #[error("the key could not sign")]
    Signing,
}

impl PrivateKey {
    /// Takes over the bytes; whether they are a key is found when it is to sign.
    pub fn new(algorithm: Algorithm, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { algorithm, bytes }
    }

    /// Takes over the seed of an Ed25519 key.
    pub fn ed25519(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        Self::new(Algorithm::EdDsa, Zeroizing::new(seed.to_vec()))
    }

    /// The algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes themselves, for signing and sealing.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, ..)", self.algorithm)
    }
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair, SystemRandom),
    Rsa(RsaKeyPair, SystemRandom),
}

/// A key that is ready to sign; clones share the memory.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    public: PublicKey,
}

impl SigningKey {
    /// The key of the two halves.
    ///
    /// # Errors
    /// [`Error::NoKey`] for bytes that are no key, and [`Error::Halves`] when they are not of one key.
    pub fn new(private: &PrivateKey, public: &PublicKey) -> Result<Self, Error> {
        let algorithm = private.algorithm;
        if public.algorithm() != algorithm {
            return Err(Error::Halves);
        }
        let pair = match algorithm {
            Algorithm::EdDsa => Pair::Ed25519(ed25519(private)?),
            Algorithm::Rs256 => Pair::Rsa(rsa(private)?, system()),
            Algorithm::Es256 => {
                if private.bytes.len() != 32 {
                    return Err(Error::NoKey(algorithm));
                }
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &private.bytes,
                    public.as_bytes(),
                    &system(),
                );
                // ring tells a scalar out of range apart from one of another point as little as we need it.
                Pair::P256(pair.map_err(|_| Error::Halves)?, system())
            }
        };
        let key = Self { pair: Arc::new(pair), public: public.clone() };
        if key.derived() == public.as_bytes() { Ok(key) } else { Err(Error::Halves) }
    }

    /// The Ed25519 key of `seed` (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    /// [`Error::NoKey`] when no sound key comes of it, which is not known to happen.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let private = PrivateKey::ed25519(*seed);
        Self::new(&private, &public_half(&private).ok_or(Error::NoKey(Algorithm::EdDsa))?)
    }

    fn derived(&self) -> &[u8] {
        match &*self.pair {
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
            Pair::P256(pair, _) => pair.public_key().as_ref(),
            Pair::Rsa(pair, _) => pair.public_key().as_ref(),
        }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message` with the algorithm of the key. EdDSA and RS256 give the same signature each time, ES256 does not.
    ///
    /// # Errors
    /// [`Error::Signing`], which is not known to happen.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match &*self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair, random) => pair
                .sign(random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| Error::Signing),
            Pair::Rsa(pair, random) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, random, message, &mut signature).map_err(|_| Error::Signing)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

fn ed25519(private: &PrivateKey) -> Result<Ed25519KeyPair, Error> {
    Ed25519KeyPair::from_seed_unchecked(&private.bytes).map_err(|_| Error::NoKey(Algorithm::EdDsa))
}

fn rsa(private: &PrivateKey) -> Result<RsaKeyPair, Error> {
    RsaKeyPair::from_der(&private.bytes).map_err(|_| Error::NoKey(Algorithm::Rs256))
}

/// The public half of a private one; none if it is no sound key, or one of ES256, whose scalar ring does not multiply.
pub fn public_half(private: &PrivateKey) -> Option<PublicKey> {
    let bytes = match private.algorithm {
        Algorithm::EdDsa => ed25519(private).ok()?.public_key().as_ref().to_vec(),
        Algorithm::Rs256 => rsa(private).ok()?.public_key().as_ref().to_vec(),
        Algorithm::Es256 => return None,
    };
    PublicKey::from_bytes(private.algorithm, &bytes).ok()
}

/// A new key for ES256. Its randomness is the operating system's, since ring takes no other.
///
/// # Errors
/// [`Error::NoKey`] when the system gives no random bytes.
pub fn generate_p256() -> Result<(PrivateKey, PublicKey), Error> {
    const REFUSED: Error = Error::NoKey(Algorithm::Es256);
    let document =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &system()).map_err(|_| REFUSED)?;
    // ring writes one fixed form of PKCS#8: 36 bytes, the scalar, 5 bytes, the point.
    let bytes = document.as_ref();
    let scalar = bytes.get(36..68).ok_or(REFUSED)?.to_vec();
    let point = bytes.get(73..).ok_or(REFUSED)?;
    let public = PublicKey::from_bytes(Algorithm::Es256, point).map_err(|_| REFUSED)?;
    let private = PrivateKey::new(Algorithm::Es256, Zeroizing::new(scalar));
    SigningKey::new(&private, &public)?;
    Ok((private, public))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generate_p256_makes_a_key_that_verifies_what_it_signs() {
        let (private, public) = generate_p256().unwrap();
        let signature = SigningKey::new(&private, &public).unwrap().sign(b"message").unwrap();
        assert_eq!(signature.len(), 64);
        assert!(public.verify(b"message", &signature) && !public.verify(b"massage", &signature));
    }

    #[test]
    fn new_refuses_halves_of_two_keys() {
        let ((private, _), (_, public)) = (generate_p256().unwrap(), generate_p256().unwrap());
        assert_eq!(SigningKey::new(&private, &public).err(), Some(Error::Halves));
        let (first, second) = (PrivateKey::ed25519([1; 32]), SigningKey::from_seed(&[2; 32]).unwrap());
        assert_eq!(SigningKey::new(&first, second.public()).err(), Some(Error::Halves));
        assert_eq!(SigningKey::new(&first, &public).err(), Some(Error::Halves));
    }

    #[test]
    fn debug_shows_nothing_private() {
        let shown = format!("{:?} {:?}", PrivateKey::ed25519([0x41; 32]), SigningKey::from_seed(&[0x41; 32]));
        assert!(!shown.contains("65, 65") && !shown.contains("4141"), "{shown}");
    }
}
