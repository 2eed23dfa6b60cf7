//! Any bytes as a key set: what is taken can be published, and reads back as the same keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signet_verify::crypto::PublicKey;
use signet_verify::jose::jwk::{KeySet, MAX_KEYS};

fuzz_target!(|document: &[u8]| {
    let Ok(parsed) = KeySet::parse(document) else { return };
    assert!(parsed.keys.len() + parsed.skipped.len() <= MAX_KEYS);
    for (kid, key) in parsed.keys.iter() {
        assert_eq!(parsed.keys.get(kid.as_ref()), Some(key));
        assert_eq!(PublicKey::from_bytes(key.algorithm(), key.as_bytes()).as_ref(), Ok(key));
    }
    let again = KeySet::parse(parsed.keys.to_json().as_bytes()).unwrap();
    assert_eq!(again.keys, parsed.keys);
    assert!(again.skipped.is_empty());
});
