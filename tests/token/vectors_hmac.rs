//! Published MACs of HMAC-SHA-256, read the way HS256 needs them: whole tags, and keys of at least 32 bytes; with
//! OpenSSL (through josekit) as a second opinion.

use josekit::jws::{HS256, JwsVerifier};
use signet_verify::crypto::MacKey;

use super::support::{array, hex, text, vectors};

/// The second opinion: josekit's, which asks OpenSSL.
fn josekit_accepts(key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    HS256.verifier_from_bytes(key).unwrap().verify(message, tag).is_ok()
}

#[test]
fn hmac_answers_wycheproof_as_labelled() {
    let file = vectors("wycheproof/hmac_sha256_test.json");
    let (mut accepted, mut refused, mut short) = (0, 0, 0);
    for group in array(&file, "testGroups") {
        for test in array(group, "tests") {
            let (key, message, tag) =
                (hex(text(test, "key")), hex(text(test, "msg")), hex(text(test, "tag")));
            let Ok(key) = MacKey::from_bytes(&key) else {
                assert!(key.len() < 32 && HS256.verifier_from_bytes(&key).is_err(), "too short for both");
                short += 1;
                continue;
            };
            // A tag of 128 bits is labelled valid where the group says so; HS256 knows whole tags only (RFC 7518 3.2).
            let valid = text(test, "result") == "valid" && group["tagSize"] == 256;
            assert_eq!(key.verify(&message, &tag), valid, "case {}", test["tcId"]);
            assert_eq!(key.sign(&message)[..] == tag, valid, "case {}", test["tcId"]);
            assert_eq!(
                josekit_accepts(&hex(text(test, "key")), &message, &tag),
                valid,
                "case {}",
                test["tcId"]
            );
            if valid { accepted += 1 } else { refused += 1 }
        }
    }
    assert_eq!(accepted + refused + short, 174);
    assert_eq!((accepted, refused, short), (30, 138, 6));
}
