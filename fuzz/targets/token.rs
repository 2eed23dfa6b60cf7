//! Any text as a token: the reader refuses or takes it apart, and no token passes without a signature.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use signet_verify::clock::Timestamp;
use signet_verify::crypto::{MacKey, SharedSecret};
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::KeySet;
use signet_verify::jose::verify::{Policy, SharedKey, TrustedKeys, Unverified};

/// A published key of each algorithm: of RFC 8037 appendix A.1, RFC 7515 appendix A.3, and Wycheproof.
const KEYS: [&str; 3] = [
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    r#"{"kty":"RSA","e":"AQAB","n":"orRRoH0KpfluRVZxUTVQUUqKW0YuvvcXCU-h_ugiJOY3-XRtP3yv0xh42AMltu9aFwD2WQO0aUKeidbqyIRQl7WrOTGJ25JRLtincRoSU_rNIPecFegkfz0-QuRuSMmOJUov6XZTE6A-_48X4aApOXofomqNzib0kO2BKZYV2YFMItphBCjgnH2WWFlCZvXAIdD87KCNlFoSvoLeTR7Oa0wDFFtdNJXU7VQR64eNrwX9evw-Ca2g8RJkIvWQl1oZaYFvSGmLy7obTZyuedRg2Pn4Xnl1AF2bwixOWsD3waRdElaaYoB9O5oC5aUw53MGb0U9H1tMLpz3ggKD90K51Q"}"#,
];

fuzz_target!(|text: &str| {
    let Ok(token) = Unverified::parse(text) else { return };
    // What was taken has exactly three parts, each in its one spelling.
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!(parts.len(), 3);
    for part in parts {
        assert_eq!(base64url::encode(&base64url::decode(part).unwrap()), part);
    }
    let kid = token.kid().unwrap_or("key-1");
    let secret = SharedSecret::new("a secret that nobody who writes tokens knows".to_owned()).unwrap();
    let shared = SharedKey { key: MacKey::new(&secret), until: None };
    let policy =
        Policy::new("https://id.test".into(), "https://api.test".into(), Duration::ZERO, Duration::MAX);
    let mut trusted = 0;
    for key in KEYS {
        let mut entry: Value = serde_json::from_str(key).unwrap();
        entry["kid"] = kid.into();
        let set = KeySet::parse(json!({ "keys": [entry] }).to_string().as_bytes()).unwrap().keys;
        trusted += set.len();
        let keys = TrustedKeys { set: Some(&set), shared: Some(&shared) };
        assert!(token.verify(&keys, &policy, Timestamp::from_seconds(1_800_000_000)).is_err());
    }
    assert_eq!(trusted, KEYS.len());
});
