//! Keys in the files of other providers, and files that are not what they seem.

use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use signet::keys::key_formats::{self, ImportedKey, read};
use signet::vault::Vault;
use signet_verify::clock::SeededEntropy;
use signet_verify::crypto::{Algorithm, SigningKey};
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::thumbprint;

use super::support::master;

fn vault() -> Vault {
    Vault::new(master(1), Vec::new(), Arc::new(SeededEntropy::new(1)))
}

fn taken(text: &str) -> ImportedKey {
    read(text, None, &vault()).unwrap()
}

fn refused(text: &str) -> String {
    read(text, None, &vault()).unwrap_err().to_string()
}

fn pair() -> ([u8; 32], SigningKey) {
    let seed = [42; 32];
    (seed, SigningKey::from_seed(&seed).unwrap())
}

/// A private JWK of [`pair`] with some members changed; `null` takes a member away.
fn jwk(changes: Value) -> String {
    let (seed, key) = pair();
    let mut jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(key.public().as_bytes()),
        "d": base64url::encode(&seed), "kid": "theirs", "alg": "EdDSA", "use": "sig",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
            value => jwk[name] = value.clone(),
        }
    }
    jwk.to_string()
}

#[test]
fn read_takes_a_pem_that_openssl_made_and_its_key_signs_what_openssl_verifies() {
    let Ok(made) = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"]).output() else {
        crate::support::skip("the command openssl is not installed");
        return;
    };
    let pem = String::from_utf8(made.stdout).unwrap();
    let key = taken(&pem);
    assert_eq!(key.kid, thumbprint(&key.public), "a PEM has no name");
    let signing = SigningKey::new(&key.private.unwrap(), &key.public).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("pem"), &pem).unwrap();
    std::fs::write(path("message"), "hello").unwrap();
    std::fs::write(path("signature"), signing.sign(b"hello").unwrap()).unwrap();
    let verified = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-rawin", "-inkey", "pem", "-in", "message", "-sigfile", "signature"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));

    let other = Command::new("openssl").args(["genpkey", "-algorithm", "x25519"]).output().unwrap();
    let no_key_of_ours = "no unencrypted private key of Ed25519, P-256 or RSA";
    assert!(refused(&String::from_utf8(other.stdout).unwrap()).contains(no_key_of_ours));
    let locked = Command::new("openssl")
        .args(["pkey", "-in", "pem", "-aes-256-cbc", "-passout", "pass:secret"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(refused(&String::from_utf8(locked.stdout).unwrap()).contains("no unencrypted"));
}

#[test]
fn read_takes_a_pem_of_the_second_version_if_its_halves_fit() {
    use base64::Engine;
    let (seed, pair) = pair();
    // RFC 5958: version 1 stands for the second one, and the public half follows as a bit string.
    let head = [0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let der = [&head[..], &seed, &[0x81, 0x21, 0], pair.public().as_bytes()].concat();
    let pem = |der: &[u8]| {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    };
    assert_eq!(taken(&pem(&der)).private.unwrap().expose(), seed);
    let mut altered = der.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(matches!(read(&pem(&altered), None, &vault()), Err(key_formats::Error::Pem)));
}

#[test]
fn read_keeps_the_name_of_a_jwk_and_refuses_contradictions() {
    let (seed, pair) = pair();
    let key = taken(&jwk(json!({})));
    assert_eq!(
        (key.kid.as_ref(), &key.public, key.private.unwrap().expose()),
        ("theirs", pair.public(), &seed[..])
    );
    assert_eq!(taken(&jwk(json!({ "kid": null }))).kid, thumbprint(pair.public()));
    assert_eq!(taken(&jwk(json!({ "x": null, "alg": "Ed25519", "use": null }))).public, *pair.public());
    assert!(taken(&jwk(json!({ "d": null }))).private.is_none());
    // A set with one key that can sign here, as JWKS tools write it; other types beside it do no harm.
    let beside = |other: &str| format!(r#"{{"keys":[{other},{}]}}"#, jwk(json!({})));
    assert_eq!(taken(&beside(r#"{"kty":"EC","crv":"P-384"}"#)).kid.as_ref(), "theirs");
    // Of two that could, the operator says which.
    let two = beside(r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#);
    assert!(refused(&two).contains("holds 2 signing keys to choose from"));
    assert_eq!(read(&two, Some(Algorithm::EdDsa), &vault()).unwrap().kid.as_ref(), "theirs");

    let other = SigningKey::from_seed(&[43; 32]).unwrap().public().clone();
    for (changes, says) in [
        (json!({ "x": base64url::encode(other.as_bytes()) }), "does not fit the public half"),
        (json!({ "d": base64url::encode(&[1; 31]) }), "does not fit"),
        (json!({ "d": "not base64url!" }), "not base64url"),
        (json!({ "d": 5 }), "not base64url"),
        (json!({ "d": null, "x": null }), "neither a public nor a private half"),
        (json!({ "d": null, "x": base64url::encode(&[0; 32]) }), "no sound key for EdDSA"),
        (json!({ "kty": "EC", "crv": "P-384" }), "kty and crv"),
        (json!({ "kty": "OKP", "crv": "Ed448" }), "kty and crv"),
        (json!({ "kty": "EC", "crv": "P-256" }), "its alg is not that of its type"),
        (json!({ "alg": "ES256" }), "alg"),
        (json!({ "use": "enc" }), "use"),
        (json!({ "kid": "white space" }), "kid"),
        (json!({ "kid": "" }), "kid"),
    ] {
        let error = refused(&jwk(changes.clone()));
        assert!(error.contains(says), "{changes}: {error}");
    }
    let twice = jwk(json!({})).replacen('{', r#"{"d":"AAAA","#, 1);
    assert!(refused(&twice).contains("strict JSON"));
    assert!(refused(&format!(r#"{{"keys":[{0},{0}]}}"#, jwk(json!({})))).contains("holds 2 signing keys"));
    assert!(refused(r#"{"keys":[]}"#).contains("holds 0"));
}

#[test]
fn read_repeats_nothing_of_a_file_that_it_refuses() {
    let (seed, _) = pair();
    let d = base64url::encode(&seed);
    for changes in
        [json!({ "kty": "EC" }), json!({ "alg": d }), json!({ "kid": format!("{d} ") }), json!({ "x": d })]
    {
        assert!(!refused(&jwk(changes)).contains(&d));
    }
    assert!(!format!("{:?}", taken(&jwk(json!({})))).contains(&d));
}

proptest! {
    #[test]
    fn read_makes_a_key_or_a_sentence_of_any_file(text in "\\PC{0,300}", cut in 0_usize..400, noise in any::<u8>()) {
        drop(read(&text, None, &vault()));
        let mut bytes = jwk(json!({})).into_bytes();
        let at = cut % bytes.len();
        bytes[at] = noise;
        if let Ok(text) = String::from_utf8(bytes) {
            drop(read(&text, None, &vault()));
        }
        drop(read(&jwk(json!({}))[..cut.min(100)], None, &vault()));
    }
}
