//! Ed25519 (RFC 8032): points that are refused, and the strict verification.
//! Owns: a key has one spelling, and a signature has one encoding only.

use ring::signature::{ED25519, UnparsedPublicKey};

use super::unsound_key::UnsoundKey;

/// The little-endian prime p = 2^255 - 19 of the field (RFC 8032 section 5.1).
const FIELD_PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The y-coordinates, little-endian, of the eight points whose order divides the cofactor 8.
///
/// Under such a key, and with such an R, signatures exist that fit many messages and that take no private key to make.
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

/// Refuses an encoded point that has a small order or a y-coordinate of p or more.
fn check_point(encoded: &[u8; 32]) -> Result<(), UnsoundKey> {
    let mut y = *encoded;
    y[31] &= 0x7f; // the top bit is the sign of x
    if y.iter().rev().ge(FIELD_PRIME.iter().rev()) {
        return Err(UnsoundKey::NotCanonical);
    }
    if SMALL_ORDER_Y.contains(&y) {
        return Err(UnsoundKey::SmallOrder);
    }
    Ok(())
}

/// Takes a public key in the encoding of RFC 8032 section 5.1.2.
///
/// Bytes that name no point of the curve are taken as well: no signature is ever right under them.
pub(super) fn public_key(bytes: &[u8]) -> Result<[u8; 32], UnsoundKey> {
    let encoded = bytes.try_into().map_err(|_| UnsoundKey::WrongLength)?;
    check_point(&encoded)?;
    Ok(encoded)
}

/// Whether `signature` is the pure Ed25519 signature of `message` under `key` (RFC 8032 section 5.1.7).
///
/// Stricter than the RFC: an R of small order or with a second spelling is refused, as is any S of the group
/// order or more, so no signature can be turned into another valid one.
pub(super) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let Some(r) = signature.first_chunk::<32>() else { return false };
    check_point(r).is_ok() && UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_key_refuses_both_signs_of_every_small_order_point() {
        for y in SMALL_ORDER_Y {
            let mut negative = y;
            negative[31] |= 0x80;
            assert_eq!(check_point(&y), Err(UnsoundKey::SmallOrder));
            assert_eq!(check_point(&negative), Err(UnsoundKey::SmallOrder));
        }
    }

    #[test]
    fn small_order_rows_of_order_eight_are_each_others_negative() {
        let mut carry = 0;
        let sum = std::array::from_fn(|i| {
            let digit = u16::from(SMALL_ORDER_Y[3][i]) + u16::from(SMALL_ORDER_Y[4][i]) + carry;
            carry = digit >> 8;
            digit.to_le_bytes()[0]
        });
        assert_eq!(FIELD_PRIME, sum);
    }

    #[test]
    fn public_key_refuses_every_y_from_p_up_and_none_below() {
        for low in 0..=u8::MAX {
            let mut y = FIELD_PRIME;
            y[0] = low;
            assert_eq!(check_point(&y) == Err(UnsoundKey::NotCanonical), low >= 0xed, "{low:#x}");
        }
    }
}
