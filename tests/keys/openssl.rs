//! Keys of all three algorithms as OpenSSL and JWK tools write them, in every form that they have.

use std::process::Command;
use std::sync::Arc;

use josekit::jwk::KeyPair;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::EdKeyPair;
use josekit::jwk::alg::rsa::RsaKeyPair;
use rstest::rstest;
use signet::keys::key_formats::{self, ImportedKey, read};
use signet::vault::Vault;
use signet_verify::clock::SeededEntropy;
use signet_verify::crypto::Algorithm::{self, EdDsa, Es256, Rs256};
use signet_verify::crypto::SigningKey;
use signet_verify::jose::jwk::thumbprint;

use super::support::master;

/// What `openssl` prints; none, said loudly, where it is not installed.
fn openssl(arguments: &str) -> Option<String> {
    let Ok(made) = Command::new("openssl").args(arguments.split(' ')).output() else {
        crate::support::skip("the command openssl is not installed");
        return None;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(String::from_utf8(made.stdout).unwrap())
}

fn import(file: &str) -> Result<ImportedKey, key_formats::Error> {
    read(file, None, &Vault::new(master(1), Vec::new(), Arc::new(SeededEntropy::new(1))))
}

fn check_signs(key: &ImportedKey, algorithm: Algorithm) {
    assert_eq!(key.public.algorithm(), algorithm);
    let signing = SigningKey::new(key.private.as_ref().unwrap(), &key.public).unwrap();
    assert!(key.public.verify(b"message", &signing.sign(b"message").unwrap()), "{algorithm}");
}

const ED25519: &str = "genpkey -algorithm ed25519";
const P256: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";
const RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048";

#[rstest]
#[case(EdDsa, ED25519, "-----BEGIN PRIVATE KEY-----")]
#[case(Es256, P256, "-----BEGIN PRIVATE KEY-----")]
#[case(Es256, "ecparam -name prime256v1 -genkey", "-----BEGIN EC PARAMETERS-----")]
#[case(Es256, "ecparam -name prime256v1 -genkey -noout", "-----BEGIN EC PRIVATE KEY-----")]
#[case(Rs256, RSA, "-----BEGIN PRIVATE KEY-----")]
#[case(Rs256, "genrsa -traditional 2048", "-----BEGIN RSA PRIVATE KEY-----")]
fn read_takes_a_pem(#[case] algorithm: Algorithm, #[case] made_by: &str, #[case] begins: &str) {
    let Some(pem) = openssl(made_by) else { return };
    assert!(pem.starts_with(begins), "the form that is meant: {made_by}");
    let key = import(&pem).unwrap();
    check_signs(&key, algorithm);
    assert_eq!(key.kid, thumbprint(&key.public), "a PEM has no name");
}

#[rstest]
#[case(EdDsa, ED25519)]
#[case(Es256, P256)]
#[case(Rs256, RSA)]
fn read_takes_the_same_key_as_a_jwk(#[case] algorithm: Algorithm, #[case] made_by: &str) {
    let Some(pem) = openssl(made_by) else { return };
    let jwk = match algorithm {
        EdDsa => EdKeyPair::from_pem(&pem).unwrap().to_jwk_key_pair(),
        Es256 => EcKeyPair::from_pem(&pem, Some(EcCurve::P256)).unwrap().to_jwk_key_pair(),
        Rs256 => RsaKeyPair::from_pem(&pem).unwrap().to_jwk_key_pair(),
    };
    let mut members = serde_json::to_value(jwk).unwrap();
    members["kid"] = "theirs".into();
    let key = import(&members.to_string()).unwrap();
    check_signs(&key, algorithm);
    assert_eq!((key.kid.as_ref(), &key.public), ("theirs", &import(&pem).unwrap().public));
    // One of two halves that are not of one key is no key.
    let Some(other) = openssl(made_by) else { return };
    let other = import(&other).unwrap().public;
    let foreign = signet_verify::jose::jwk::public_jwk(&key.kid, &other);
    for (name, value) in foreign {
        members[name] = value;
    }
    assert!(matches!(import(&members.to_string()), Err(key_formats::Error::Halves)));
}

#[rstest]
#[case("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384")]
#[case("ecparam -name secp256k1 -genkey")]
#[case("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024")]
#[case("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048")]
#[case("genpkey -algorithm ed448")]
fn read_refuses_a_pem_of_another_kind_with_a_sentence(#[case] made_by: &str) {
    let Some(pem) = openssl(made_by) else { return };
    let refused = import(&pem).unwrap_err().to_string();
    assert!(refused.contains("P-256 or RSA (2048 to 4096 bits"), "{made_by}: {refused}");
}

#[test]
fn read_refuses_a_jwk_of_another_curve_or_too_short_a_modulus() {
    let text = |jwk| serde_json::to_string(&jwk).unwrap();
    let p384 = import(&text(EcKeyPair::generate(EcCurve::P384).unwrap().to_jwk_key_pair())).unwrap_err();
    assert!(p384.to_string().contains("kty and crv"), "{p384}");
    let Some(pem) = openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024") else { return };
    let short = import(&text(RsaKeyPair::from_pem(pem).unwrap().to_jwk_key_pair())).unwrap_err();
    assert!(short.to_string().contains("no sound key for RS256"), "{short}");
}
