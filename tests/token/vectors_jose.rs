//! Published tokens and key sets: none is a bearer token of ours, and where the key is HS256, the MAC comes out right.

use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, HS256, JwsVerifier, RS256};
use serde_json::Value;
use signet_verify::crypto::Algorithm;
use signet_verify::crypto::{MacKey, PublicKey, SigningKey, UnsoundKey};
use signet_verify::jose::jwk::{KeySet, Kid, SkipReason, public_jwk, thumbprint};
use signet_verify::jose::verify::{Refusal, SharedKey};
use signet_verify::jose::{base64url, json};

use super::support::{Issuer, array, text, vectors};

/// A verifier that trusts these very keys, so that nothing is refused for want of a key.
fn trusting(key: &Value) -> Issuer {
    let issuer = Issuer::new();
    let shared = mac_key(key).map_or(issuer.shared.clone(), |key| SharedKey { key, until: None });
    let keys = key["keys"].as_array().cloned().unwrap_or_else(|| vec![key.clone()]);
    let document = serde_json::json!({ "keys": keys });
    let set = KeySet::parse(document.to_string().as_bytes()).unwrap().keys;
    Issuer { set, shared, ..issuer }
}

fn mac_key(key: &Value) -> Option<MacKey> {
    MacKey::from_bytes(&base64url::decode(key["k"].as_str()?)?).ok()
}

/// Whether the text is a compact JWS of this algorithm whose signature fits, whatever it says.
fn authentic(algorithm: &str, fits: impl Fn(&[u8], &[u8]) -> bool, text: &str) -> bool {
    let Some((input, tag)) = text.rsplit_once('.') else { return false };
    let Some((header, payload)) = input.split_once('.') else { return false };
    let [Some(header), Some(_), Some(tag)] = [header, payload, tag].map(base64url::decode) else {
        return false;
    };
    json::parse(&header).is_ok_and(|header| header["alg"] == algorithm) && fits(input.as_bytes(), &tag)
}

/// Whether the text is a compact JWS whose signature fits a public key, whatever it says.
fn is_signature(key: &PublicKey, text: &str) -> bool {
    authentic(key.algorithm().name(), |input, signature| key.verify(input, signature), text)
}

/// The key of a JWK, if it is one that a key set would take.
fn public_key(jwk: &Value) -> Option<PublicKey> {
    let parsed = KeySet::parse(serde_json::json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    parsed.keys.iter().next().map(|(_, key)| key.clone())
}

fn is_mac(key: &MacKey, text: &str) -> bool {
    authentic("HS256", |input, tag| key.verify(input, tag), text)
}

/// Every token of a Wycheproof file, with the key of its group, the public half if it has one, and its label.
fn wycheproof(file: &str, count: usize) -> Vec<(u64, Value, String, bool)> {
    let file = vectors(&format!("wycheproof/{file}"));
    let mut cases = Vec::new();
    for group in array(&file, "testGroups") {
        for test in array(group, "tests") {
            let token = test.get("jws").or_else(|| test.get("jwe")).unwrap();
            let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
            cases.push((
                test["tcId"].as_u64().unwrap(),
                (if group["public"].is_object() { &group["public"] } else { &group["private"] }).clone(),
                token,
                test["result"] == "valid",
            ));
        }
    }
    assert_eq!(cases.len(), count);
    cases
}

#[test]
fn verify_takes_no_token_of_wycheproof_for_a_bearer_token() {
    let mut signed = 0;
    for (file, count) in [
        ("json_web_signature_test.json", 401),
        ("json_web_key_test.json", 26),
        ("json_web_crypto_test.json", 83),
        ("json_web_encryption_test.json", 139),
    ] {
        for (id, key, token, _) in wycheproof(file, count) {
            assert!(Issuer::new().verify(&token).is_err(), "{file} {id}");
            let issuer = trusting(&key);
            let refusal = issuer.verify(&token).unwrap_err();
            // Only what a trusted key signed has its claims looked at, and they are no claims: all others fall before.
            let genuine = issuer.set.iter().any(|(_, key)| is_signature(key, &token));
            assert!(genuine || refusal != Refusal::Claims, "{file} {id}");
            signed += usize::from(refusal == Refusal::Claims);
        }
    }
    // Eight of RS256 and two of ES256 are labelled valid, and one is in each of the files of keys and of structure.
    assert_eq!(signed, 12);
}

/// The label of a case of `json_web_signature_test.json`, put right.
fn label(id: u64, labelled: bool) -> bool {
    match id {
        367 | 370 => true,  // byte for byte the token of 357, which is valid
        372 | 373 => false, // a foreign character inside the base64url
        _ => labelled,
    }
}

#[test]
fn verify_answers_every_mac_of_wycheproof_as_labelled() {
    let mut seen = 0;
    for (id, key, token, labelled) in wycheproof("json_web_signature_test.json", 401) {
        let Some(key) = mac_key(&key) else { continue };
        assert_eq!(is_mac(&key, &token), label(id, labelled), "case {id}");
        seen += 1;
    }
    assert_eq!(seen, 40);
}

#[test]
fn verify_answers_every_signed_token_of_wycheproof_as_labelled() {
    let mut wrong = Vec::new();
    let mut seen = [[0; 2]; 2];
    for (id, jwk, token, labelled) in wycheproof("json_web_signature_test.json", 401) {
        let Some(key) = public_key(&jwk) else { continue };
        let valid = is_signature(&key, &token);
        wrong.extend((valid != label(id, labelled)).then_some(id));
        seen[usize::from(key.algorithm() == Algorithm::Rs256)][usize::from(!valid)] += 1;
    }
    assert_eq!(wrong, [0_u64; 0]);
    assert_eq!(seen, [[2, 37], [8, 225]], "ES256 and RS256, accepted and refused");
}

/// The key as josekit wants it: without a `kid`, so that the header's need not be the same.
fn bare(key: &PublicKey) -> Jwk {
    let mut members = public_jwk(&thumbprint(key), key);
    members.remove("kid");
    Jwk::from_map(members).unwrap()
}

/// What we and josekit say of a text under one key: that it is a compact JWS with the right signature, whatever it says.
/// None for a key of another kind than ours.
fn both(key: &Value, token: &str) -> Option<(bool, bool)> {
    let theirs = |verifier: &dyn JwsVerifier| josekit::jws::deserialize_compact(token, verifier).is_ok();
    if key["kty"] == "OKP" {
        let public = PublicKey::from_bytes(Algorithm::EdDsa, &base64url::decode(text(key, "x"))?).ok()?;
        let jwk = serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": key["x"] });
        let verifier = EdDSA.verifier_from_jwk(&Jwk::from_bytes(jwk.to_string()).unwrap()).unwrap();
        return Some((authentic("EdDSA", |input, tag| public.verify(input, tag), token), theirs(&verifier)));
    }
    if let Some(public) = public_key(key) {
        let theirs = match public.algorithm() {
            Algorithm::Es256 => theirs(&ES256.verifier_from_jwk(&bare(&public)).unwrap()),
            _ => theirs(&RS256.verifier_from_jwk(&bare(&public)).unwrap()),
        };
        return Some((is_signature(&public, token), theirs));
    }
    let secret = base64url::decode(key["k"].as_str()?)?;
    match (MacKey::from_bytes(&secret), HS256.verifier_from_bytes(&secret)) {
        (Ok(mac), Ok(verifier)) => Some((is_mac(&mac, token), theirs(&verifier))),
        (Err(_), Err(_)) => None, // too short for both
        _ => panic!("only one of us takes a secret of {} bytes", secret.len()),
    }
}

#[test]
fn verify_agrees_with_josekit_about_every_published_token() {
    let mut tokens: Vec<(String, Value, String)> = Vec::new();
    for (file, count) in [("signature", 401), ("key", 26), ("crypto", 83), ("encryption", 139)] {
        for (id, key, token, _) in wycheproof(&format!("json_web_{file}_test.json"), count) {
            let keys = key["keys"].as_array().cloned().unwrap_or_else(|| vec![key]);
            tokens.extend(keys.into_iter().map(|key| (format!("{file} {id}"), key, token.clone())));
        }
    }
    for file in COOKBOOK {
        let example = vectors(&format!("jose-cookbook/{file}"));
        for (form, output) in example["output"].as_object().unwrap() {
            let token = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            tokens.push((format!("{file} {form}"), example["input"]["key"].clone(), token));
        }
    }
    let (mac, signing) = (rfc("rfc7515-A1-hs256")["key"].clone(), rfc("rfc8037-A1-A2-key")["public"].clone());
    for example in
        array(&vectors("rfc/rfc-jws-jwt.json"), "vectors").iter().filter(|one| one["compact"].is_string())
    {
        for key in [&mac, &signing] {
            tokens.push((example["id"].to_string(), key.clone(), text(example, "compact").to_owned()));
        }
    }
    let said: Vec<_> = tokens
        .iter()
        .filter_map(|(name, key, token)| both(key, token).map(|said| (name.as_str(), said)))
        .collect();
    for (name, (ours, theirs)) in &said {
        assert_eq!(ours, theirs, "{name}");
    }
    let right = said.iter().filter(|(_, (ours, _))| *ours).count();
    assert_eq!((said.len(), right), (463, 36));
}

/// What comes of the public half of each published key set, by the case that it is published for.
fn public_sets() -> [(u64, Result<Algorithm, SkipReason>); 11] {
    let unsound = |reason| Err(SkipReason::Unsound(reason));
    [
        (5, Ok(Algorithm::Rs256)),
        (6, Err(SkipReason::OtherPurpose)),
        (7, unsound(UnsoundKey::Predictable)),
        (8, unsound(UnsoundKey::WrongLength)),
        (9, unsound(UnsoundKey::WeakExponent)),
        (19, Err(SkipReason::OtherAlgorithm)),
        (20, Err(SkipReason::OtherAlgorithm)),
        (21, Err(SkipReason::OtherPurpose)),
        (22, unsound(UnsoundKey::NotOnCurve)),
        (23, Err(SkipReason::OtherType)),
        (24, Err(SkipReason::OtherAlgorithm)),
    ]
}

#[test]
fn key_set_takes_only_the_sound_public_key_of_wycheproof() {
    let file = vectors("wycheproof/json_web_key_test.json");
    let expected = public_sets();
    let mut seen = Vec::new();
    for group in array(&file, "testGroups").iter().filter(|group| group["public"].is_object()) {
        let [test] = array(group, "tests") else { panic!("a case for each key: {group}") };
        let id = test["tcId"].as_u64().unwrap();
        let parsed = KeySet::parse(group["public"].to_string().as_bytes()).unwrap();
        let taken = parsed.keys.iter().map(|(_, key)| Ok(key.algorithm()));
        let verdicts: Vec<_> =
            taken.chain(parsed.skipped.iter().map(|skipped| Err(skipped.reason))).collect();
        assert_eq!(
            expected.iter().find(|(case, _)| *case == id).map(|(_, verdict)| [*verdict]).unwrap(),
            *verdicts,
            "{id}"
        );
        assert_eq!(verdicts == [Ok(Algorithm::Rs256)], test["result"] == "valid", "{id}");
        seen.push(id);
    }
    assert_eq!(seen, expected.map(|(id, _)| id));
}

#[test]
fn key_set_takes_no_private_or_symmetric_key_of_wycheproof() {
    let file = vectors("wycheproof/json_web_key_test.json");
    let mut entries = 0;
    for group in array(&file, "testGroups") {
        let id = &group["tests"][0]["tcId"];
        let parsed = KeySet::parse(group["private"].to_string().as_bytes()).unwrap();
        // Beside the secret of case 1 stands the public half of an EC key, which is as sound as anywhere else.
        let public: Vec<&str> = parsed.keys.iter().map(|(kid, _)| kid.as_ref()).collect();
        assert_eq!(public, if *id == 1 { vec!["kid-ec-sign"] } else { vec![] }, "{id}");
        assert_eq!(parsed.skipped.len() + public.len(), array(&group["private"], "keys").len(), "{id}");
        entries += parsed.skipped.len() + public.len();
    }
    assert_eq!(entries, 28);
}

#[test]
fn key_set_reads_the_public_keys_of_wycheproof_as_their_bytes() {
    let file = vectors("wycheproof/ed25519_test.json");
    for group in array(&file, "testGroups") {
        let jwk = &group["publicKeyJwk"];
        if !jwk.is_object() {
            continue;
        }
        let set = KeySet::parse(serde_json::json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap().keys;
        let key =
            PublicKey::from_bytes(Algorithm::EdDsa, &super::support::hex(text(&group["publicKey"], "pk")))
                .unwrap();
        assert_eq!(set.get(text(jwk, "kid")), Some(&key));
    }
}

const COOKBOOK: [&str; 8] = [
    "jws/4_4.hmac-sha2_integrity_protection.json",
    "jws/4_5.signature_with_detached_content.json",
    "jws/4_6.protecting_specific_header_fields.json",
    "jws/4_7.protecting_content_only.json",
    "jws/4_8.multiple_signatures.json",
    "rfc7797/4.2.hmac-sha2_b64_false.json",
    "rfc7797/hmac-sha2_b64_false.json",
    "curve25519/jws.json",
];

#[test]
fn verify_takes_no_form_of_the_cookbooks_signatures_for_a_bearer_token() {
    let mut seen = 0;
    for file in COOKBOOK {
        let example = vectors(&format!("jose-cookbook/{file}"));
        let key = &example["input"]["key"];
        for (form, output) in example["output"].as_object().unwrap() {
            let token = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            assert!(trusting(key).verify(&token).is_err(), "{file} {form}");
            let wrapped = base64url::encode(token.as_bytes());
            assert!(trusting(key).verify(&wrapped).is_err(), "{file} {form}");
            seen += 1;
        }
    }
    assert_eq!(seen, 19);
}

#[test]
fn mac_of_the_cookbook_is_authentic() {
    let example = vectors("jose-cookbook/jws/4_4.hmac-sha2_integrity_protection.json");
    let key = mac_key(&vectors("jose-cookbook/jwk/3_5.symmetric_key_mac_computation.json")).unwrap();
    assert!(is_mac(&key, text(&example["output"], "compact")));
    let detached = vectors("jose-cookbook/jws/4_5.signature_with_detached_content.json");
    assert!(!is_mac(&key, text(&detached["output"], "compact")));
}

/// The example of the RFCs with this id.
fn rfc(id: &str) -> Value {
    let file = vectors("rfc/rfc-jws-jwt.json");
    array(&file, "vectors").iter().find(|vector| vector["id"] == id).unwrap().clone()
}

#[test]
fn rfc_8037_key_thumbprint_and_signature_are_reproduced() {
    let key = rfc("rfc8037-A1-A2-key");
    let seed = base64url::decode(text(&key["private"], "d")).unwrap();
    let signing = SigningKey::from_seed(&seed.try_into().unwrap()).unwrap();
    assert_eq!(base64url::encode(signing.public().as_bytes()), text(&key["public"], "x"));
    assert_eq!(thumbprint(signing.public()).as_ref(), text(&rfc("rfc8037-A3-thumbprint"), "value"));
    let example = rfc("rfc8037-A4-A5-jws");
    let (input, signature) = text(&example, "compact").rsplit_once('.').unwrap();
    assert_eq!(base64url::encode(&signing.sign(input.as_bytes()).unwrap()), signature);
}

#[test]
fn rfc_7515_mac_is_of_the_received_bytes() {
    let example = rfc("rfc7515-A1-hs256");
    assert!(is_mac(&mac_key(&example["key"]).unwrap(), text(&example, "compact")));
}

#[test]
fn verify_takes_no_example_of_the_rfcs_for_a_bearer_token() {
    let key = rfc("rfc8037-A1-A2-key");
    let public =
        PublicKey::from_bytes(Algorithm::EdDsa, &base64url::decode(text(&key["public"], "x")).unwrap())
            .unwrap();
    let set = KeySet::new([(Kid::parse("a").unwrap(), public)]);
    let shared = SharedKey { key: mac_key(&rfc("rfc7515-A1-hs256")["key"]).unwrap(), until: None };
    let issuer = Issuer { set, shared, ..Issuer::new() };
    for (id, reason) in [
        ("rfc8037-A4-A5-jws", Refusal::MissingKid),
        ("rfc7515-A1-hs256", Refusal::Issuer),
        ("rfc7515-A5-and-rfc7519-6.1-none", Refusal::Algorithm),
        ("rfc7515-E-crit-negative", Refusal::HeaderMember),
    ] {
        issuer.refuses(id, text(&rfc(id), "compact"), reason);
    }
}
