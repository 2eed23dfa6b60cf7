//! Rows about signatures.

use serde_json::{Value, json};
use signet_verify::crypto::Algorithm;
use signet_verify::jose::{base64url, sign};

use super::rig::{Case, Rig};
use crate::token::each_algorithm::spoilt;
use crate::token::signature::{ORDER, add, subtract, with_neutral_r};
use crate::token::support::{hex, key_of, parts, signing_input};

/// A good token with another signature.
fn resigned(rig: &Rig, name: &str, signature: &[u8]) -> Case {
    let token = rig.issuer.token();
    let input = token.rsplit_once('.').unwrap().0;
    Case::token(name, format!("{input}.{}", base64url::encode(signature)))
}

/// The signature of a good token, as its R and its S.
fn halves(rig: &Rig) -> (Vec<u8>, Vec<u8>) {
    let token = rig.issuer.token();
    let signature = base64url::decode(parts(&token)[2]).unwrap();
    (signature[..32].to_vec(), signature[32..].to_vec())
}

/// A small number, little-endian.
fn small(number: u8) -> Vec<u8> {
    let mut bytes = vec![0; 32];
    bytes[0] = number;
    bytes
}

pub async fn stripped(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let input = token.rsplit_once('.').unwrap().0;
    vec![Case::token("empty third part", format!("{input}.")), Case::token("two parts", input)]
}

pub async fn bits_flipped(rig: &Rig) -> Vec<Case> {
    let (r, s) = halves(rig);
    let signature = [r, s].concat();
    let flipped = |bit: usize| {
        let mut other = signature.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        resigned(rig, &format!("bit {bit}"), &other)
    };
    [0, 7, 255, 256, 257, 300, 504, 511].map(flipped).into()
}

pub async fn other_length(rig: &Rig) -> Vec<Case> {
    let (r, s) = halves(rig);
    let signature = [r, s].concat();
    let digits: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut cases = others(rig);
    let lengths = [
        vec![],
        signature[..1].to_vec(),
        signature[..63].to_vec(),
        [&signature[..], &[0]].concat(),
        signature.repeat(2),
        digits.into_bytes(),
    ];
    cases.extend(lengths.map(|other| resigned(rig, &format!("{} bytes", other.len()), &other)));
    cases
}

/// Everything that is made of a signature of the issuer's algorithm and is none: for ECDSA numbers at the bounds of the
/// order and DER, for RSA numbers at the bounds of the modulus.
fn others(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let signature = base64url::decode(parts(&token)[2]).unwrap();
    let spoilt = spoilt(&rig.issuer.key, &signature);
    spoilt.iter().map(|(name, other)| resigned(rig, name, other)).collect()
}

pub async fn s_raised(rig: &Rig) -> Vec<Case> {
    if rig.algorithm() != Algorithm::EdDsa {
        return others(rig);
    }
    let (r, s) = halves(rig);
    let raised =
        |times| resigned(rig, &format!("S + {times} L"), &[&r[..], &add(&s, &hex(ORDER), times)].concat());
    [1, 2, 8].map(raised).into()
}

pub async fn s_special(rig: &Rig) -> Vec<Case> {
    if rig.algorithm() != Algorithm::EdDsa {
        return others(rig);
    }
    let (r, s) = halves(rig);
    vec![
        resigned(rig, "S = L", &[&r[..], &hex(ORDER)].concat()),
        resigned(rig, "S negated", &[&r[..], &subtract(&hex(ORDER), &s)].concat()),
        resigned(rig, "S = 0", &[&r[..], &small(0)].concat()),
        resigned(rig, "S = 0, R = identity", &[small(1), small(0)].concat()),
    ]
}

pub async fn r_special(rig: &Rig) -> Vec<Case> {
    if rig.algorithm() != Algorithm::EdDsa {
        return others(rig);
    }
    let (r, s) = halves(rig);
    let mut identity_plus_p = vec![0xff; 32];
    (identity_plus_p[0], identity_plus_p[31]) = (0xee, 0x7f);
    let mut other_sign = r.clone();
    other_sign[31] ^= 0x80;
    let mut negative_identity = small(1);
    negative_identity[31] = 0x80;
    let mut cases: Vec<Case> = [
        ("0", small(0)),
        ("1", small(1)),
        ("p + 1", identity_plus_p),
        ("the other sign", other_sign),
        ("-1 · 0", negative_identity),
    ]
    .into_iter()
    .flat_map(|(name, r)| {
        [
            resigned(rig, &format!("R = {name}"), &[&r[..], &s].concat()),
            resigned(rig, &format!("R = {name}, S = 0"), &[r, small(0)].concat()),
        ]
    })
    .collect();
    let token = rig.issuer.token();
    let input = token.rsplit_once('.').unwrap().0;
    let own = with_neutral_r(&[1; 32], input.as_bytes());
    cases.push(resigned(rig, "R = 1, by the key's own holder", &own));
    cases
}

pub async fn claims_changed(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let [header, _, signature] = parts(&token);
    let changed = |(name, value): (&str, Value)| {
        let claims = base64url::encode(rig.issuer.claims_with(name, value).to_string().as_bytes());
        Case::token(name, format!("{header}.{claims}.{signature}"))
    };
    let changes = [
        ("sub", json!("bob")),
        ("exp", json!(1_800_009_999)),
        ("role", json!("admin")),
        ("iss", json!("https://mallory.test")),
        ("aud", json!(["https://api.test"])),
    ];
    changes.map(changed).into()
}

pub async fn payload_replaced(rig: &Rig) -> Vec<Case> {
    let token = rig.issuer.token();
    let [header, _, signature] = parts(&token);
    ["{}", "[]", "\"alice\"", "junk", "null", " ", "\u{feff}{}"]
        .map(|other| {
            Case::token(other, format!("{header}.{}.{signature}", base64url::encode(other.as_bytes())))
        })
        .into()
}

pub async fn own_key(rig: &Rig) -> Vec<Case> {
    [66, 67]
        .map(|number| {
            sign::jwt(&key_of(rig.algorithm(), number), &rig.issuer.kid, &rig.issuer.claims()).unwrap()
        })
        .map(|token| Case::token("own key, the known kid", token))
        .into()
}

pub async fn other_input(rig: &Rig) -> Vec<Case> {
    let input = signing_input(&rig.issuer.header(), &rig.issuer.claims());
    let decoded = format!("{}.{}", rig.issuer.header(), rig.issuer.claims());
    let prehashed = ring::digest::digest(&ring::digest::SHA512, input.as_bytes());
    let claims_alone = input.split_once('.').unwrap().1;
    [
        ("prehashed", prehashed.as_ref()),
        ("decoded", decoded.as_bytes()),
        ("claims alone", claims_alone.as_bytes()),
    ]
    .map(|(name, message)| resigned(rig, name, &rig.issuer.key.sign(message).unwrap()))
    .into()
}
