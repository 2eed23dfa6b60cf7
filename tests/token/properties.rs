//! Properties that hold for every token, key set and document, not for chosen ones.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value};
use signet_verify::crypto::{Algorithm, MacKey, PublicKey, SigningKey};
use signet_verify::jose::json;
use signet_verify::jose::jwk::{KeySet, Kid, thumbprint};
use signet_verify::jose::verify::Unverified;
use signet_verify::jose::{base64url, sign};

use super::support::{Issuer, key_of};

#[rstest]
fn verify_refuses_a_token_with_any_flipped_bit(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let issuer = Issuer::of(algorithm);
    let tokens = [issuer.token(), sign::hs256(&issuer.shared.key, &issuer.claims()).unwrap()];
    for token in tokens {
        issuer.accepts("as it was signed", &token);
        for position in 0..token.len() {
            for bit in 0..7 {
                let mut bytes = token.clone().into_bytes();
                bytes[position] ^= 1 << bit;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(issuer.verify(&changed).is_err(), "bit {bit} of character {position}: {changed}");
            }
        }
    }
}

/// Some edit that keeps most of the text.
#[derive(Clone, Debug)]
enum Edit {
    Replace(char),
    Insert(char),
    Remove,
    Swap,
    Cut,
    Repeat,
}

fn edit() -> impl Strategy<Value = Edit> {
    let character = prop_oneof![
        8 => proptest::char::ranges(vec!['a'..='z', 'A'..='Z', '0'..='9', '-'..='-', '_'..='_'].into()),
        2 => proptest::sample::select(vec!['.', '=', '+', '/', ' ', '\n', '\0', 'é']),
        1 => any::<char>(),
    ];
    prop_oneof![
        character.clone().prop_map(Edit::Replace),
        character.prop_map(Edit::Insert),
        Just(Edit::Remove),
        Just(Edit::Swap),
        Just(Edit::Cut),
        Just(Edit::Repeat),
    ]
}

fn apply(edit: &Edit, text: &str, position: usize) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let length = characters.len();
    let position = position % length;
    match edit {
        Edit::Replace(character) => characters[position] = *character,
        Edit::Insert(character) => characters.insert(position, *character),
        Edit::Remove => drop(characters.remove(position)),
        Edit::Swap => characters.swap(position, (position + 1) % length),
        Edit::Cut => characters.truncate(position),
        Edit::Repeat => characters.extend_from_within(position..),
    }
    characters.into_iter().collect()
}

/// Any JSON value, a few levels deep.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    proptest::sample::select(Algorithm::ALL.to_vec())
}

proptest! {
    #[test]
    fn verify_refuses_any_edit_of_a_valid_token(edit in edit(), position in any::<usize>(), shared in any::<bool>(), algorithm in algorithm()) {
        let issuer = Issuer::of(algorithm);
        let token = if shared { sign::hs256(&issuer.shared.key, &issuer.claims()).unwrap() } else { issuer.token() };
        let changed = apply(&edit, &token, position);
        prop_assume!(changed != token);
        prop_assert!(issuer.verify(&changed).is_err(), "{changed}");
    }

    #[test]
    fn verify_of_any_text_ends_in_a_refusal_and_never_in_a_panic(text in any::<String>(), part in "[A-Za-z0-9_=.-]{0,200}") {
        let issuer = Issuer::new();
        prop_assert!(issuer.verify(&text).is_err());
        prop_assert!(issuer.verify(&part).is_err());
    }

    #[test]
    fn verify_returns_claims_as_they_were_signed(extra in value(), seed in any::<[u8; 32]>()) {
        let key = SigningKey::from_seed(&seed).unwrap();
        let kid = thumbprint(key.public());
        let issuer = Issuer { set: KeySet::new([(kid.clone(), key.public().clone())]), key, kid, ..Issuer::new() };
        let claims = issuer.claims_with("extra", extra.clone());
        let Ok(token) = sign::jwt(&issuer.key, &issuer.kid, &claims) else { return Ok(()) };
        let principal = issuer.verify(&token).unwrap();
        let written = extra.to_string();
        prop_assert_eq!(principal.claim("extra"), Some(&serde_json::from_str(&written).unwrap()));
        let unverified = Unverified::parse(&token).unwrap();
        prop_assert_eq!(unverified.kid(), Some(issuer.kid.as_ref()));
    }

    #[test]
    fn key_set_is_read_back_as_it_was_published(kids in proptest::collection::btree_set("[!-~]{1,128}", 0..20), seed in any::<u8>()) {
        let keys = kids.iter().enumerate().map(|(number, kid)| {
            let mut bytes = [seed; 32];
            bytes[0] = u8::try_from(number).unwrap();
            (Kid::parse(kid).unwrap(), SigningKey::from_seed(&bytes).unwrap().public().clone())
        });
        let set = KeySet::new(keys);
        let parsed = KeySet::parse(set.to_json().as_bytes()).unwrap();
        prop_assert_eq!(parsed.keys, set);
        prop_assert!(parsed.skipped.is_empty());
    }

    #[test]
    fn base64url_has_one_text_for_each_sequence_of_bytes(bytes in any::<Vec<u8>>(), text in "[A-Za-z0-9_-]{0,40}") {
        prop_assert_eq!(base64url::decode(&base64url::encode(&bytes)), Some(bytes));
        if let Some(bytes) = base64url::decode(&text) {
            prop_assert_eq!(base64url::encode(&bytes), text);
        }
    }

    #[test]
    fn json_parse_agrees_with_serde_json(value in value()) {
        let text = value.to_string();
        prop_assert_eq!(json::parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    }

    #[test]
    fn json_parse_is_stricter_than_serde_json_in_two_ways_only(value in value(), edit in edit(), position in any::<usize>()) {
        let text = value.to_string();
        let changed = apply(&edit, &text, position);
        match (json::parse(changed.as_bytes()), serde_json::from_str::<Value>(&changed)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(error), Ok(_)) => prop_assert!(matches!(error, json::Error::DuplicateMember | json::Error::TooDeep), "{changed}: {error}"),
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => prop_assert!(false, "{changed}: {error}"),
        }
    }

    #[test]
    fn json_parse_finds_a_member_named_twice_at_any_depth(value in value(), name in any::<String>(), depth in 0_usize..20) {
        let name = Value::from(name);
        let twice = format!("{{{name}:{value},{name}:{value}}}");
        let text = format!("{}{twice}{}", "[".repeat(depth), "]".repeat(depth));
        prop_assert_eq!(json::parse(text.as_bytes()), Err(json::Error::DuplicateMember));
    }

    #[test]
    fn signature_fits_its_own_message_and_key_only(
        seed in any::<[u8; 32]>(), other in any::<[u8; 32]>(), message in any::<Vec<u8>>(), bit in 0_usize..512,
    ) {
        prop_assume!(seed != other);
        let key = SigningKey::from_seed(&seed).unwrap();
        let public = PublicKey::from_bytes(Algorithm::EdDsa, key.public().as_bytes()).unwrap();
        let mut signature = key.sign(&message).unwrap();
        prop_assert!(public.verify(&message, &signature));
        prop_assert!(!SigningKey::from_seed(&other).unwrap().public().verify(&message, &signature));
        prop_assert!(!public.verify(&[&message[..], b"."].concat(), &signature));
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!public.verify(&message, &signature));
    }

    #[test]
    fn signature_of_any_algorithm_fits_its_own_message_and_key_only(
        algorithm in algorithm(), message in any::<Vec<u8>>(), bit in any::<usize>(),
    ) {
        let key = key_of(algorithm, 1);
        let public = PublicKey::from_bytes(algorithm, key.public().as_bytes()).unwrap();
        let mut signature = key.sign(&message).unwrap();
        prop_assert!(public.verify(&message, &signature));
        prop_assert!(!key_of(algorithm, 2).public().verify(&message, &signature));
        prop_assert!(!public.verify(&[&message[..], b"."].concat(), &signature));
        let bit = bit % (8 * signature.len());
        signature[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!public.verify(&message, &signature));
    }

    #[test]
    fn key_set_of_mixed_keys_is_read_back_as_it_was_published(keys in proptest::collection::vec((algorithm(), 1_u8..4), 0..10)) {
        let named = keys.iter().enumerate().map(|(place, (algorithm, number))| {
            (Kid::parse(&format!("{place}-{algorithm}")).unwrap(), key_of(*algorithm, *number).public().clone())
        });
        let set = KeySet::new(named);
        let parsed = KeySet::parse(set.to_json().as_bytes()).unwrap();
        prop_assert_eq!(parsed.keys.len(), keys.len());
        prop_assert_eq!(parsed.keys, set);
        prop_assert!(parsed.skipped.is_empty());
    }

    #[test]
    fn mac_fits_its_own_message_and_secret_only(
        secret in any::<[u8; 32]>(), other in any::<[u8; 32]>(), message in any::<Vec<u8>>(), bit in 0_usize..256,
    ) {
        prop_assume!(secret != other);
        let key = MacKey::from_bytes(&secret).unwrap();
        let mut tag = key.sign(&message);
        prop_assert!(key.verify(&message, &tag));
        prop_assert!(!MacKey::from_bytes(&other).unwrap().verify(&message, &tag));
        tag[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!key.verify(&message, &tag));
        prop_assert!(!key.verify(&message, &tag[..16]));
    }

    #[test]
    fn kid_is_visible_ascii_of_bounded_length(text in any::<String>(), name in "[!-~]{1,128}") {
        let sound = !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        prop_assert_eq!(Kid::parse(&text).is_some(), sound);
        prop_assert_eq!(Kid::parse(&name).unwrap().to_string(), name);
    }
}
