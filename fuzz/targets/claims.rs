//! Any bytes as the claims of a well-signed token: who is let in has claims that another reader finds right too.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::SigningKey;
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::{KeySet, Kid};
use signet_verify::jose::verify::{Policy, TrustedKeys, verify};

const NOW: i64 = 1_800_000_000;

fuzz_target!(|claims: &[u8]| {
    let (key, kid) = (SigningKey::from_seed(&[7; 32]).unwrap(), Kid::parse("key-1").unwrap());
    let input =
        format!("{}.{}", base64url::encode(br#"{"alg":"EdDSA","kid":"key-1"}"#), base64url::encode(claims));
    let token = format!("{input}.{}", base64url::encode(&key.sign(input.as_bytes()).unwrap()));
    let set = KeySet::new([(kid, key.public().clone())]);
    let (leeway, longest) = (Duration::from_secs(30), Duration::from_secs(3600));
    let policy = Policy::new("https://id.test".into(), "https://api.test".into(), leeway, longest);
    let keys = TrustedKeys { set: Some(&set), shared: None };
    let Ok(principal) = verify(&keys, &policy, &token, Timestamp::from_seconds(NOW)) else { return };

    let claims: Value = serde_json::from_slice(claims).unwrap();
    assert_eq!(claims["sub"], Value::from(principal.subject.as_str()));
    assert_eq!(claims["iss"], "https://id.test");
    let named = |name: &Value| name == "https://api.test";
    assert!(named(&claims["aud"]) || claims["aud"].as_array().is_some_and(|names| names.iter().any(named)));
    let expires = claims["exp"].as_f64().unwrap();
    assert!(expires > (NOW - 30) as f64 && expires <= (NOW + 3630) as f64);
    for name in ["iat", "nbf"] {
        assert!(claims.get(name).is_none_or(|moment| moment.as_f64().unwrap() < (NOW + 31) as f64));
    }
    assert!(claims.get("cnf").is_none());
    assert!(principal.weight() >= claims.to_string().len());
});
