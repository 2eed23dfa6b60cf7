//! RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2, RFC 7518 section 3.3): keys that are taken, and verification.

use std::ops::Range;
use std::sync::Arc;

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

use super::unsound_key::UnsoundKey;

/// The shortest modulus that is taken (RFC 7518 section 3.3).
pub(super) const MIN_BITS: usize = 2048;

/// The longest modulus that is taken: a verification costs its square, and this is the most that ring signs with.
pub(super) const MAX_BITS: usize = 4096;

/// The longest public exponent, in bytes; ring reads up to 33 bits.
const MAX_EXPONENT_BYTES: usize = 4;

/// A public key as an `RSAPublicKey` of PKCS#1 in DER (RFC 8017 appendix A.1.1), with the places of its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RsaKey {
    der: Arc<[u8]>,
    modulus: Range<usize>,
    exponent: Range<usize>,
}

impl RsaKey {
    /// Takes the numbers, big-endian and without leading zeros (RFC 7518 section 6.3.1).
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, UnsoundKey> {
        if modulus.first().is_none_or(|byte| *byte == 0) || exponent.first().is_none_or(|byte| *byte == 0) {
            return Err(UnsoundKey::NotCanonical);
        }
        let bits = 8 * modulus.len() - modulus[0].leading_zeros() as usize;
        if !(MIN_BITS..=MAX_BITS).contains(&bits) {
            return Err(UnsoundKey::WrongLength);
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        let value = exponent.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        if exponent.len() > MAX_EXPONENT_BYTES || value < 65_537 || !is_odd(exponent) {
            return Err(UnsoundKey::WeakExponent);
        }
        if !is_odd(modulus) {
            return Err(UnsoundKey::EvenModulus);
        }
        if is_predictable(modulus) {
            return Err(UnsoundKey::Predictable);
        }
        let (modulus_der, exponent_der) = (integer(modulus), integer(exponent));
        let mut der = vec![0x30];
        length(&mut der, modulus_der.len() + exponent_der.len());
        der.extend(&modulus_der);
        let modulus_end = der.len();
        der.extend(&exponent_der);
        let exponent_end = der.len();
        Ok(Self {
            der: der.into(),
            modulus: modulus_end - modulus.len()..modulus_end,
            exponent: exponent_end - exponent.len()..exponent_end,
        })
    }

    /// Reads the DER that [`der`](Self::der) writes, and no other spelling of it.
    pub fn from_der(der: &[u8]) -> Result<Self, UnsoundKey> {
        let read = || {
            let (body, rest) = element(der, 0x30)?;
            let (modulus, exponent) = element(body, 0x02)?;
            let (exponent, end) = element(exponent, 0x02)?;
            (rest.is_empty() && end.is_empty()).then(|| (unsigned(modulus), unsigned(exponent)))
        };
        let (modulus, exponent) = read().ok_or(UnsoundKey::NotCanonical)?;
        let key = Self::new(modulus, exponent)?;
        if *key.der == *der { Ok(key) } else { Err(UnsoundKey::NotCanonical) }
    }

    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// n, big-endian without leading zeros.
    pub fn modulus(&self) -> &[u8] {
        &self.der[self.modulus.clone()]
    }

    /// e, big-endian without leading zeros.
    pub fn exponent(&self) -> &[u8] {
        &self.der[self.exponent.clone()]
    }

    /// Whether `signature` is right for `message`; it has as many bytes as the modulus, and its number is below it.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: self.modulus(), e: self.exponent() };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}

/// The primes modulo which a modulus of Infineon's generator is a power of 65537, as both of its factors are.
const MARKED_PRIMES: [u64; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the modulus has the mark of ROCA (Nemec et al., CCS 2017): the factors of such a key of 2048 bits can be
/// computed, so that its holder is not the only one who signs. Of other keys one in 2^28 has the mark by chance.
fn is_predictable(modulus: &[u8]) -> bool {
    MARKED_PRIMES.iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest << 8 | u64::from(*byte)) % prime);
        let mut powers = std::iter::successors(Some(1), |power| Some(power * 65_537 % prime));
        powers.by_ref().take(*prime as usize).any(|power| power == rest)
    })
}

/// An INTEGER of DER (X.690 section 8.3) with this magnitude.
fn integer(magnitude: &[u8]) -> Vec<u8> {
    let sign = magnitude.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut der = vec![0x02];
    length(&mut der, magnitude.len() + usize::from(sign));
    der.extend(sign.then_some(0));
    der.extend(magnitude);
    der
}

/// A length of DER (X.690 section 10.1); no key needs more than two bytes of it.
fn length(der: &mut Vec<u8>, length: usize) {
    let bytes = (length as u16).to_be_bytes();
    match length {
        0..0x80 => der.push(bytes[1]),
        0x80..0x100 => der.extend([0x81, bytes[1]]),
        _ => der.extend([0x82, bytes[0], bytes[1]]),
    }
}

/// The content of the element with this tag that `der` begins with, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der.strip_prefix(&[tag])? {
        [length @ 0..=0x7f, rest @ ..] => (usize::from(*length), rest),
        [0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The magnitude of a positive INTEGER; what it was written with beyond that is judged by writing it again.
fn unsigned(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bits: usize) -> Vec<u8> {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] = 0xff >> (8 * modulus.len() - bits);
        modulus
    }

    #[test]
    fn new_bounds_sizes_and_exponents() {
        let new = |bits, exponent: &[u8]| RsaKey::new(&modulus(bits), exponent).map(|_| ());
        for bits in [2048, 3072, 4096] {
            assert_eq!(new(bits, &[1, 0, 1]), Ok(()), "{bits}");
        }
        for bits in [512, 1024, 2047, 4097, 8192] {
            assert_eq!(new(bits, &[1, 0, 1]), Err(UnsoundKey::WrongLength), "{bits}");
        }
        for exponent in [&[1][..], &[3], &[17], &[1, 0, 0], &[0xff, 0xff], &[1, 0, 2], &[1, 0, 0, 0, 1]] {
            assert_eq!(new(2048, exponent), Err(UnsoundKey::WeakExponent), "{exponent:?}");
        }
        assert_eq!(new(2048, &[0, 1, 0, 1]), Err(UnsoundKey::NotCanonical));
        assert_eq!(new(2048, &[]), Err(UnsoundKey::NotCanonical));
        let mut even = modulus(2048);
        even[255] = 0xfe;
        assert_eq!(RsaKey::new(&even, &[1, 0, 1]).err(), Some(UnsoundKey::EvenModulus));
        assert_eq!(
            RsaKey::new(&[&[0], &modulus(2048)[..]].concat(), &[1, 0, 1]).err(),
            Some(UnsoundKey::NotCanonical)
        );
    }

    #[test]
    fn from_der_reads_der_back_and_takes_one_spelling() {
        for bits in [2048, 2049, 3072, 4096] {
            let key = RsaKey::new(&modulus(bits), &[1, 0, 1]).unwrap();
            assert_eq!(RsaKey::from_der(key.der()), Ok(key.clone()));
            for at in 0..key.der().len() {
                assert!(RsaKey::from_der(&key.der()[..at]).is_err(), "{at}");
            }
            assert!(RsaKey::from_der(&[key.der(), &[0]].concat()).is_err());
        }
        let key = RsaKey::new(&modulus(2048), &[1, 0, 1]).unwrap();
        let mut long = vec![0x30, 0x82, 0x01, 0x0b];
        long.extend([0x02, 0x82, 0x01, 0x02, 0, 0]); // one zero more than the sign needs
        long.extend(modulus(2048));
        long.extend([0x02, 0x03, 1, 0, 1]);
        assert_eq!(RsaKey::from_der(&long), Err(UnsoundKey::NotCanonical));
        // A length in more bytes than it takes, and a modulus without the zero that makes it positive.
        let (body, exponent) = (modulus(2048), [0x02, 0x03, 1, 0, 1]);
        let number = [&[0x02, 0x82, 0x01, 0x01, 0][..], &body[..]].concat();
        let roundabout =
            [&[0x30, 0x82, 0x01, 0x0b][..], &number[..], &[0x02, 0x81, 0x03, 1, 0, 1][..]].concat();
        assert_eq!(RsaKey::from_der(&roundabout), Err(UnsoundKey::NotCanonical));
        let negative =
            [&[0x30, 0x82, 0x01, 0x09, 0x02, 0x82, 0x01, 0x00][..], &body[..], &exponent[..]].concat();
        assert_eq!(RsaKey::from_der(&negative), Err(UnsoundKey::NotCanonical));
        let usual = [&[0x30, 0x82, 0x01, 0x0a][..], &number[..], &exponent[..]].concat();
        assert_eq!(RsaKey::from_der(&usual), Ok(key.clone()));
        assert_eq!(key.der().len(), 270);
    }
}
