//! One odd key takes no other down, and no bad document replaces good keys (rows 12, 87 and 88 of the verifier cases).

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use signet_verify::crypto::Algorithm;
use signet_verify::jwks::{self, KeyCache, Settings};

use super::origin::{Answer, Origin};
use super::{at_once, cache_of, eventually, impatient, manual_clock, set, set_of};

/// The good key of this algorithm.
fn good(algorithm: Algorithm) -> Value {
    let document: Value = serde_json::from_str(&set_of(algorithm, &["good"]).to_json()).unwrap();
    document["keys"][0].clone()
}

/// The good key as an entry named `odd`, with `changes` made to it.
fn odd(algorithm: Algorithm, changes: &Value) -> Value {
    let mut entry = good(algorithm);
    entry["kid"] = json!("odd");
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => entry.as_object_mut().unwrap().remove(name),
            value => entry.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    entry
}

/// Ways in which a key of this algorithm can be odd.
fn oddities(algorithm: Algorithm) -> Vec<Value> {
    let mut oddities = vec![
        json!({ "kty": "oct", "k": "A".repeat(43), "alg": "HS256", "x": null, "y": null, "n": null, "e": null }),
        json!({ "kty": "PQK" }),
        json!({ "use": "enc" }),
        json!({ "key_ops": ["encrypt"] }),
        json!({ "alg": "PS256" }),
        json!({ "kid": 7 }),
    ];
    oddities.extend(match algorithm {
        Algorithm::EdDsa => vec![
            json!({ "x": "" }),
            json!({ "x": "A".repeat(41) }),
            json!({ "x": "A".repeat(44) }),
            json!({ "crv": "X25519" }),
            json!({ "crv": "Ed448" }),
            json!({ "crv": null }),
            json!({ "alg": "RS256" }),
            json!({ "x": format!("AQ{}", "A".repeat(41)) }),
        ],
        Algorithm::Es256 => vec![
            json!({ "x": "" }),
            json!({ "y": null }),
            json!({ "y": "A".repeat(42) }),
            json!({ "x": "A".repeat(43), "y": "A".repeat(43) }),
            json!({ "y": "A".repeat(43) }),
            json!({ "crv": "P-384" }),
            json!({ "crv": null }),
            json!({ "alg": "ES384" }),
        ],
        Algorithm::Rs256 => vec![
            json!({ "n": "" }),
            json!({ "n": null }),
            json!({ "n": format!("{}Q", "w".repeat(170)) }),
            json!({ "e": null }),
            json!({ "e": "AQ" }),
            json!({ "e": "AQAA" }),
            json!({ "alg": "EdDSA" }),
        ],
    });
    oddities
}

#[rstest]
#[tokio::test]
async fn keys_for_leaves_an_odd_key_out_and_takes_the_good_one_beside_it(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let good = good(algorithm);
    let entries = oddities(algorithm).into_iter().map(|changes| odd(algorithm, &changes));
    for entry in entries.chain([Value::Null, json!("text")]) {
        for keys in [json!([entry, good]), json!([good, entry])] {
            let origin = Origin::answering(Answer::Hang).await;
            origin.lie(json!({ "keys": keys }).to_string());
            let cache = cache_of(&origin, Settings::default(), manual_clock());
            assert!(cache.keys_for("good").await.is_ok(), "{entry}");
            assert_eq!(cache.keys_for("odd").await.err(), Some(jwks::Error::UnknownKid), "{entry}");
        }
    }
}

/// Lets a renewal fall due and end.
async fn renew(cache: &KeyCache, clock: &signet_verify::clock::ManualClock) {
    clock.advance(Duration::from_secs(270));
    let before = cache.status().attempts;
    assert!(at_once(cache.keys_for("good")).is_ok());
    eventually("a renewal fails", || cache.status().attempts > before && cache.status().failures > 0).await;
}

#[tokio::test]
async fn keys_for_keeps_good_keys_when_a_bad_document_comes() {
    let bad: [&[u8]; 12] = [
        b"",
        b"<!doctype html><title>Sign in</title>",
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"#,
        b"[]",
        b"{}",
        br#"{"keys":null}"#,
        br#"{"keys":{}}"#,
        br#"{"keys":[]}"#,
        br#"{"keys":[{"kty":"oct","kid":"good","k":"AAAA"}]}"#,
        br#"{"keys":[],"keys":[]}"#,
        b"\xff\xfe{\0}\0",
        b"null",
    ];
    let mut answers: Vec<Answer> = bad
        .into_iter()
        .map(|body| Answer::Document {
            body: body.to_vec(),
            etag: Some("\"bad\"".to_owned()),
            headers: String::new(),
        })
        .collect();
    let raw = |text: &str| Answer::Raw(text.as_bytes().to_vec());
    answers.push(raw("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"));
    answers.push(raw("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"));
    answers.push(raw("HTTP/1.1 204 None\r\n\r\n"));
    answers.extend([Answer::Endless, Answer::Reset, Answer::Hang]);
    for answer in answers {
        let (origin, clock) = (Origin::publishing(&set(&["good"])).await, manual_clock());
        let cache = cache_of(&origin, impatient(), clock.clone());
        cache.keys_for("good").await.unwrap();
        origin.answer(answer.clone());
        renew(&cache, &clock).await;
        assert!(at_once(cache.keys_for("good")).is_ok(), "{answer:?}");
        assert!(cache.status().last_error.is_some());

        origin.publish(&set(&["good", "next"]));
        clock.advance(Duration::from_secs(2));
        assert!(cache.keys_for("next").await.is_ok(), "no recovery after {answer:?}");
        let request = origin.last_request();
        assert!(
            request.contains("if-none-match: \"good\""),
            "the validator of a bad document was kept: {request}"
        );
    }
}
