//! A key set is read key by key: what is odd is left out and named, what is sound works.

use rstest::rstest;
use serde_json::{Value, json};
use signet_verify::crypto::{Algorithm, PublicKey, UnsoundKey};
use signet_verify::jose::base64url;
use signet_verify::jose::json;
use signet_verify::jose::jwk::{
    self, KeySet, Kid, MAX_DOCUMENT_BYTES, MAX_KEYS, SkipReason, public_jwk, thumbprint,
};
use signet_verify::jose::verify::Refusal;

use super::each_algorithm::modulus;
use super::support::{Issuer, key_of, signing_input, signing_key};

fn jwk(key: &PublicKey, kid: &str) -> Value {
    let mut members = public_jwk(&Kid::parse(kid).unwrap(), key);
    members.retain(|name, _| !["alg", "use"].contains(&name.as_str()));
    Value::Object(members)
}

fn document(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

/// A good entry of this algorithm named `odd`, with one member set to `value`.
fn odd(algorithm: Algorithm, name: &str, value: Value) -> Value {
    let mut entry = jwk(key_of(algorithm, 9).public(), "odd");
    entry[name] = value;
    entry
}

/// A good entry of this algorithm named `odd`, without one member.
fn lacking(algorithm: Algorithm, name: &str) -> Value {
    let mut entry = jwk(key_of(algorithm, 9).public(), "odd");
    entry.as_object_mut().unwrap().remove(name).unwrap();
    entry
}

/// Entries that are left out, and why; but for what is odd about them they are good keys of this algorithm.
pub fn odd_keys(algorithm: Algorithm) -> Vec<(Value, SkipReason)> {
    let mut entries = odd_whatever_the_algorithm(algorithm);
    entries.extend(match algorithm {
        Algorithm::EdDsa => odd_ed25519_keys(),
        Algorithm::Es256 => odd_p256_keys(),
        Algorithm::Rs256 => odd_rsa_keys(),
    });
    entries
}

fn odd_whatever_the_algorithm(algorithm: Algorithm) -> Vec<(Value, SkipReason)> {
    let odd = |name: &str, value: Value| odd(algorithm, name, value);
    let secret = base64url::encode(&[7; 32]);
    let mut entries = vec![
        (Value::Null, SkipReason::NotAnObject),
        (json!("odd"), SkipReason::NotAnObject),
        (json!([]), SkipReason::NotAnObject),
        (json!({}), SkipReason::OtherType),
        (lacking(algorithm, "kid"), SkipReason::BadKid),
        (odd("kid", json!(7)), SkipReason::BadKid),
        (odd("kid", Value::Null), SkipReason::BadKid),
        (odd("kid", json!("")), SkipReason::BadKid),
        (odd("kid", json!("a b")), SkipReason::BadKid),
        (odd("kid", json!("x".repeat(129))), SkipReason::BadKid),
        (json!({ "kty": "oct", "k": secret, "kid": "odd", "alg": "HS256" }), SkipReason::Symmetric),
        (odd("k", json!(secret)), SkipReason::Symmetric),
        (odd("d", Value::Null), SkipReason::Private),
        (lacking(algorithm, "kty"), SkipReason::OtherType),
        (odd("kty", json!("okp")), SkipReason::OtherType),
        (odd("kty", json!("ec")), SkipReason::OtherType),
        (odd("kty", json!("rsa")), SkipReason::OtherType),
        (odd("kty", json!(["OKP"])), SkipReason::OtherType),
        (odd("kty", Value::Null), SkipReason::OtherType),
        (odd("use", json!("enc")), SkipReason::OtherPurpose),
        (odd("use", json!("SIG")), SkipReason::OtherPurpose),
        (odd("use", Value::Null), SkipReason::OtherPurpose),
        (odd("use", json!(["sig"])), SkipReason::OtherPurpose),
        (odd("key_ops", json!(["encrypt"])), SkipReason::OtherPurpose),
        (odd("key_ops", json!(["sign"])), SkipReason::OtherPurpose),
        (odd("key_ops", json!([])), SkipReason::OtherPurpose),
        (odd("key_ops", json!("verify")), SkipReason::OtherPurpose),
        (odd("key_ops", json!(["sign, verify"])), SkipReason::OtherPurpose),
    ];
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth"];
    entries.extend(private.map(|name| (odd(name, json!(secret)), SkipReason::Private)));
    let others =
        Algorithm::ALL.into_iter().filter(|other| *other != algorithm).map(|other| json!(other.name()));
    let foreign =
        ["HS256", "none", "eddsa", "PS256", "RS384", "RSA1_5", "ES384", "ES256K", ""].map(Value::from);
    let foreign = foreign.into_iter().chain([Value::Null, json!([algorithm.name()])]).chain(others);
    entries.extend(foreign.map(|name| (odd("alg", name), SkipReason::OtherAlgorithm)));
    entries
}

/// A number of a good entry that is missing or not written as base64url.
fn badly_encoded(algorithm: Algorithm, name: &str) -> Vec<(Value, SkipReason)> {
    let good = jwk(key_of(algorithm, 9).public(), "odd")[name].as_str().unwrap().to_owned();
    let mut values = vec![
        Value::Null,
        json!(7),
        json!([good]),
        json!(format!("{good}=")),
        json!(format!("{good} ")),
        json!(format!(" {good}")),
        json!(format!("{}+", &good[1..])),
    ];
    // The last character of a number that does not fill it has unused bits.
    values.extend((!good.len().is_multiple_of(4)).then(|| json!(format!("{}_", &good[..good.len() - 1]))));
    let mut entries: Vec<_> =
        values.into_iter().map(|value| (odd(algorithm, name, value), SkipReason::BadEncoding)).collect();
    entries.push((lacking(algorithm, name), SkipReason::BadEncoding));
    entries
}

/// A good entry named `odd` with one number of these bytes.
fn numbered(algorithm: Algorithm, name: &str, bytes: &[u8], reason: UnsoundKey) -> (Value, SkipReason) {
    (odd(algorithm, name, json!(base64url::encode(bytes))), SkipReason::Unsound(reason))
}

fn odd_ed25519_keys() -> Vec<(Value, SkipReason)> {
    let x = |bytes: &[u8], reason| numbered(Algorithm::EdDsa, "x", bytes, reason);
    let odd = |name: &str, value: Value| odd(Algorithm::EdDsa, name, value);
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut unreduced = [0xff; 32];
    unreduced[0] = 0xee;
    let mut entries = badly_encoded(Algorithm::EdDsa, "x");
    entries.extend([
        (odd("kty", json!("EC")), SkipReason::OtherType),
        (odd("kty", json!("RSA")), SkipReason::BadEncoding),
        (lacking(Algorithm::EdDsa, "crv"), SkipReason::OtherType),
        (odd("crv", json!("X25519")), SkipReason::OtherType),
        (odd("crv", json!("Ed448")), SkipReason::OtherType),
        (odd("crv", json!("ed25519")), SkipReason::OtherType),
        (odd("crv", json!("P-256")), SkipReason::OtherType),
        (odd("crv", Value::Null), SkipReason::OtherType),
        x(&[], UnsoundKey::WrongLength),
        x(&[7; 31], UnsoundKey::WrongLength),
        x(&[7; 33], UnsoundKey::WrongLength),
        x(&identity, UnsoundKey::SmallOrder),
        x(&[0; 32], UnsoundKey::SmallOrder),
        x(&unreduced, UnsoundKey::NotCanonical),
    ]);
    entries
}

fn odd_p256_keys() -> Vec<(Value, SkipReason)> {
    let odd = |name: &str, value: Value| odd(Algorithm::Es256, name, value);
    let point = key_of(Algorithm::Es256, 9).public().as_bytes()[1..].to_vec();
    let mut entries = badly_encoded(Algorithm::Es256, "x");
    entries.extend(badly_encoded(Algorithm::Es256, "y"));
    entries.extend([
        (odd("kty", json!("OKP")), SkipReason::OtherType),
        (odd("kty", json!("RSA")), SkipReason::BadEncoding),
        (lacking(Algorithm::Es256, "crv"), SkipReason::OtherType),
        (odd("crv", json!("P-384")), SkipReason::OtherType),
        (odd("crv", json!("P-521")), SkipReason::OtherType),
        (odd("crv", json!("secp256k1")), SkipReason::OtherType),
        (odd("crv", json!("p-256")), SkipReason::OtherType),
        (odd("crv", json!("Ed25519")), SkipReason::OtherType),
        (odd("crv", Value::Null), SkipReason::OtherType),
    ]);
    for (name, number) in [("x", &point[..32]), ("y", &point[32..])] {
        let numbered = |bytes: &[u8], reason| numbered(Algorithm::Es256, name, bytes, reason);
        let mut neighbour = number.to_vec();
        neighbour[31] ^= 1;
        entries.extend([
            numbered(&[], UnsoundKey::WrongLength),
            numbered(&number[1..], UnsoundKey::WrongLength),
            numbered(&[&[0], number].concat(), UnsoundKey::WrongLength),
            numbered(&[&[4], &point[..]].concat(), UnsoundKey::WrongLength),
            numbered(&neighbour, UnsoundKey::NotOnCurve),
            numbered(&[0; 32], UnsoundKey::NotOnCurve),
            numbered(&[0xff; 32], UnsoundKey::NotCanonical),
        ]);
    }
    // The same 64 bytes, parted elsewhere: a key has one spelling.
    for length in [0, 31, 33, 64] {
        let (x, y) = point.split_at(length);
        let mut shifted = odd("x", json!(base64url::encode(x)));
        shifted["y"] = json!(base64url::encode(y));
        entries.push((shifted, SkipReason::Unsound(UnsoundKey::WrongLength)));
    }
    let mut infinity = odd("x", json!(base64url::encode(&[0; 32])));
    infinity["y"] = infinity["x"].clone();
    entries.push((infinity, SkipReason::Unsound(UnsoundKey::NotOnCurve)));
    entries
}

fn odd_rsa_keys() -> Vec<(Value, SkipReason)> {
    let odd = |name: &str, value: Value| odd(Algorithm::Rs256, name, value);
    let n = modulus(&key_of(Algorithm::Rs256, 9));
    let mut even = n.clone();
    even[255] &= 0xfe;
    let mut bits_2047 = n.clone();
    bits_2047[0] &= 0x7f;
    let modulus = |bytes: &[u8], reason| numbered(Algorithm::Rs256, "n", bytes, reason);
    let exponent = |bytes: &[u8], reason| numbered(Algorithm::Rs256, "e", bytes, reason);
    let mut entries = badly_encoded(Algorithm::Rs256, "n");
    entries.extend(badly_encoded(Algorithm::Rs256, "e"));
    entries.extend([
        (odd("kty", json!("OKP")), SkipReason::OtherType),
        (odd("kty", json!("EC")), SkipReason::OtherType),
        modulus(&[], UnsoundKey::NotCanonical),
        modulus(&[&[0], &n[..]].concat(), UnsoundKey::NotCanonical),
        modulus(&[&[0], &n[..255]].concat(), UnsoundKey::NotCanonical),
        modulus(&n[..128], UnsoundKey::WrongLength),
        modulus(&n[..255], UnsoundKey::WrongLength),
        modulus(&bits_2047, UnsoundKey::WrongLength),
        modulus(&[&n[..], &n[..], &[1]].concat(), UnsoundKey::WrongLength),
        modulus(&n.repeat(4), UnsoundKey::WrongLength),
        modulus(&even, UnsoundKey::EvenModulus),
        exponent(&[], UnsoundKey::NotCanonical),
        exponent(&[0], UnsoundKey::NotCanonical),
        exponent(&[0, 1, 0, 1], UnsoundKey::NotCanonical),
        exponent(&[1], UnsoundKey::WeakExponent),
        exponent(&[2], UnsoundKey::WeakExponent),
        exponent(&[3], UnsoundKey::WeakExponent),
        exponent(&[17], UnsoundKey::WeakExponent),
        exponent(&[0xff, 0xff], UnsoundKey::WeakExponent),
        exponent(&[1, 0, 0], UnsoundKey::WeakExponent),
        exponent(&[1, 0, 2], UnsoundKey::WeakExponent),
        exponent(&[1, 0, 0, 0, 1], UnsoundKey::WeakExponent),
        exponent(&n, UnsoundKey::WeakExponent),
    ]);
    entries
}

#[rstest]
fn parse_leaves_one_odd_key_out_with_its_reason_and_the_good_one_works(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let good = jwk(issuer.key.public(), issuer.kid.as_ref());
    let token = issuer.token();
    for (entry, reason) in odd_keys(algorithm) {
        for (keys, position) in [([entry.clone(), good.clone()], 0), ([good.clone(), entry.clone()], 1)] {
            let parsed = KeySet::parse(&document(&keys)).unwrap();
            let skipped: Vec<_> =
                parsed.skipped.iter().map(|skipped| (skipped.position, skipped.reason)).collect();
            assert_eq!(skipped, [(position, reason)], "{entry}");
            assert!(parsed.keys.get("odd").is_none(), "{entry}");
            Issuer { set: parsed.keys, ..Issuer::of(algorithm) }.accepts(&entry.to_string(), &token);
        }
    }
}

#[test]
fn verify_refuses_a_forgery_under_a_published_small_order_key() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut forged = [0; 64];
    forged[0] = 1;
    let parsed =
        KeySet::parse(&document(&[odd(Algorithm::EdDsa, "x", json!(base64url::encode(&identity)))])).unwrap();
    let issuer = Issuer { set: parsed.keys, ..Issuer::new() };
    let input = signing_input(&json!({ "alg": "EdDSA", "kid": "odd" }), &issuer.claims());
    issuer.refuses("identity", &format!("{input}.{}", base64url::encode(&forged)), Refusal::UnknownKid);
}

#[rstest]
fn parse_takes_sound_variations(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let key = key_of(algorithm, 9).public().clone();
    let odd = |name: &str, value: Value| odd(algorithm, name, value);
    let mut entries = vec![
        jwk(&key, "odd"),
        odd("use", json!("sig")),
        odd("alg", json!(algorithm.name())),
        odd("key_ops", json!(["verify"])),
        odd("key_ops", json!(["sign", "verify"])),
        odd("x5t", json!("anything")),
        odd("extra", json!({ "a": [1, 2, 3] })),
    ];
    entries.extend((algorithm == Algorithm::EdDsa).then(|| odd("alg", json!("Ed25519"))));
    for entry in entries {
        let parsed = KeySet::parse(&document(std::slice::from_ref(&entry))).unwrap();
        assert_eq!(parsed.keys.get("odd"), Some(&key), "{entry}");
        assert!(parsed.skipped.is_empty(), "{entry}");
    }
}

#[test]
fn parse_takes_no_key_of_a_kid_that_is_used_twice() {
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
fn parse_refuses_as_a_whole_what_is_no_key_set() {
    for (text, error) in [
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
        assert_eq!(KeySet::parse(text.as_bytes()), Err(error), "{text}");
    }
    assert_eq!(KeySet::parse(b"{\"keys\":[\"\xff\"]}"), Err(jwk::Error::Json(json::Error::NotUtf8)));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(KeySet::parse(deep.as_bytes()), Err(jwk::Error::Json(json::Error::TooDeep)));
    assert!(KeySet::parse(br#"{"keys":[]}"#).unwrap().keys.is_empty());
}

#[test]
fn parse_bounds_size_and_number_of_keys() {
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
fn to_json_holds_public_material_only_and_keeps_the_order() {
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
fn new_keeps_the_first_of_our_own_keys_of_one_name() {
    let kid = Kid::parse("k").unwrap();
    let (one, two) = (signing_key(1).public().clone(), signing_key(2).public().clone());
    let set = KeySet::new([(kid.clone(), one.clone()), (kid, two)]);
    assert_eq!((set.len(), set.get("k")), (1, Some(&one)));
}
