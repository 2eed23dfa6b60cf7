//! Published Ed25519 signatures, read the strict way, with OpenSSL (through josekit) as a second opinion.

use josekit::jwk::Jwk;
use josekit::jws::EdDSA;
use serde_json::{Value, json};
use signet_verify::crypto::Algorithm;
use signet_verify::crypto::{PublicKey, UnsoundKey};
use signet_verify::jose::base64url;

use super::support::{array, hex, text, vectors};

/// A signature of the corpora.
struct Case {
    name: String,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Case {
    /// What we say.
    fn ours(&self) -> bool {
        PublicKey::from_bytes(Algorithm::EdDsa, &self.key)
            .is_ok_and(|key| key.verify(&self.message, &self.signature))
    }

    /// What josekit says, which asks OpenSSL.
    fn josekits(&self) -> bool {
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(&self.key) });
        let Ok(verifier) = EdDSA.verifier_from_jwk(&Jwk::from_bytes(jwk.to_string()).unwrap()) else {
            return false;
        };
        josekit::jws::JwsVerifier::verify(&verifier, &self.message, &self.signature).is_ok()
    }
}

fn wycheproof() -> Vec<(Case, bool)> {
    let file = vectors("wycheproof/ed25519_test.json");
    let mut cases = Vec::new();
    for group in array(&file, "testGroups") {
        for test in array(group, "tests") {
            let case = Case {
                name: format!("wycheproof {}: {}", test["tcId"], test["comment"]),
                key: hex(text(&group["publicKey"], "pk")),
                message: hex(text(test, "msg")),
                signature: hex(text(test, "sig")),
            };
            cases.push((case, text(test, "result") == "valid"));
        }
    }
    assert_eq!(cases.len(), 151);
    cases
}

fn speccheck() -> Vec<Case> {
    let file = vectors("ed25519-speccheck/cases.json");
    let cases: Vec<Case> = file
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(number, case)| Case {
            name: format!("speccheck {number}"),
            key: hex(text(case, "pub_key")),
            message: hex(text(case, "message")),
            signature: hex(text(case, "signature")),
        })
        .collect();
    assert_eq!(cases.len(), 12);
    cases
}

/// Each with its flags.
fn cctv() -> Vec<(Case, Vec<String>)> {
    let file = vectors("cctv-ed25519/ed25519vectors.json");
    let flags = |case: &Value| {
        case["flags"].as_array().map_or_else(Vec::new, |flags| {
            flags.iter().map(|flag| flag.as_str().unwrap().to_owned()).collect()
        })
    };
    let cases: Vec<_> = file
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            let flags = flags(case);
            let case = Case {
                name: format!("cctv {} {flags:?}", case["number"]),
                key: hex(text(case, "key")),
                message: text(case, "msg").as_bytes().to_vec(),
                signature: hex(text(case, "sig")),
            };
            (case, flags)
        })
        .collect();
    assert_eq!(cases.len(), 914);
    cases
}

#[test]
fn ed25519_answers_wycheproof_as_labelled() {
    for (case, valid) in wycheproof() {
        assert_eq!(case.ours(), valid, "{}", case.name);
    }
}

#[test]
fn ed25519_answers_speccheck_as_the_strictest_verifiers_do() {
    let answers: String = speccheck().iter().map(|case| if case.ours() { 'V' } else { 'X' }).collect();
    assert_eq!(answers, "XXXVXXXXXXXX");
}

#[test]
fn ed25519_answers_cctv_the_strict_way() {
    const STRICT: [&str; 5] =
        ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"];
    let mut accepted = 0;
    for (case, flags) in cctv() {
        let valid = !flags.iter().any(|flag| STRICT.contains(&flag.as_str()));
        assert_eq!(case.ours(), valid, "{}", case.name);
        accepted += usize::from(valid);
    }
    assert_eq!(accepted, 43);
}

#[test]
fn ed25519_tells_a_weak_key_from_a_sound_one_by_its_bytes_alone() {
    let mut seen = [0; 3];
    for (case, flags) in cctv() {
        let flagged = |name: &str| flags.iter().any(|flag| flag == name);
        let verdict = PublicKey::from_bytes(Algorithm::EdDsa, &case.key);
        match (flagged("low_order_A"), flagged("non_canonical_A")) {
            (false, false) => assert!(verdict.is_ok(), "{}", case.name),
            (true, false) => assert_eq!(verdict, Err(UnsoundKey::SmallOrder), "{}", case.name),
            // Among them 1 and p - 1 with the sign of a zero x, whose y is reduced all the same.
            (true, true) => assert!(verdict.is_err(), "{}", case.name),
            (false, true) => assert_eq!(verdict, Err(UnsoundKey::NotCanonical), "{}", case.name),
        }
        seen[0] += usize::from(verdict.is_ok());
        seen[1] += usize::from(verdict == Err(UnsoundKey::SmallOrder));
        seen[2] += usize::from(verdict == Err(UnsoundKey::NotCanonical));
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn ed25519_differs_from_openssl_only_about_keys_and_points_that_prove_nothing() {
    // On ordinary signatures and ordinary forgeries both say the same.
    for (case, _) in wycheproof() {
        assert_eq!(case.ours(), case.josekits(), "{}", case.name);
    }
    // OpenSSL follows the letter of RFC 8032: it takes points of small order as key (0, 1) and as R (0, 2), and a key
    // with a second spelling (11). We refuse them, as libsodium and dalek's verify_strict do: under such a key signing
    // takes no private half, and with such an R one signature may fit two messages or two spellings of a key.
    let differ = |case: &Case| case.ours() != case.josekits();
    let numbers: Vec<usize> =
        speccheck().iter().enumerate().filter(|(_, case)| differ(case)).map(|(number, _)| number).collect();
    assert_eq!(numbers, [0, 1, 2, 11]);
    let mut count = 0;
    for (case, flags) in cctv().iter().filter(|(case, _)| differ(case)) {
        count += 1;
        assert!(case.josekits(), "we are the stricter one: {}", case.name);
        let weak = ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R"];
        assert!(flags.iter().any(|flag| weak.contains(&flag.as_str())), "{}", case.name);
    }
    assert_eq!(count, 165);
}
