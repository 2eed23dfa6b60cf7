//! Any bytes as a public key of each algorithm: what is taken has this one spelling, and its JWK reads back as the key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signet_verify::crypto::{Algorithm, PublicKey};
use signet_verify::jose::jwk::{KeySet, public_jwk, thumbprint};

fuzz_target!(|bytes: &[u8]| {
    for algorithm in Algorithm::ALL {
        let Ok(key) = PublicKey::from_bytes(algorithm, bytes) else { continue };
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!(key.as_bytes(), bytes);
        assert!(!key.verify(b"a message that nobody signed", &[0; 64]));
        let kid = thumbprint(&key);
        let document = serde_json::json!({ "keys": [public_jwk(&kid, &key)] });
        let parsed = KeySet::parse(document.to_string().as_bytes()).unwrap();
        assert_eq!(parsed.keys.get(kid.as_ref()), Some(&key));
    }
    // The numbers of an RSA key, which need no DER around them.
    if let Some((exponent, modulus)) = bytes.split_at_checked(3)
        && let Ok(key) = PublicKey::rsa(modulus, exponent)
    {
        assert_eq!(PublicKey::from_bytes(Algorithm::Rs256, key.as_bytes()), Ok(key));
    }
});
