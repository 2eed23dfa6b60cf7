//! Published signatures of ES256 and RS256, with OpenSSL (through josekit) as a second opinion.

use josekit::jwk::Jwk;
use josekit::jws::{ES256, JwsVerifier, RS256};
use serde_json::{Value, json};
use signet_verify::crypto::{Algorithm, PublicKey, UnsoundKey};
use signet_verify::jose::jwk::{KeySet, public_jwk, thumbprint};

use super::support::{array, hex, text, vectors};

/// A group of a Wycheproof file: a key in its two forms, and the signatures that are said to be its.
struct Group {
    key: Result<PublicKey, UnsoundKey>,
    jwk: Value,
    tests: Vec<Test>,
}

struct Test {
    id: u64,
    message: Vec<u8>,
    signature: Vec<u8>,
    label: String,
}

/// The groups of a file with so many cases.
fn groups(algorithm: Algorithm, file: &str, count: usize) -> Vec<Group> {
    let file = vectors(&format!("wycheproof/{file}_test.json"));
    let group = |group: &Value| {
        let (bytes, jwk) = match algorithm {
            Algorithm::Es256 => (text(&group["publicKey"], "uncompressed"), &group["publicKeyJwk"]),
            _ => (text(group, "publicKeyAsn"), &group["keyJwk"]),
        };
        let test = |test: &Value| Test {
            id: test["tcId"].as_u64().unwrap(),
            message: hex(text(test, "msg")),
            signature: hex(text(test, "sig")),
            label: text(test, "result").to_owned(),
        };
        let tests = array(group, "tests").iter().map(test).collect();
        let key = PublicKey::from_bytes(algorithm, &hex(bytes));
        if let (Ok(key), true) = (&key, jwk.is_object()) {
            assert_eq!(read(jwk).as_ref(), Some(key), "the JWK is the same key");
        }
        Group { key, jwk: jwk.clone(), tests }
    };
    let groups: Vec<Group> = array(&file, "testGroups").iter().map(group).collect();
    assert_eq!(groups.iter().map(|group| group.tests.len()).sum::<usize>(), count);
    groups
}

/// Asserts that each signature is answered as labelled, by us and by the second opinion, and counts what was accepted
/// and refused.
fn judge(group: &Group, second: &dyn JwsVerifier) -> [usize; 2] {
    let key = group.key.as_ref().unwrap();
    let mut counts = [0; 2];
    for test in &group.tests {
        // "acceptable" is a DigestInfo without its NULL, which RFC 8017 section 9.2 does not write.
        let valid = test.label == "valid";
        assert_eq!(key.verify(&test.message, &test.signature), valid, "case {}", test.id);
        assert_eq!(second.verify(&test.message, &test.signature).is_ok(), valid, "josekit, case {}", test.id);
        counts[usize::from(!valid)] += 1;
    }
    counts
}

/// The key as josekit wants it.
fn theirs(group: &Group) -> Jwk {
    let key = group.key.as_ref().unwrap();
    Jwk::from_map(public_jwk(&thumbprint(key), key)).unwrap()
}

/// The key of a set with one entry, of the corpora, whose `kid` is always the same.
fn read(jwk: &Value) -> Option<PublicKey> {
    let parsed = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    parsed.keys.get(text(jwk, "kid")).cloned()
}

#[test]
fn es256_answers_every_signature_of_wycheproof_as_labelled() {
    let (mut counts, mut groups_seen) = ([0; 2], 0);
    for group in groups(Algorithm::Es256, "ecdsa_secp256r1_sha256_p1363", 262) {
        let verifier = ES256.verifier_from_jwk(&theirs(&group)).unwrap();
        let [accepted, refused] = judge(&group, &verifier);
        counts = [counts[0] + accepted, counts[1] + refused];
        groups_seen += 1;
    }
    assert_eq!((counts, groups_seen), ([173, 89], 112));
}

#[test]
fn rs256_answers_every_signature_of_wycheproof_as_labelled() {
    for (file, count, [valid, invalid], weak) in [
        ("rsa_signature_2048_sha256", 259, [7, 250], vec![258, 259]),
        ("rsa_signature_4096_sha256", 258, [7, 251], vec![]),
    ] {
        let (mut counts, mut small) = ([0; 2], Vec::new());
        for group in groups(Algorithm::Rs256, file, count) {
            if group.key == Err(UnsoundKey::WeakExponent) {
                // An exponent of 3 is below ours, whatever it signs.
                assert_eq!(read(&group.jwk), None, "{file}");
                small.extend(group.tests.iter().map(|test| test.id));
                continue;
            }
            let verifier = RS256.verifier_from_jwk(&theirs(&group)).unwrap();
            let [accepted, refused] = judge(&group, &verifier);
            counts = [counts[0] + accepted, counts[1] + refused];
        }
        assert_eq!((counts, small), ([valid, invalid], weak), "{file}");
    }
}

#[test]
fn thumbprint_of_published_keys_is_what_others_compute() {
    // Of RFC 7638 section 3.1.
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
        tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI\
        SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let entry = json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    let key = read(&entry).unwrap();
    assert_eq!(thumbprint(&key).as_ref(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}
