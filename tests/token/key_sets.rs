//! A key set is read key by key: what is odd is left out and named, what is sound works.

use serde_json::{Value, json};
use signet_verify::crypto::{PublicKey, UnsoundKey};
use signet_verify::jose::base64url;
use signet_verify::jose::json;
use signet_verify::jose::jwk::{self, KeySet, Kid, MAX_DOCUMENT_BYTES, MAX_KEYS, SkipReason, thumbprint};
use signet_verify::jose::verify::Refusal;

use super::support::{Issuer, signing_input, signing_key};

fn jwk(key: &PublicKey, kid: &str) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(key.as_bytes()), "kid": kid })
}

fn document(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

/// A good entry named `odd`, with one member set to `value`.
fn odd(name: &str, value: Value) -> Value {
    let mut entry = jwk(signing_key(9).public(), "odd");
    entry[name] = value;
    entry
}

/// A good entry named `odd`, without one member.
fn lacking(name: &str) -> Value {
    let mut entry = jwk(signing_key(9).public(), "odd");
    entry.as_object_mut().unwrap().remove(name).unwrap();
    entry
}

pub fn odd_keys() -> Vec<(Value, SkipReason)> {
    let x = |bytes: &[u8]| odd("x", json!(base64url::encode(bytes)));
    let good = base64url::encode(signing_key(9).public().as_bytes());
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut unreduced = [0xff; 32];
    unreduced[0] = 0xee;
    vec![
        (Value::Null, SkipReason::NotAnObject),
        (json!("odd"), SkipReason::NotAnObject),
        (json!([]), SkipReason::NotAnObject),
        (json!({}), SkipReason::OtherType),
        (lacking("kid"), SkipReason::BadKid),
        (odd("kid", json!(7)), SkipReason::BadKid),
        (odd("kid", Value::Null), SkipReason::BadKid),
        (odd("kid", json!("")), SkipReason::BadKid),
        (odd("kid", json!("a b")), SkipReason::BadKid),
        (odd("kid", json!("x".repeat(129))), SkipReason::BadKid),
        (
            json!({ "kty": "oct", "k": base64url::encode(&[7; 32]), "kid": "odd", "alg": "HS256" }),
            SkipReason::Symmetric,
        ),
        (odd("k", json!(good)), SkipReason::Symmetric),
        (odd("d", json!(good)), SkipReason::Private),
        (odd("d", Value::Null), SkipReason::Private),
        (lacking("kty"), SkipReason::OtherType),
        (odd("kty", json!("okp")), SkipReason::OtherType),
        (odd("kty", json!("EC")), SkipReason::OtherType),
        (odd("kty", json!(["OKP"])), SkipReason::OtherType),
        (lacking("crv"), SkipReason::OtherType),
        (odd("crv", json!("X25519")), SkipReason::OtherType),
        (odd("crv", json!("Ed448")), SkipReason::OtherType),
        (odd("crv", json!("ed25519")), SkipReason::OtherType),
        (odd("crv", Value::Null), SkipReason::OtherType),
        (odd("use", json!("enc")), SkipReason::OtherPurpose),
        (odd("use", json!("SIG")), SkipReason::OtherPurpose),
        (odd("use", Value::Null), SkipReason::OtherPurpose),
        (odd("use", json!(["sig"])), SkipReason::OtherPurpose),
        (odd("key_ops", json!(["encrypt"])), SkipReason::OtherPurpose),
        (odd("key_ops", json!(["sign"])), SkipReason::OtherPurpose),
        (odd("key_ops", json!([])), SkipReason::OtherPurpose),
        (odd("key_ops", json!("verify")), SkipReason::OtherPurpose),
        (odd("key_ops", json!(["sign, verify"])), SkipReason::OtherPurpose),
        (odd("alg", json!("RS256")), SkipReason::OtherAlgorithm),
        (odd("alg", json!("HS256")), SkipReason::OtherAlgorithm),
        (odd("alg", json!("eddsa")), SkipReason::OtherAlgorithm),
        (odd("alg", json!("none")), SkipReason::OtherAlgorithm),
        (odd("alg", Value::Null), SkipReason::OtherAlgorithm),
        (lacking("x"), SkipReason::BadEncoding),
        (odd("x", json!(7)), SkipReason::BadEncoding),
        (odd("x", json!(format!("{good}="))), SkipReason::BadEncoding),
        (odd("x", json!(format!("{good} "))), SkipReason::BadEncoding),
        (odd("x", json!(format!("{}_", &good[..42]))), SkipReason::BadEncoding),
        (x(&[]), SkipReason::Unsound(UnsoundKey::WrongLength)),
        (x(&[7; 31]), SkipReason::Unsound(UnsoundKey::WrongLength)),
        (x(&[7; 33]), SkipReason::Unsound(UnsoundKey::WrongLength)),
        (x(&identity), SkipReason::Unsound(UnsoundKey::SmallOrder)),
        (x(&[0; 32]), SkipReason::Unsound(UnsoundKey::SmallOrder)),
        (x(&unreduced), SkipReason::Unsound(UnsoundKey::NotCanonical)),
    ]
}

#[test]
fn one_odd_key_is_left_out_with_its_reason_and_the_good_one_works() {
    for (entry, reason) in odd_keys() {
        let issuer = Issuer::new();
        let good = jwk(issuer.key.public(), issuer.kid.as_ref());
        for (keys, position) in [([entry.clone(), good.clone()], 0), ([good, entry.clone()], 1)] {
            let parsed = KeySet::parse(&document(&keys)).unwrap();
            let skipped: Vec<_> =
                parsed.skipped.iter().map(|skipped| (skipped.position, skipped.reason)).collect();
            assert_eq!(skipped, [(position, reason)], "{entry}");
            assert!(parsed.keys.get("odd").is_none(), "{entry}");
            let issuer = Issuer { set: parsed.keys, ..Issuer::new() };
            issuer.accepts(&entry.to_string(), &issuer.token());
        }
    }
}

#[test]
fn a_forgery_under_a_published_small_order_key_is_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut forged = [0; 64];
    forged[0] = 1;
    let parsed = KeySet::parse(&document(&[odd("x", json!(base64url::encode(&identity)))])).unwrap();
    let issuer = Issuer { set: parsed.keys, ..Issuer::new() };
    let input = signing_input(&json!({ "alg": "EdDSA", "kid": "odd" }), &issuer.claims());
    issuer.refuses("identity", &format!("{input}.{}", base64url::encode(&forged)), Refusal::UnknownKid);
}

#[test]
fn sound_variations_are_taken() {
    let key = signing_key(9).public().clone();
    for entry in [
        jwk(&key, "odd"),
        odd("use", json!("sig")),
        odd("alg", json!("EdDSA")),
        odd("alg", json!("Ed25519")),
        odd("key_ops", json!(["verify"])),
        odd("key_ops", json!(["sign", "verify"])),
        odd("x5t", json!("anything")),
        odd("extra", json!({ "a": [1, 2, 3] })),
    ] {
        let parsed = KeySet::parse(&document(std::slice::from_ref(&entry))).unwrap();
        assert_eq!(parsed.keys.get("odd"), Some(&key), "{entry}");
        assert!(parsed.skipped.is_empty(), "{entry}");
    }
}

#[test]
fn a_kid_that_is_used_twice_names_no_key() {
    let (one, two, three) =
        (signing_key(1).public().clone(), signing_key(2).public().clone(), signing_key(3).public().clone());
    let elliptic = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "same" });
    for twins in [
        [jwk(&one, "same"), jwk(&two, "same")],
        [jwk(&one, "same"), jwk(&one, "same")],
        [elliptic, jwk(&two, "same")],
    ] {
        let [first, second] = twins;
        let parsed = KeySet::parse(&document(&[first, jwk(&three, "other"), second])).unwrap();
        assert_eq!(parsed.keys.get("same"), None);
        assert_eq!(parsed.keys.get("other"), Some(&three));
        let reasons: Vec<_> =
            parsed.skipped.iter().map(|skipped| (skipped.position, skipped.reason)).collect();
        assert_eq!(reasons, [(0, SkipReason::RepeatedKid), (2, SkipReason::RepeatedKid)]);
    }
}

#[test]
fn what_is_no_key_set_is_refused_as_a_whole() {
    for (text, fault) in [
        ("", jwk::Error::Json(json::Error::Syntax)),
        ("<html></html>", jwk::Error::Json(json::Error::Syntax)),
        (r#"{"keys":[{"kty":"OKP","#, jwk::Error::Json(json::Error::Syntax)),
        (r#"{"keys":[]}{}"#, jwk::Error::Json(json::Error::Syntax)),
        ("\u{feff}{\"keys\":[]}", jwk::Error::Json(json::Error::Syntax)),
        (r#"{"keys":[],"keys":[]}"#, jwk::Error::Json(json::Error::DuplicateMember)),
        (r#"{"keys":[{"kid":"a","kid":"b"}]}"#, jwk::Error::Json(json::Error::DuplicateMember)),
        ("[]", jwk::Error::NoKeys),
        ("{}", jwk::Error::NoKeys),
        ("null", jwk::Error::NoKeys),
        (r#""keys""#, jwk::Error::NoKeys),
        (r#"{"keys":null}"#, jwk::Error::NoKeys),
        (r#"{"keys":{}}"#, jwk::Error::NoKeys),
        (r#"{"keys":"x"}"#, jwk::Error::NoKeys),
    ] {
        assert_eq!(KeySet::parse(text.as_bytes()), Err(fault), "{text}");
    }
    assert_eq!(KeySet::parse(b"{\"keys\":[\"\xff\"]}"), Err(jwk::Error::Json(json::Error::NotUtf8)));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(KeySet::parse(deep.as_bytes()), Err(jwk::Error::Json(json::Error::TooDeep)));
    assert!(KeySet::parse(br#"{"keys":[]}"#).unwrap().keys.is_empty());
}

#[test]
fn size_and_number_of_keys_are_bounded() {
    let keys = |count: usize| {
        let keys: Vec<Value> = (0..count)
            .map(|i| jwk(signing_key(u8::try_from(i).unwrap()).public(), &format!("k{i}")))
            .collect();
        document(&keys)
    };
    assert_eq!(KeySet::parse(&keys(MAX_KEYS)).unwrap().keys.len(), MAX_KEYS);
    assert_eq!(KeySet::parse(&keys(MAX_KEYS + 1)), Err(jwk::Error::TooManyKeys));
    let padded = |length: usize| {
        let bare = br#"{"keys":[]}"#;
        [bare.as_slice(), &vec![b' '; length - bare.len()]].concat()
    };
    assert!(KeySet::parse(&padded(MAX_DOCUMENT_BYTES)).is_ok());
    assert_eq!(KeySet::parse(&padded(MAX_DOCUMENT_BYTES + 1)), Err(jwk::Error::TooLarge));
}

#[test]
fn what_we_publish_holds_public_material_only_and_keeps_its_order() {
    let keys: Vec<_> = [5, 3, 4]
        .map(|number| signing_key(number).public().clone())
        .into_iter()
        .map(|key| (thumbprint(&key), key))
        .collect();
    let set = KeySet::new(keys.clone());
    let published: Value = serde_json::from_str(&set.to_json()).unwrap();
    for ((kid, key), entry) in keys.iter().zip(published["keys"].as_array().unwrap()) {
        let x = base64url::encode(key.as_bytes());
        let expected = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid.as_ref(), "alg": "EdDSA", "use": "sig" });
        assert_eq!(entry, &expected);
    }
    assert_eq!(published["keys"].as_array().unwrap().len(), 3);
    assert_eq!(KeySet::parse(set.to_json().as_bytes()).unwrap().keys, set);
    assert_eq!(KeySet::default().to_json(), r#"{"keys":[]}"#);
}

#[test]
fn of_our_own_keys_the_first_of_a_name_stays() {
    let kid = Kid::parse("k").unwrap();
    let (one, two) = (signing_key(1).public().clone(), signing_key(2).public().clone());
    let set = KeySet::new([(kid.clone(), one.clone()), (kid, two)]);
    assert_eq!((set.len(), set.get("k")), (1, Some(&one)));
}
