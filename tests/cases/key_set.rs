//! Rows about what the issuer publishes, and about everything that others have published.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_verify::crypto::Algorithm;
use signet_verify::crypto::PublicKey;
use signet_verify::jose::base64url;
use signet_verify::jose::jwk::SkipReason;

use super::Want;
use super::rig::{Case, Rig};
use crate::resource::origin::Answer;
use crate::token::key_sets;
use crate::token::support::{array, hex, key_of, signing_input, text, vectors};

fn okp(kid: &str, bytes: &[u8]) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "EdDSA", "use": "sig", "x": base64url::encode(bytes) })
}

/// A token of EdDSA in the name of `kid` with this signature.
fn forged(rig: &Rig, kid: &str, signature: &[u8]) -> Case {
    let input = signing_input(&json!({ "alg": "EdDSA", "kid": kid }), &rig.issuer.claims());
    Case::token(kid, format!("{input}.{}", base64url::encode(signature)))
}

pub async fn small_order(rig: &Rig) -> Vec<Case> {
    let corpus = vectors("cctv-ed25519/ed25519vectors.json");
    let flagged =
        |case: &&Value| case["flags"].as_array().is_some_and(|flags| flags.contains(&json!("low_order_A")));
    let mut keys: Vec<Vec<u8>> =
        corpus.as_array().unwrap().iter().filter(flagged).map(|case| hex(text(case, "key"))).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 14, "the eight points of small order in all their spellings");
    let names: Vec<String> = (0..keys.len()).map(|number| format!("weak-{number}")).collect();
    rig.publish(names.iter().zip(&keys).map(|(name, key)| okp(name, key))).await;
    // Under the identity any R = S·B fits any message; here S = 0, and R is each point of small order in turn.
    let signatures: Vec<Vec<u8>> = keys.iter().map(|r| [r.as_slice(), &[0; 32]].concat()).collect();
    names
        .iter()
        .flat_map(|name| signatures.iter().map(move |signature| forged(rig, name, signature)))
        .collect()
}

pub async fn mixed_order(rig: &Rig) -> Vec<Case> {
    let corpus = vectors("ed25519-speccheck/cases.json");
    let cases = corpus.as_array().unwrap();
    let field = |number: usize, name: &str| hex(text(&cases[number], name));
    let names = ["speccheck-3", "speccheck-4", "speccheck-5"];
    rig.publish([3, 4, 5].into_iter().zip(names).map(|(number, name)| okp(name, &field(number, "pub_key"))))
        .await;
    for (number, accepted) in [(3, true), (4, false), (5, false)] {
        let key = PublicKey::from_bytes(Algorithm::EdDsa, &field(number, "pub_key")).unwrap();
        assert_eq!(
            key.verify(&field(number, "message"), &field(number, "signature")),
            accepted,
            "case {number}"
        );
    }
    [3, 4, 5]
        .into_iter()
        .zip(names)
        .map(|(number, name)| forged(rig, name, &field(number, "signature")))
        .collect()
}

pub async fn unknown_kids(rig: &Rig) -> Vec<Case> {
    let of = |number| {
        let header = rig.issuer.header_with("kid", json!(format!("unknown-{number}")));
        Case::token(format!("unknown {number}"), rig.issuer.token_headed(&header))
    };
    (0..150).map(of).collect()
}

pub async fn odd_keys(rig: &Rig) -> Vec<Case> {
    let odd = key_sets::odd_keys(rig.algorithm());
    // A set has 64 keys at most. The last part is judged by the row, like all the others.
    let (rest, last) = odd.split_at(odd.len() / 2);
    let cases = publish_odd(rig, rest).await;
    rig.judge(Want::Refused, cases).await;
    publish_odd(rig, last).await
}

/// Publishes the entries, and signs in the name of each with the key that it would be if it were not odd.
async fn publish_odd(rig: &Rig, odd: &[(Value, SkipReason)]) -> Vec<Case> {
    let mut entries = Vec::new();
    let mut cases = Vec::new();
    let signer = key_of(rig.algorithm(), 9);
    for (number, (entry, reason)) in odd.iter().enumerate() {
        let kid = format!("odd-{number}");
        let mut entry = entry.clone();
        if entry.get("kid").is_some_and(|kid| kid == "odd") {
            entry["kid"] = json!(kid);
        }
        let named = entry["kid"].as_str().unwrap_or(&kid).to_owned();
        let input = signing_input(&rig.issuer.header_with("kid", json!(named)), &rig.issuer.claims());
        let signature = base64url::encode(&signer.sign(input.as_bytes()).unwrap());
        cases.push(Case::token(format!("{reason}: {entry}"), format!("{input}.{signature}")));
        let mac = json!({ "alg": "HS256", "kid": named });
        cases.push(Case::token(format!("{reason}: {entry}, as a secret"), rig.mac(&[7; 32], &mac)));
        entries.push(entry);
    }
    rig.publish(entries).await;
    cases
}

pub async fn odd_documents(rig: &Rig) -> Vec<Case> {
    let told = |body: &str| Answer::Document { body: body.into(), etag: None, headers: String::new() };
    let raw = |text: &str| Answer::Raw(text.into());
    for answer in [
        told("<!doctype html><title>Sign in</title>"),
        told(r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"#),
        told("[]"),
        told("{}"),
        told(r#"{"keys":null}"#),
        told(r#"{"keys":[]}"#),
        told(r#"{"keys":[{"kty":"oct","kid":"x","k":"AAAA"}]}"#),
        told(&format!(r#"{{"keys":[{}0]}}"#, "0,".repeat(64))),
        Answer::Endless,
        raw(&format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", rig.listener.url())),
        raw("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
        Answer::Reset,
        Answer::Hang,
    ] {
        let name = format!("{answer:?}");
        rig.misanswer(answer).await;
        rig.accepts(&name).await;
        rig.recover().await;
    }
    assert!(rig.origin.bytes_sent() < 1 << 20, "of the endless document");
    rig.clock.advance(Duration::from_secs(200));
    vec![Case::token("a good token, after all of them", rig.good())]
}

/// Every published token, and every published document as the header and as the claims of a truly signed token.
pub async fn published(rig: &Rig) -> Vec<Case> {
    let mut cases = Vec::new();
    for (file, count) in [("signature", 401), ("key", 26), ("crypto", 83), ("encryption", 139)] {
        let file = vectors(&format!("wycheproof/json_web_{file}_test.json"));
        let tests: Vec<&Value> =
            array(&file, "testGroups").iter().flat_map(|group| array(group, "tests")).collect();
        assert_eq!(tests.len(), count);
        for test in tests {
            let token = test.get("jws").or_else(|| test.get("jwe")).unwrap();
            cases.push((format!("wycheproof {}", test["tcId"]), token.clone()));
        }
    }
    let rfc = vectors("rfc/rfc-jws-jwt.json");
    let examples = array(&rfc, "vectors").iter().filter(|example| example.get("compact").is_some());
    cases.extend(examples.map(|example| (example["id"].to_string(), example["compact"].clone())));
    for file in ["jws/4_4.hmac-sha2_integrity_protection", "rfc7797/hmac-sha2_b64_false", "curve25519/jws"] {
        let example = vectors(&format!("jose-cookbook/{file}.json"));
        cases.extend(
            example["output"].as_object().unwrap().values().map(|form| (file.to_owned(), form.clone())),
        );
    }
    let mut cases: Vec<Case> = cases
        .into_iter()
        .map(|(name, token)| (name, token.as_str().map_or_else(|| token.to_string(), str::to_owned)))
        .map(|(name, token)| Case::token(name, token.replace(['\r', '\n'], " ")))
        .collect();
    let documents = vectors("jsontestsuite/test_parsing.json");
    for document in array(&documents, "cases") {
        let bytes = STANDARD.decode(text(document, "b64")).unwrap();
        let (header, claims) = (rig.issuer.header().to_string(), rig.issuer.claims().to_string());
        let name = text(document, "name");
        cases.push(Case::token(format!("header {name}"), rig.issuer.token_of(&bytes, claims.as_bytes())));
        cases.push(Case::token(format!("claims {name}"), rig.issuer.token_of(header.as_bytes(), &bytes)));
    }
    cases
}
