//! ECDSA on P-256 with SHA-256 (FIPS 186-5, RFC 7518 section 3.4): points that are keys, and verification.
//!
//! Everything computed here is public, so it need not take the same time for all inputs.

use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::unsound_key::UnsoundKey;

/// Length of an uncompressed point (SEC 1 section 2.3.3): 0x04, x, y.
pub(super) const POINT_LEN: usize = 65;

/// A number below 2^256, its lowest 64 bits first.
type Number = [u64; 4];

/// p = 2^256 - 2^224 + 2^192 + 2^96 - 1 (SP 800-186 section 3.2.1.3).
const FIELD_PRIME: Number = [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001];

/// b of the curve y^2 = x^3 - 3x + b.
const B: Number =
    [0x3bce_3c3e_27d2_604b, 0x651d_06b0_cc53_b0f6, 0xb3eb_bd55_7698_86bc, 0x5ac6_35d8_aa3a_93e7];

/// Takes an uncompressed point of the curve. The group has a prime order, so every point but infinity, which has no
/// such encoding, is a sound key.
pub(super) fn public_key(bytes: &[u8]) -> Result<[u8; POINT_LEN], UnsoundKey> {
    let point: [u8; POINT_LEN] = bytes.try_into().map_err(|_| UnsoundKey::WrongLength)?;
    let [4, coordinates @ ..] = &point else { return Err(UnsoundKey::NotCanonical) };
    let (x, y) = coordinates.split_at(32);
    let (x, y) = (number(x), number(y));
    if !is_below(&x, &FIELD_PRIME) || !is_below(&y, &FIELD_PRIME) {
        return Err(UnsoundKey::NotCanonical);
    }
    // y^2 + 3x = x^3 + b: the equation of the curve without a subtraction.
    let left = add(&multiply(&y, &y), &add(&x, &add(&x, &x)));
    let right = add(&multiply(&multiply(&x, &x), &x), &B);
    if left == right { Ok(point) } else { Err(UnsoundKey::NotOnCurve) }
}

/// Whether `signature`, r and s of 32 bytes each, is right for `message` under the point `key`.
///
/// With (r, s) the pair (r, n - s) is right too, as ECDSA has it; whoever needs one spelling must not go by the text.
pub(super) fn verify(key: &[u8; POINT_LEN], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature).is_ok()
}

/// The number that 32 big-endian bytes stand for.
fn number(bytes: &[u8]) -> Number {
    let mut number = [0; 4];
    for (limb, chunk) in number.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_be_bytes(*chunk);
    }
    number
}

fn is_below(a: &Number, b: &Number) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// a + b modulo p, for a and b below p.
fn add(a: &Number, b: &Number) -> Number {
    let (mut sum, mut carry) = ([0; 4], false);
    for (digit, (a, b)) in sum.iter_mut().zip(a.iter().zip(b)) {
        (*digit, carry) = carrying_add(*a, *b, carry);
    }
    if carry || !is_below(&sum, &FIELD_PRIME) { subtract_prime(&sum) } else { sum }
}

/// a - p modulo 2^256.
fn subtract_prime(a: &Number) -> Number {
    let (mut difference, mut borrow) = ([0; 4], false);
    for (digit, (a, p)) in difference.iter_mut().zip(a.iter().zip(&FIELD_PRIME)) {
        let (less, first) = a.overflowing_sub(*p);
        let (less, second) = less.overflowing_sub(u64::from(borrow));
        (*digit, borrow) = (less, first || second);
    }
    difference
}

fn carrying_add(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    (sum, first || second)
}

/// a * b modulo p, bit by bit; a key is read once and not for each token.
fn multiply(a: &Number, b: &Number) -> Number {
    let mut product = [0; 4];
    for bit in (0..256).rev() {
        product = add(&product, &product);
        if b[bit / 64] >> (bit % 64) & 1 == 1 {
            product = add(&product, a);
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator of the group (SP 800-186 section 3.2.1.3).
    const GENERATOR: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
        4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn public_key_takes_the_generator_and_its_negative() {
        let generator = bytes(GENERATOR);
        assert!(public_key(&generator).is_ok());
        // p - y, by p - y = (p - 1) - (y - 1), digit by digit: y of the generator is not 0.
        let mut y = number(&generator[33..]);
        let mut borrow = false;
        for (digit, p) in y.iter_mut().zip(FIELD_PRIME) {
            let (less, first) = p.overflowing_sub(*digit);
            let (less, second) = less.overflowing_sub(u64::from(borrow));
            (*digit, borrow) = (less, first || second);
        }
        let mut negative = generator[..33].to_vec();
        negative.extend(y.iter().rev().flat_map(|digit| digit.to_be_bytes()));
        assert!(public_key(&negative).is_ok());
    }

    #[test]
    fn public_key_refuses_every_neighbour_of_a_point() {
        for at in 1..POINT_LEN {
            for bit in 0..8 {
                let mut point = bytes(GENERATOR);
                point[at] ^= 1 << bit;
                assert_eq!(public_key(&point), Err(UnsoundKey::NotOnCurve), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn public_key_refuses_other_encodings_and_unreduced_coordinates() {
        let mut compressed = bytes(GENERATOR);
        compressed[0] = 2;
        assert_eq!(public_key(&compressed), Err(UnsoundKey::NotCanonical));
        assert_eq!(public_key(&compressed[..33]), Err(UnsoundKey::WrongLength));
        let mut large = bytes(GENERATOR);
        large[33..].fill(0xff);
        assert_eq!(public_key(&large), Err(UnsoundKey::NotCanonical));
        assert_eq!(public_key(&[0]), Err(UnsoundKey::WrongLength));
    }
}
