//! Any text as a token: the reader refuses or takes it apart, and nobody gets in without a signature.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use signet_verify::clock::Timestamp;
use signet::secret::{Seed, SharedSecret};
use signet_verify::crypto::{MacKey, SigningKey};
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::{KeySet, Kid};
use signet_verify::jose::verify::{Policy, SharedKey, TrustedKeys, Unverified};

fuzz_target!(|text: &str| {
    let Ok(token) = Unverified::parse(text) else { return };
    // What was taken has exactly three parts, each in its one spelling.
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!(parts.len(), 3);
    for part in parts {
        assert_eq!(base64url::encode(&base64url::decode(part).unwrap()), part);
    }
    let kid = Kid::parse(token.kid().unwrap_or("key-1")).unwrap();
    let set = KeySet::new([(kid, SigningKey::from_seed(&[7; 32]).unwrap().public())]);
    let secret = SharedSecret::new("a secret that nobody who writes tokens knows".to_owned()).unwrap();
    let shared = SharedKey { key: MacKey::new(&secret), until: None };
    let policy =
        Policy::new("https://id.test".into(), "https://api.test".into(), Duration::ZERO, Duration::MAX);
    let keys = TrustedKeys { set: Some(&set), shared: Some(&shared) };
    assert!(token.verify(&keys, &policy, Timestamp::from_seconds(1_800_000_000)).is_err());
});
