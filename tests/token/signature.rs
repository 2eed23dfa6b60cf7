//! A signature has one form, and only the key's holder can make it.

use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::json;
use signet_verify::crypto::Algorithm;
use signet_verify::crypto::{PublicKey, SigningKey, UnsoundKey};
use signet_verify::jose::base64url;
use signet_verify::jose::verify::Refusal;

use super::support::{Issuer, hex, parts, signing_key};

/// The order L of the group, little-endian.
pub const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

/// `a + times * b`, little-endian; drops what does not fit into 32 bytes.
pub fn add(a: &[u8], b: &[u8], times: u32) -> Vec<u8> {
    let mut carry = 0;
    let digit = |(a, b): (&u8, &u8)| {
        carry += u32::from(*a) + times * u32::from(*b);
        let digit = carry.to_le_bytes()[0];
        carry >>= 8;
        digit
    };
    a.iter().zip(b).map(digit).collect()
}

/// `a - b`, little-endian.
pub fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let complement: Vec<u8> = b.iter().map(|byte| !byte).collect();
    let mut one = vec![0; 32];
    one[0] = 1;
    add(&add(a, &complement, 1), &one, 1)
}

/// `a * b` modulo the order, little-endian; `b` is below it.
fn multiply(a: &[u8], b: &[u8]) -> Vec<u8> {
    let order = hex(ORDER);
    let reduced = |number: Vec<u8>| {
        let is_less = number.iter().rev().lt(order.iter().rev());
        if is_less { number } else { subtract(&number, &order) }
    };
    let bits = (0..8 * a.len()).rev().map(|bit| (a[bit / 8] >> (bit % 8)) & 1 == 1);
    bits.fold(vec![0; 32], |sum, bit| {
        let double = reduced(add(&sum, &sum, 1));
        if bit { reduced(add(&double, b, 1)) } else { double }
    })
}

/// A signature with the neutral point as its R, which only the holder of the seed can make (RFC 8032 section 5.1.6 with
/// r = 0): the equation holds.
pub fn with_neutral_r(seed: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let sha512 = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA512, bytes).as_ref().to_vec();
    let mut secret = sha512(seed)[..32].to_vec();
    (secret[0], secret[31]) = (secret[0] & 0xf8, (secret[31] & 0x7f) | 0x40);
    let public = SigningKey::from_seed(seed).unwrap().public().clone();
    let mut r = vec![0; 32]; // the point, and the number one too
    r[0] = 1;
    let challenge = multiply(&sha512(&[&r[..], public.as_bytes(), message].concat()), &r);
    let s = multiply(&secret, &challenge);
    [r, s].concat()
}

#[test]
fn verify_refuses_an_r_of_small_order_even_when_the_keys_holder_made_it() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let input = token.rsplit_once('.').unwrap().0;
    let signature = with_neutral_r(&[1; 32], input.as_bytes());
    // ring alone takes it, so the refusal is ours to make.
    let public = issuer.key.public();
    let alone = UnparsedPublicKey::new(&ED25519, public.as_bytes());
    assert!(alone.verify(input.as_bytes(), &signature).is_ok());
    issuer.refuses("R = identity", &format!("{input}.{}", base64url::encode(&signature)), Refusal::Signature);
}

#[test]
fn verify_refuses_a_signature_turned_into_another_one() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let [header, payload, signature] = parts(&token);
    let signature = base64url::decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let order = hex(ORDER);
    let identity = {
        let mut y = vec![0; 32];
        y[0] = 1;
        y
    };
    let identity_plus_p = {
        let mut y = vec![0xff; 32];
        y[0] = 0xee;
        y[31] = 0x7f;
        y
    };
    let sign_bit = {
        let mut r = r.to_vec();
        r[31] ^= 0x80;
        r
    };
    for (case, r, s) in [
        ("S + L", r.to_vec(), add(s, &order, 1)),
        ("S + 8L", r.to_vec(), add(s, &order, 8)),
        ("S = L", r.to_vec(), order.clone()),
        ("S negated", r.to_vec(), subtract(&order, s)),
        ("S = 0", r.to_vec(), vec![0; 32]),
        ("S = 0, R = identity", identity.clone(), vec![0; 32]),
        ("R = identity", identity, s.to_vec()),
        ("R = 0", vec![0; 32], s.to_vec()),
        ("R = p + 1", identity_plus_p.clone(), s.to_vec()),
        ("R = p + 1, S = 0", identity_plus_p, vec![0; 32]),
        ("R with the other sign", sign_bit, s.to_vec()),
        ("R and S swapped", s.to_vec(), r.to_vec()),
        ("all zero", vec![0; 32], vec![0; 32]),
        ("all ones", vec![0xff; 32], vec![0xff; 32]),
    ] {
        let forged = base64url::encode(&[r, s].concat());
        issuer.refuses(case, &format!("{header}.{payload}.{forged}"), Refusal::Signature);
    }
}

#[test]
fn verify_wants_a_signature_of_exactly_64_bytes() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let [header, payload, signature] = parts(&token);
    let signature = base64url::decode(signature).unwrap();
    let digits: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    for other in [
        &signature[..0],
        &signature[..1],
        &signature[..32],
        &signature[..63],
        &[&signature[..], &[0]].concat(),
        &[&signature[..], &signature[..]].concat(),
        digits.as_bytes(),
    ] {
        let forged = format!("{header}.{payload}.{}", base64url::encode(other));
        issuer.refuses("length", &forged, Refusal::Signature);
    }
}

#[test]
fn verify_reads_the_signed_text_itself() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let [header, payload, _] = parts(&token);
    let input = format!("{header}.{payload}");
    let prehashed =
        issuer.key.sign(ring::digest::digest(&ring::digest::SHA512, input.as_bytes()).as_ref()).unwrap();
    let decoded = issuer
        .key
        .sign(
            &[base64url::decode(header).unwrap(), b".".to_vec(), base64url::decode(payload).unwrap()]
                .concat(),
        )
        .unwrap();
    let payload_only = issuer.key.sign(payload.as_bytes()).unwrap();
    for forged in [prehashed, decoded, payload_only] {
        issuer.refuses("other input", &format!("{input}.{}", base64url::encode(&forged)), Refusal::Signature);
    }
}

#[test]
fn verify_refuses_changed_claims_without_a_new_signature() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let [header, _, signature] = parts(&token);
    for (name, value) in [
        ("sub", json!("bob")),
        ("exp", json!(9_999_999_999_u64)),
        ("role", json!("admin")),
        ("iss", json!("https://mallory.test")),
        ("aud", json!(["https://api.test"])),
    ] {
        let payload = base64url::encode(issuer.claims_with(name, value).to_string().as_bytes());
        issuer.refuses(name, &format!("{header}.{payload}.{signature}"), Refusal::Signature);
    }
    for payload in ["{}", "[]", "\"alice\"", "junk"] {
        let payload = base64url::encode(payload.as_bytes());
        issuer.refuses("replaced", &format!("{header}.{payload}.{signature}"), Refusal::Signature);
    }
}

#[test]
fn verify_refuses_a_signature_of_another_key_of_the_set() {
    let issuer = Issuer::new();
    let other = signing_key(2);
    let set = signet_verify::jose::jwk::KeySet::new([
        (issuer.kid.clone(), issuer.key.public().clone()),
        (signet_verify::jose::jwk::thumbprint(other.public()), other.public().clone()),
    ]);
    let forged = signet_verify::jose::sign::jwt(&other, &issuer.kid, &issuer.claims()).unwrap();
    let issuer = Issuer { set, ..issuer };
    issuer.accepts("the true key", &issuer.token());
    issuer.refuses("its neighbour", &forged, Refusal::Signature);
}

#[test]
fn verify_refuses_a_key_that_needs_no_private_half_to_sign_for() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut forged = [0; 64];
    forged[0] = 1;
    let message = b"whatever you like";
    // ring alone takes it, so the refusal is ours to make.
    assert!(UnparsedPublicKey::new(&ED25519, identity).verify(message, &forged).is_ok());
    assert_eq!(PublicKey::from_bytes(Algorithm::EdDsa, &identity), Err(UnsoundKey::SmallOrder));
    assert_eq!(PublicKey::from_bytes(Algorithm::EdDsa, &[]), Err(UnsoundKey::WrongLength));
    assert_eq!(PublicKey::from_bytes(Algorithm::EdDsa, &[7; 31]), Err(UnsoundKey::WrongLength));
    assert_eq!(PublicKey::from_bytes(Algorithm::EdDsa, &[7; 33]), Err(UnsoundKey::WrongLength));
    assert_eq!(PublicKey::from_bytes(Algorithm::EdDsa, &[0xff; 32]), Err(UnsoundKey::NotCanonical));
}
