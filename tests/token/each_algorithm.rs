//! What holds of a signature whatever its algorithm, and what only ECDSA and RSA have to be asked.

use josekit::jws::{JwsSigner, PS256, RS384, RS512};
use rstest::rstest;
use serde_json::{Value, json};
use signet_verify::crypto::{Algorithm, SigningKey};
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::{KeySet, Kid, public_jwk, thumbprint};
use signet_verify::jose::sign;
use signet_verify::jose::verify::Refusal;

use super::support::{Issuer, hex, key_of, parts, signing_input};

/// The order n of the group of P-256, big-endian.
pub const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// `a + b` of numbers of one length, big-endian, with the carry in front where there is one.
pub fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let digit = |(a, b): (&u8, &u8)| {
        let sum = u16::from(*a) + u16::from(*b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    };
    let mut sum: Vec<u8> = a.iter().zip(b).rev().map(digit).collect();
    sum.extend((carry > 0).then_some(1));
    sum.reverse();
    sum
}

/// `a - b` of numbers of one length, big-endian; `b` is not above `a`.
pub fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let complement: Vec<u8> = b.iter().map(|byte| !byte).collect();
    let mut one = vec![0; a.len()];
    one[a.len() - 1] = 1;
    let sum = add(&complement, &one);
    let sum = add(a, &sum[sum.len() - a.len()..]);
    sum[sum.len() - a.len()..].to_vec()
}

/// A number of so many bytes, big-endian.
pub fn small(number: u8, bytes: usize) -> Vec<u8> {
    let mut digits = vec![0; bytes];
    digits[bytes - 1] = number;
    digits
}

/// The modulus of an RSA key.
pub fn modulus(key: &SigningKey) -> Vec<u8> {
    let jwk = public_jwk(&thumbprint(key.public()), key.public());
    base64url::decode(jwk["n"].as_str().unwrap()).unwrap()
}

/// Two numbers as ECDSA-Sig-Value of DER (RFC 3279 section 2.2.3), where JWS wants them side by side.
pub fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len() - 1);
        let number = &number[start..];
        let sign = if number[0] & 0x80 == 0 { vec![] } else { vec![0] };
        [&[2, u8::try_from(sign.len() + number.len()).unwrap()], &sign[..], number].concat()
    };
    let body = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

/// Signatures that are none of this one's key, made of this one: name and bytes.
pub fn spoilt(key: &SigningKey, signature: &[u8]) -> Vec<(String, Vec<u8>)> {
    let length = signature.len();
    let mut others = vec![
        ("nothing", vec![]),
        ("a byte", signature[..1].to_vec()),
        ("half", signature[..length / 2].to_vec()),
        ("cut by its last byte", signature[..length - 1].to_vec()),
        ("cut by its first byte", signature[1..].to_vec()),
        ("a zero behind", [signature, &[0]].concat()),
        ("a zero in front", [&[0], signature].concat()),
        ("zeros to twice the length", [signature, &vec![0; length]].concat()),
        ("twice", signature.repeat(2)),
        (
            "in hexadecimal digits",
            signature.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
        ),
        ("zeros", vec![0; length]),
        ("ones", vec![0xff; length]),
        ("the number one", small(1, length)),
        ("backwards", signature.iter().rev().copied().collect()),
    ];
    match key.public().algorithm() {
        Algorithm::EdDsa => {}
        Algorithm::Es256 => others.extend(spoilt_ecdsa(signature)),
        Algorithm::Rs256 => {
            let n = modulus(key);
            others.extend([
                ("the modulus", n.clone()),
                ("one below the modulus", subtract(&n, &small(1, n.len()))),
                ("negated", subtract(&n, signature)),
                ("raised by the modulus", add(signature, &n)),
            ]);
        }
    }
    others.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// Of (r, s) everything that is no signature. That (r, n - s) is one belongs to ECDSA.
fn spoilt_ecdsa(signature: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (r, s) = signature.split_at(32);
    let (n, zero, one) = (hex(P256_ORDER), small(0, 32), small(1, 32));
    let above = add(&n, &one);
    let ones = vec![0xff; 32];
    let pairs = [
        ("r = 0", &zero[..], s),
        ("s = 0", r, &zero),
        ("r = n", &n, s),
        ("s = n", r, &n),
        ("r = n, s = n", &n, &n),
        ("r = 0, s = 1", &zero, &one),
        ("r = 1, s = 0", &one, &zero),
        ("r = 1, s = 1", &one, &one),
        ("r = n + 1", &above, s),
        ("s = n + 1", r, &above),
        ("r = 2^256 - 1", &ones, s),
        ("s = 2^256 - 1", r, &ones),
        ("r and s the other way round", s, r),
    ];
    let mut others: Vec<_> = pairs.map(|(name, r, s)| (name, [r, s].concat())).into();
    others.extend([("in DER", der(r, s)), ("negated r", [&subtract(&n, r), s].concat())]);
    others.push(("r and s in 33 bytes each", [&[0], r, &[0], s].concat()));
    others
}

#[rstest]
fn verify_refuses_in_every_form_a_signature_that_is_not_the_keys(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let token = issuer.token();
    issuer.accepts("as it was signed", &token);
    let (input, signature) = token.rsplit_once('.').unwrap();
    for (name, other) in spoilt(&issuer.key, &base64url::decode(signature).unwrap()) {
        issuer.refuses(&name, &format!("{input}.{}", base64url::encode(&other)), Refusal::Signature);
        assert!(!issuer.key.public().verify(input.as_bytes(), &other), "{algorithm}, {name}");
    }
}

#[rstest]
fn verify_takes_a_signature_with_its_own_key_and_input_only(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let input = signing_input(&issuer.header(), &issuer.claims());
    let token = issuer.token();
    let [header, payload, _] = parts(&token);
    let hashed = ring::digest::digest(&ring::digest::SHA256, input.as_bytes());
    let decoded = format!("{}.{}", issuer.header(), issuer.claims());
    let messages: [&[u8]; 6] = [
        hashed.as_ref(),
        decoded.as_bytes(),
        payload.as_bytes(),
        header.as_bytes(),
        b"",
        &[input.as_bytes(), b"."].concat(),
    ];
    for message in messages {
        let signature = base64url::encode(&issuer.key.sign(message).unwrap());
        issuer.refuses("another input", &format!("{input}.{signature}"), Refusal::Signature);
    }
    let other = key_of(algorithm, 66);
    let forged = sign::jwt(&other, &issuer.kid, &issuer.claims()).unwrap();
    issuer.refuses("another key", &forged, Refusal::Signature);
    let neighbours =
        [(issuer.kid.clone(), issuer.key.public()), (thumbprint(other.public()), other.public())];
    let set = KeySet::new(neighbours.map(|(kid, key)| (kid, key.clone())));
    let issuer = Issuer { set, ..issuer };
    issuer.accepts("its own key", &issuer.token());
    issuer.refuses("its neighbour in the set", &forged, Refusal::Signature);
}

#[test]
fn verify_takes_the_twin_of_an_ecdsa_signature_and_no_other_text() {
    // ECDSA has it so (p256.rs): nothing here may go by the text of a token as if it were the only one of its content.
    let issuer = Issuer::of(Algorithm::Es256);
    let token = issuer.token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let twin = [r, &subtract(&hex(P256_ORDER), s)].concat();
    assert_ne!(twin, signature);
    issuer.accepts("(r, n - s)", &format!("{input}.{}", base64url::encode(&twin)));
}

#[test]
fn verify_refuses_an_rsa_signature_of_another_padding_or_hash() {
    // The same key signs as PS256, RS384 and RS512, and the header says RS256.
    let issuer = Issuer::of(Algorithm::Rs256);
    let private = super::support::rsa_key_pair(1);
    let der = private.to_der_private_key();
    let input = signing_input(&issuer.header(), &issuer.claims());
    let signers: [(&str, Box<dyn JwsSigner>); 3] = [
        ("PS256", Box::new(PS256.signer_from_der(&der).unwrap())),
        ("RS384", Box::new(RS384.signer_from_der(&der).unwrap())),
        ("RS512", Box::new(RS512.signer_from_der(&der).unwrap())),
    ];
    for (name, signer) in signers {
        let signature = base64url::encode(&signer.sign(input.as_bytes()).unwrap());
        issuer.refuses(name, &format!("{input}.{signature}"), Refusal::Signature);
        let named = signing_input(&issuer.header_with("alg", json!(name)), &issuer.claims());
        let signature = base64url::encode(&signer.sign(named.as_bytes()).unwrap());
        issuer.refuses(name, &format!("{named}.{signature}"), Refusal::Algorithm);
    }
    issuer.accepts("RS256", &issuer.token());
}

/// An issuer with a key of each algorithm in its set.
fn of_all() -> (Issuer, Vec<(Kid, SigningKey)>) {
    let keys: Vec<_> = Algorithm::ALL
        .map(|algorithm| key_of(algorithm, 1))
        .into_iter()
        .map(|key| (thumbprint(key.public()), key))
        .collect();
    let set = KeySet::new(keys.iter().map(|(kid, key)| (kid.clone(), key.public().clone())));
    (Issuer { set, ..Issuer::new() }, keys)
}

#[test]
fn verify_never_uses_a_key_of_one_algorithm_with_another_whoever_signs() {
    let (issuer, keys) = of_all();
    let mut refused = 0;
    for (kid, named) in &keys {
        issuer.accepts("its own algorithm", &sign::jwt(named, kid, &issuer.claims()).unwrap());
        for (_, other) in &keys {
            for (_, signer) in &keys {
                let said = other.public().algorithm();
                if [said, signer.public().algorithm()] == [named.public().algorithm(); 2] {
                    continue; // the good token
                }
                let header = json!({ "alg": said.name(), "kid": kid.as_ref() });
                let input = signing_input(&header, &issuer.claims());
                let signature = signer.sign(input.as_bytes()).unwrap();
                // A signature of a length that the algorithm does not have is refused before a key is looked for.
                let fits = (signature.len() == 64) == (said != Algorithm::Rs256);
                let is_confused = said != named.public().algorithm();
                let reason = if fits && is_confused { Refusal::Algorithm } else { Refusal::Signature };
                let case = format!("{header}, signed by {}", signer.public().algorithm());
                issuer.refuses(&case, &format!("{input}.{}", base64url::encode(&signature)), reason);
                refused += 1;
            }
        }
    }
    assert_eq!(
        refused, 24,
        "each of three keys under each of three names by each of three signers, but three good ones"
    );
}

#[test]
fn key_set_of_mixed_keys_is_published_and_read_back() {
    let (issuer, keys) = of_all();
    let parsed = KeySet::parse(issuer.set.to_json().as_bytes()).unwrap();
    assert_eq!((&parsed.keys, parsed.skipped.len()), (&issuer.set, 0));
    let published: Value = serde_json::from_str(&issuer.set.to_json()).unwrap();
    for (entry, (kid, key)) in published["keys"].as_array().unwrap().iter().zip(&keys) {
        let names: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
        let public = match key.public().algorithm() {
            Algorithm::EdDsa => &["alg", "crv", "kid", "kty", "use", "x"][..],
            Algorithm::Es256 => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            Algorithm::Rs256 => &["alg", "e", "kid", "kty", "n", "use"],
        };
        let mut names = names;
        names.sort_unstable();
        assert_eq!((names, &entry["kid"]), (public.to_vec(), &json!(kid.as_ref())));
    }
}
