//! A token seen before costs little, and is refused exactly when it would be refused had it never been seen.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use signet::secret::SharedSecret;
use signet_verify::clock::{Clock, ManualClock, Timestamp};
use signet_verify::crypto::MacKey;
use signet_verify::jose::jwk::KeySet;
use signet_verify::jose::sign;
use signet_verify::jose::verify::{Refusal, SharedKey};
use signet_verify::verifier::{self, IssuerKeys, KeySource, Verifier};
use tokio::sync::watch;

use super::origin::{Answer, Origin};
use super::{NOW, Signer, at_once, cache_of, claims, eventually, impatient, manual_clock, policy, set};

type Publish = watch::Sender<Arc<KeySet>>;

fn verifier_of(names: &[&str], clock: &Arc<ManualClock>) -> (Publish, Verifier) {
    let (publish, keys) = watch::channel(Arc::new(set(names)));
    (publish, Verifier::new(IssuerKeys::Published(KeySource::Local(keys)), policy(), clock.clone()))
}

/// A good token that no other call makes.
fn numbered(number: usize) -> String {
    let mut claims = claims();
    claims["jti"] = json!(number.to_string());
    Signer::new("one").token(&claims)
}

fn verify(verifier: &Verifier, token: &str) -> Result<String, verifier::Error> {
    at_once(verifier.verify(token)).map(|principal| principal.subject.clone())
}

#[test]
fn token_cache_finds_a_token_seen_before_and_says_the_same() {
    let (_publish, verifier) = verifier_of(&["one"], &manual_clock());
    let token = Signer::new("one").token(&claims());
    let first = at_once(verifier.verify(&token)).unwrap();
    let again = at_once(verifier.verify(&token)).unwrap();
    assert_eq!(format!("{first:?}"), format!("{again:?}"));
    assert_eq!(first.claim("aud"), again.claim("aud"));
    let status = verifier.token_cache().unwrap();
    assert_eq!((status.tokens, status.hits, status.misses), (1, 1, 1));
}

#[test]
fn token_cache_tells_tokens_apart_that_differ_in_one_character() {
    let (_publish, verifier) = verifier_of(&["one"], &manual_clock());
    let token = Signer::new("one").token(&claims());
    verify(&verifier, &token).unwrap();
    for position in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[position] = if other[position] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(other == token || verify(&verifier, &other).is_err(), "{other}");
    }
    assert_eq!(verifier.token_cache().unwrap().hits, 0);
}

#[test]
fn token_cache_keeps_no_refused_token() {
    let (_publish, verifier) = verifier_of(&["one"], &manual_clock());
    let mut late = claims();
    late["exp"] = json!(NOW - 60);
    for token in [Signer::new("two").token(&claims()), Signer::new("one").token(&late), "a.b.c".to_owned()] {
        verify(&verifier, &token).unwrap_err();
    }
    assert_eq!(verifier.token_cache().unwrap().tokens, 0);
}

#[test]
fn token_cache_drops_a_token_at_its_exp() {
    let clock = manual_clock();
    let (_publish, verifier) = verifier_of(&["one"], &clock);
    let token = Signer::new("one").token(&claims());
    verify(&verifier, &token).unwrap();
    clock.advance(Duration::from_millis(929_999)); // 900 s of life and 30 s of leeway
    verify(&verifier, &token).unwrap();
    clock.advance(Duration::from_millis(1));
    assert_eq!(verify(&verifier, &token), Err(verifier::Error::Invalid(Refusal::Expired)));
    let status = verifier.token_cache().unwrap();
    assert_eq!((status.tokens, status.bytes, status.hits), (0, 0, 2));
}

#[test]
fn token_cache_refuses_a_token_without_its_key_and_accepts_it_when_the_key_returns() {
    let (publish, verifier) = verifier_of(&["one", "two"], &manual_clock());
    let token = Signer::new("one").token(&claims());
    verify(&verifier, &token).unwrap();
    publish.send_replace(Arc::new(set(&["two"])));
    assert_eq!(verify(&verifier, &token), Err(verifier::Error::Invalid(Refusal::UnknownKid)));
    publish.send_replace(Arc::new(set(&["one"])));
    verify(&verifier, &token).unwrap();
}

#[test]
fn token_cache_refuses_a_token_when_another_key_takes_the_name_of_its_key() {
    let (publish, verifier) = verifier_of(&["one"], &manual_clock());
    let token = Signer::new("one").token(&claims());
    verify(&verifier, &token).unwrap();
    let (kid, key) = (Signer::new("one").kid, Signer::new("two").key);
    publish.send_replace(Arc::new(KeySet::new([(kid, key.public().clone())])));
    assert_eq!(verify(&verifier, &token), Err(verifier::Error::Invalid(Refusal::Signature)));
}

#[test]
fn token_cache_refuses_a_token_of_a_revoked_session() {
    let ended = Arc::new(Mutex::new(false));
    let (_publish, verifier) = verifier_of(&["one"], &manual_clock());
    let asked = ended.clone();
    let verifier =
        verifier.with_revocations(Arc::new(super::RevokedIf(move |_: &str| *asked.lock().unwrap())));
    let token = Signer::new("one").token(&claims());
    verify(&verifier, &token).unwrap();
    *ended.lock().unwrap() = true;
    assert_eq!(verify(&verifier, &token), Err(verifier::Error::Revoked));
}

#[test]
fn token_cache_refuses_a_token_under_the_shared_secret_once_the_secret_ends() {
    let secret = SharedSecret::new("a secret that is shared with old backends".to_owned()).unwrap();
    let shared = SharedKey { key: MacKey::new(&secret), until: Some(Timestamp::from_seconds(NOW + 600)) };
    let token = sign::hs256(&shared.key, &json!({ "sub": "alice", "exp": NOW + 900 })).unwrap();
    let clock = manual_clock();
    let verifier = Verifier::new(IssuerKeys::Shared(shared), policy(), clock.clone());
    verify(&verifier, &token).unwrap();
    verify(&verifier, &token).unwrap();
    assert_eq!((verifier.token_cache().unwrap().hits, verifier.hs256_uses()), (1, 2));
    clock.advance(Duration::from_secs(600));
    assert_eq!(verify(&verifier, &token), Err(verifier::Error::Invalid(Refusal::SharedSecretExpired)));
}

#[tokio::test]
async fn token_cache_refuses_a_token_when_the_set_without_its_key_has_come() {
    let (origin, clock) = (Origin::publishing(&set(&["one", "two"])).await, manual_clock());
    let cache = cache_of(&origin, impatient(), clock.clone());
    let verifier =
        Verifier::new(IssuerKeys::Published(KeySource::Remote(cache.clone())), policy(), clock.clone());
    let token = Signer::new("one").token(&claims());
    verifier.verify(&token).await.unwrap();
    assert!(verify(&verifier, &token).is_ok());
    origin.publish(&set(&["two"]));
    clock.advance(Duration::from_secs(300));
    verify(&verifier, &token).unwrap(); // asks for the renewal and does not wait for it
    eventually("the renewal lands", || cache.status().kids.len() == 1).await;
    assert_eq!(verifier.verify(&token).await.err(), Some(verifier::Error::Invalid(Refusal::UnknownKid)));
}

#[tokio::test]
async fn token_cache_trusts_no_token_past_the_bound_of_stale_keys() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, impatient(), clock.clone());
    let mut policy = policy();
    policy.max_lifetime = Duration::from_secs(30 * 24 * 3600);
    let verifier =
        Verifier::new(IssuerKeys::Published(KeySource::Remote(cache.clone())), policy, clock.clone());
    let mut long = claims();
    long["exp"] = json!(NOW + 30 * 24 * 3600);
    let token = Signer::new("one").token(&long);
    verifier.verify(&token).await.unwrap();
    origin.answer(Answer::Reset);
    clock.advance(cache.status().trusted_for);
    let denied = verifier.verify(&token).await.unwrap_err();
    assert!(matches!(denied, verifier::Error::KeySetUnavailable { .. }), "{denied:?}");
}

#[test]
fn token_cache_of_thousands_of_tokens_stays_within_its_memory() {
    const BYTES: usize = 1 << 20;
    let (_publish, verifier) = verifier_of(&["one"], &manual_clock());
    let verifier = verifier.with_cache_bytes(BYTES);
    for number in 0..2_000 {
        verify(&verifier, &numbered(number)).unwrap();
        let status = verifier.token_cache().unwrap();
        assert!(status.bytes <= status.capacity && status.capacity <= BYTES as u64, "{status:?}");
    }
    let status = verifier.token_cache().unwrap();
    assert!(status.tokens > 100, "{status:?}");
}

#[test]
fn token_cache_keeps_a_frequent_token_among_thousands_that_come_once() {
    let (_publish, verifier) = verifier_of(&["one"], &manual_clock());
    let verifier = verifier.with_cache_bytes(1 << 20);
    let mine = Signer::new("one").token(&claims());
    verify(&verifier, &mine).unwrap();
    for number in 0..1_500 {
        verify(&verifier, &numbered(number)).unwrap();
        verify(&verifier, &mine).unwrap();
    }
    let hits = verifier.token_cache().unwrap().hits;
    assert!(hits >= 1_490, "{hits}");
}

#[test]
fn token_cache_of_no_memory_keeps_nothing_and_all_is_verified() {
    let (_publish, verifier) = verifier_of(&["one"], &manual_clock());
    let verifier = verifier.with_cache_bytes(0);
    let token = Signer::new("one").token(&claims());
    verify(&verifier, &token).unwrap();
    verify(&verifier, &token).unwrap();
    assert!(verifier.token_cache().is_none());
}

/// What can happen between two requests.
#[derive(Clone, Debug)]
enum Event {
    Present(usize),
    Wait(u64),
    Publish(Vec<usize>),
    EndSession(usize),
}

const KEYS: [&str; 3] = ["one", "two", "three"];
const SESSIONS: [&str; 3] = ["session-1", "session-2", "session-3"];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..TOKENS).prop_map(Event::Present),
        2 => (0..700_u64).prop_map(Event::Wait),
        2 => proptest::collection::vec(0..KEYS.len(), 1..3).prop_map(Event::Publish),
        1 => (0..SESSIONS.len()).prop_map(Event::EndSession),
    ]
}

const TOKENS: usize = 12;

/// Tokens of all keys and sessions, with times of many kinds.
fn tokens() -> Vec<String> {
    (0..TOKENS)
        .map(|number| {
            let start = NOW + 200 * (number as i64 % 4);
            let mut claims: Value = claims();
            claims["sid"] = json!(SESSIONS[number / 2 % 3]);
            claims["nbf"] = json!(start);
            claims["iat"] = json!(start);
            claims["exp"] = json!(start + [60, 900, 3600, 4000][number % 4]);
            Signer::new(KEYS[number % 3]).token(&claims)
        })
        .collect()
}

proptest! {
    #[test]
    fn token_cache_changes_no_answer(events in proptest::collection::vec(event(), 1..60)) {
        let clock = manual_clock();
        let ended = Arc::new(Mutex::new(HashSet::<String>::new()));
        let (publish, keys) = watch::channel(Arc::new(set(&KEYS)));
        let verifier = || {
            let trust = IssuerKeys::Published(KeySource::Local(keys.clone()));
            let ended = ended.clone();
            let is_ended = move |sid: &str| ended.lock().unwrap().contains(sid);
            Verifier::new(trust, policy(), clock.clone()).with_revocations(Arc::new(super::RevokedIf(is_ended)))
        };
        let (remembering, forgetful) = (verifier(), verifier().with_cache_bytes(0));
        let tokens = tokens();
        for event in events {
            match event {
                Event::Present(number) => {
                    let token = &tokens[number];
                    prop_assert_eq!(verify(&remembering, token), verify(&forgetful, token), "at {:?}", clock.now());
                }
                Event::Wait(seconds) => clock.advance(Duration::from_secs(seconds)),
                Event::Publish(numbers) => {
                    let names: Vec<&str> = numbers.iter().map(|number| KEYS[*number]).collect();
                    publish.send_replace(Arc::new(set(&names)));
                }
                Event::EndSession(number) => {
                    ended.lock().unwrap().insert(SESSIONS[number].to_owned());
                }
            }
        }
    }
}
