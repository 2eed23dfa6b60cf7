//! Signatures, MACs and hashes: the one small module over ring, so that the library can change.
//! In: keys and messages. Out: signatures, MACs, and whether one is right.
//! Owns: a weak public key is never a [`VerifyingKey`], and a signature has one encoding only.

use std::fmt;
use std::sync::Arc;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use ring::{digest, hmac};

use crate::secret::{SecretTooShort, Seed, SharedSecret};

/// The little-endian prime p = 2^255 - 19 of the field (RFC 8032 section 5.1).
const FIELD_PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The y-coordinates, little-endian, of the eight points whose order divides the cofactor 8.
///
/// Under such a key, and with such an R, signatures exist that fit many messages and that nobody needed a seed for.
/// With both signs of x and the two that can also be written as y + p, these are the 14 encodings which libsodium's
/// `verify` and dalek's `verify_strict` refuse.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    // y = 0: two points of order 4
    [0; 32],
    // y = 1: the neutral point
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    // y = p - 1: the point of order 2
    {
        let mut minus_one = FIELD_PRIME;
        minus_one[0] = 0xec;
        minus_one
    },
    // two points of order 8
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    // the other two points of order 8; this y and the one above add up to p
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// Why some bytes are not an acceptable Ed25519 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum WeakKey {
    /// A public key has 32 bytes (RFC 8032 section 5.1.5).
    #[error("the public key does not have 32 bytes")]
    WrongLength,
    /// The point has an order of 1, 2, 4 or 8, so that anybody can sign for it.
    #[error("the public key is a point of small order")]
    SmallOrder,
    /// The y-coordinate is not reduced, so that the same key has a second spelling (RFC 8032 section 5.1.3).
    #[error("the public key is not encoded canonically")]
    NotCanonical,
}

/// Refuses an encoded point that has a small order or a y-coordinate of p or more.
fn check_point(encoded: &[u8; 32]) -> Result<(), WeakKey> {
    let mut y = *encoded;
    y[31] &= 0x7f; // the top bit is the sign of x
    if y.iter().rev().ge(FIELD_PRIME.iter().rev()) {
        return Err(WeakKey::NotCanonical);
    }
    if SMALL_ORDER_Y.contains(&y) {
        return Err(WeakKey::SmallOrder);
    }
    Ok(())
}

/// The public half of an Ed25519 key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// Takes a public key in the encoding of RFC 8032 section 5.1.2.
    ///
    /// Bytes that name no point of the curve are taken as well: no signature is ever right under them.
    ///
    /// # Errors
    /// [`WeakKey`] for a wrong length, a point of small order, or an encoding that is not the canonical one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeakKey> {
        let encoded = bytes.try_into().map_err(|_| WeakKey::WrongLength)?;
        check_point(&encoded)?;
        Ok(Self(encoded))
    }

    /// The 32 bytes of the encoded point.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` is the pure Ed25519 signature of `message` under this key (RFC 8032 section 5.1.7).
    ///
    /// Stricter than the RFC: an R of small order or with a second spelling is refused, as is any S of the group
    /// order or more, so nobody can turn a signature into another valid one.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some(r) = signature.first_chunk::<32>() else { return false };
        check_point(r).is_ok() && UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

/// The seed does not make a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the seed does not make an Ed25519 key")]
pub struct SeedRefused;

/// The private half of an Ed25519 key, ready to sign; clones share the memory.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
    public: VerifyingKey,
}

impl SigningKey {
    /// Derives the key of `seed` (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    /// [`SeedRefused`] when no sound key comes of it, which is not known to happen.
    pub fn from_seed(seed: &Seed) -> Result<Self, SeedRefused> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| SeedRefused)?;
        let public = VerifyingKey::from_bytes(pair.public_key().as_ref()).map_err(|_| SeedRefused)?;
        Ok(Self { pair: Arc::new(pair), public })
    }

    /// The public half.
    pub fn public(&self) -> VerifyingKey {
        self.public
    }

    /// Signs `message`; the same message gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        fixed(self.pair.sign(message).as_ref())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// A key of HMAC with SHA-256 (RFC 2104, RFC 7518 section 3.2).
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// The key whose bytes are the secret's UTF-8, as the backends that share it use them.
    pub fn new(secret: &SharedSecret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    /// A key that is not text, such as the octets of an imported JWK.
    ///
    /// # Errors
    /// [`SecretTooShort`] below the 32 bytes that RFC 7518 section 3.2 demands.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SecretTooShort> {
        if bytes.len() < SharedSecret::MIN_BYTES {
            return Err(SecretTooShort(bytes.len()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// The MAC of `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        fixed(hmac::sign(&self.0, message).as_ref())
    }

    /// Whether `tag` is the whole MAC of `message`; takes the same time wherever they differ.
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

/// The SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    fixed(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Copies what ring returns as a slice although its length never varies.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut copy = [0; N];
    copy.copy_from_slice(bytes);
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_signs_of_every_small_order_point_are_refused() {
        for y in SMALL_ORDER_Y {
            let mut negative = y;
            negative[31] |= 0x80;
            assert_eq!(check_point(&y), Err(WeakKey::SmallOrder));
            assert_eq!(check_point(&negative), Err(WeakKey::SmallOrder));
        }
    }

    #[test]
    fn the_two_rows_of_order_eight_are_each_others_negative() {
        let mut carry = 0;
        let sum = std::array::from_fn(|i| {
            let digit = u16::from(SMALL_ORDER_Y[3][i]) + u16::from(SMALL_ORDER_Y[4][i]) + carry;
            carry = digit >> 8;
            digit.to_le_bytes()[0]
        });
        assert_eq!(FIELD_PRIME, sum);
    }

    #[test]
    fn every_y_from_p_up_is_refused_and_nothing_below() {
        for low in 0..=u8::MAX {
            let mut y = FIELD_PRIME;
            y[0] = low;
            assert_eq!(check_point(&y) == Err(WeakKey::NotCanonical), low >= 0xed, "{low:#x}");
        }
    }

    #[test]
    fn debug_shows_nothing_private() {
        let seed = Seed::new([0x41; 32]);
        let shown = format!("{:?} {:?}", SigningKey::from_seed(&seed), MacKey::from_bytes(&[0x41; 32]));
        assert!(!shown.contains("65, 65") && !shown.contains("4141"), "{shown}");
    }
}
