//! The public half of a signature key, whatever its algorithm.

use super::algorithm::Algorithm;
use super::rsa::{self, RsaKey};
use super::unsound_key::UnsoundKey;
use super::{ed25519, p256};

/// The public half of a key. Clones of an RSA key share the memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey(Half);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Half {
    Ed25519([u8; 32]),
    P256([u8; p256::POINT_LEN]),
    Rsa(RsaKey),
}

/// The numbers of a public key, as the members of a JWK have them.
pub(crate) enum Parts<'a> {
    /// `x` (RFC 8037 section 2).
    Ed25519 { x: &'a [u8] },
    /// `x` and `y` (RFC 7518 section 6.2.1).
    P256 { x: &'a [u8], y: &'a [u8] },
    /// `n` and `e` (RFC 7518 section 6.3.1).
    Rsa { n: &'a [u8], e: &'a [u8] },
}

impl PublicKey {
    /// Takes a public key in its canonical form: the 32 bytes of RFC 8032 section 5.1.2 for EdDSA, an uncompressed
    /// point (SEC 1 section 2.3.3) for ES256, an `RSAPublicKey` in DER (RFC 8017 appendix A.1.1) for RS256.
    ///
    /// # Errors
    /// [`UnsoundKey`], which says what is wrong with it.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, UnsoundKey> {
        Ok(Self(match algorithm {
            Algorithm::EdDsa => Half::Ed25519(ed25519::public_key(bytes)?),
            Algorithm::Es256 => Half::P256(p256::public_key(bytes)?),
            Algorithm::Rs256 => Half::Rsa(RsaKey::from_der(bytes)?),
        }))
    }

    /// Takes the coordinates of a point of P-256, 32 bytes each.
    ///
    /// # Errors
    /// [`UnsoundKey`] for other lengths, and for what is no point of the curve.
    pub fn p256(x: &[u8], y: &[u8]) -> Result<Self, UnsoundKey> {
        if x.len() != 32 || y.len() != 32 {
            return Err(UnsoundKey::WrongLength);
        }
        Self::from_bytes(Algorithm::Es256, &[&[4], x, y].concat())
    }

    /// Takes an RSA modulus and exponent, big-endian without leading zeros.
    ///
    /// # Errors
    /// [`UnsoundKey`] unless the modulus is odd and has 2048 to 4096 bits, the exponent is odd and at least 65537, and
    /// the modulus is not one that is known to be broken.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, UnsoundKey> {
        Ok(Self(Half::Rsa(RsaKey::new(modulus, exponent)?)))
    }

    /// The one algorithm that the key is used with.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Half::Ed25519(_) => Algorithm::EdDsa,
            Half::P256(_) => Algorithm::Es256,
            Half::Rsa(_) => Algorithm::Rs256,
        }
    }

    /// The canonical form that [`from_bytes`](Self::from_bytes) takes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Half::Ed25519(point) => point,
            Half::P256(point) => point,
            Half::Rsa(key) => key.der(),
        }
    }

    pub(crate) fn parts(&self) -> Parts<'_> {
        match &self.0 {
            Half::Ed25519(x) => Parts::Ed25519 { x },
            Half::P256(point) => {
                let (x, y) = point[1..].split_at(32);
                Parts::P256 { x, y }
            }
            Half::Rsa(key) => Parts::Rsa { n: key.modulus(), e: key.exponent() },
        }
    }

    /// Whether `signature` is the signature of `message` under this key and its algorithm.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Half::Ed25519(key) => ed25519::verify(key, message, signature),
            Half::P256(key) => p256::verify(key, message, signature),
            Half::Rsa(key) => key.verify(message, signature),
        }
    }
}

impl Algorithm {
    /// Whether a signature may have so many bytes; an RSA signature has as many as the modulus of its key.
    pub(crate) fn takes_signature_of(self, bytes: usize) -> bool {
        match self {
            Self::EdDsa | Self::Es256 => bytes == 64,
            Self::Rs256 => (rsa::MIN_BITS / 8..=rsa::MAX_BITS / 8).contains(&bytes),
        }
    }
}
