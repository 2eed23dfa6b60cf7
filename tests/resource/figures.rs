//! The figures that the key cache promises, against a real server that hangs, resets, lies, floods or rotates.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use signet_verify::clock::{Clock, Entropy, EntropyUnavailable, SeededEntropy};
use signet_verify::jose::verify::Refusal;
use signet_verify::jwks::endpoint::{JwksEndpoint, Limits};
use signet_verify::jwks::{self, KeyCache, Settings, load};
use signet_verify::verifier::{self, IssuerKeys, KeySource, Verifier};

use super::origin::{Answer, Origin};
use super::{
    NOW, Signer, at_once, cache_of, claims, eventually, impatient, manual_clock, policy, set, system_clock,
};

const SECOND: Duration = Duration::from_secs(1);

/// What an issuer in trouble may answer.
fn troubles() -> [Answer; 5] {
    let html = b"<!doctype html><title>Maintenance</title>".to_vec();
    [
        Answer::Reset,
        Answer::Hang,
        Answer::Endless,
        Answer::Raw(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_vec()),
        Answer::Document { body: html, etag: None, headers: String::new() },
    ]
}

#[tokio::test]
async fn keys_for_sixty_unknown_kids_in_an_outage_fetches_four_times_at_most() {
    for trouble in troubles() {
        for pace in [Duration::ZERO, SECOND] {
            let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
            let cache = cache_of(&origin, impatient(), clock.clone());
            cache.keys_for("one").await.unwrap();
            origin.answer(trouble.clone());
            for number in 0..60 {
                let unknown = format!("unknown-{number}");
                assert_eq!(cache.keys_for(&unknown).await.err(), Some(jwks::Error::UnknownKid));
                clock.advance(pace);
            }
            let fetches = origin.fetches() - 1;
            assert!((1..=4).contains(&fetches), "{fetches} fetches, {trouble:?}, one every {pace:?}");
        }
    }
}

#[tokio::test]
async fn keys_for_sixty_unknown_kids_in_an_outage_at_a_cold_start_fetches_four_times_at_most() {
    for trouble in troubles() {
        let origin = Origin::answering(trouble.clone()).await;
        let cache = cache_of(&origin, impatient(), manual_clock());
        for number in 0..60 {
            let miss = cache.keys_for(&format!("unknown-{number}")).await.err();
            assert!(matches!(miss, Some(jwks::Error::Unavailable { .. })), "{miss:?}");
        }
        assert!((1..=4).contains(&origin.fetches()), "{} fetches, {trouble:?}", origin.fetches());
    }
}

#[tokio::test]
async fn keys_for_answers_a_cold_start_on_a_hanging_issuer_within_five_seconds_by_default() {
    let origin = Origin::answering(Answer::Hang).await;
    let cache = cache_of(&origin, Settings::default(), system_clock());
    let since = system_clock();
    let miss = cache.keys_for("one").await.err();
    assert!(matches!(miss, Some(jwks::Error::Unavailable { .. })), "{miss:?}");
    // 5 s are promised; a busy machine may be late to look at its timer.
    assert!(since.monotonic() < 8 * SECOND, "{:?}", since.monotonic());
}

#[tokio::test]
async fn keys_for_refuses_a_withdrawn_key_within_max_age_and_fifteen_seconds_under_traffic() {
    for (max_age, seed) in
        [0, 5, 30, 60, 300, 3600].into_iter().flat_map(|age| [(age, 1), (age, 2), (age, 3)])
    {
        let (origin, clock) = (Origin::answering(Answer::Hang).await, manual_clock());
        origin.publish_for(&set(&["one", "two"]), max_age);
        let endpoint = JwksEndpoint::new(&origin.url(), Limits::default()).unwrap();
        let entropy = Arc::new(SeededEntropy::new(seed));
        let cache = KeyCache::new(endpoint, Settings::default(), clock.clone(), entropy);
        let mut policy = policy();
        policy.max_lifetime = Duration::from_secs(86_400);
        let verifier =
            Verifier::new(IssuerKeys::Published(KeySource::Remote(cache.clone())), policy, clock.clone());
        let mut claims = claims();
        claims["exp"] = json!(NOW + 86_400);
        let token = Signer::new("one").token(&claims);
        verifier.verify(&token).await.unwrap();

        origin.publish_for(&set(&["two"]), max_age);
        let (step, mut passed) = (SECOND.max(Duration::from_secs(max_age / 100)), Duration::ZERO);
        let denied = loop {
            cache.warm_up().await.unwrap(); // what is under way lands
            if let Err(denied) = verifier.verify(&token).await {
                break denied;
            }
            clock.advance(step);
            passed += step;
            assert!(
                passed <= Duration::from_secs(max_age + 15),
                "still accepted after {passed:?} of {max_age} s"
            );
        };
        assert_eq!(denied, verifier::Error::Invalid(Refusal::UnknownKid));
    }
}

#[tokio::test]
async fn keys_for_finds_an_issuer_that_comes_back_within_five_seconds() {
    // Nothing was ever held; what was held has lost its trust (5 min at least); what is held may merely lack the key.
    for max_age in [None, Some(5), Some(300)] {
        let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
        let cache = cache_of(&origin, impatient(), clock.clone());
        if let Some(max_age) = max_age {
            origin.publish_for(&set(&["one"]), max_age);
            cache.keys_for("one").await.unwrap();
            clock.advance(Duration::from_secs(max_age));
        }
        origin.answer(Answer::Reset);
        for _ in 0..600 {
            let miss = cache.keys_for("new").await.err();
            let soon =
                matches!(miss, Some(jwks::Error::Unavailable { retry_after }) if retry_after <= 5 * SECOND);
            assert!(soon, "{miss:?}, {max_age:?}");
            clock.advance(SECOND);
        }
        assert_eq!(cache.status().is_usable(), max_age == Some(300));
        origin.publish(&set(&["one", "new"]));
        clock.advance(5 * SECOND);
        assert!(cache.keys_for("new").await.is_ok(), "{max_age:?}");
    }
}

#[tokio::test]
async fn refresh_runs_in_one_task_however_often_the_set_is_renewed() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, Settings::default(), clock.clone());
    for _ in 0..30 {
        cache.warm_up().await.unwrap();
        clock.advance(290 * SECOND);
    }
    assert_eq!(cache.status().attempts, 30);
    // The server's loop and the keeper, and perhaps the ends of a connection that is closing.
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    eventually("all tasks but one of the cache are gone", || tasks() <= 4).await;
}

/// Bytes that are always the same.
#[derive(Debug)]
struct Constant(u8);

impl Entropy for Constant {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        bytes.fill(self.0);
        Ok(())
    }
}

#[tokio::test]
async fn refresh_of_many_verifiers_of_one_issuer_is_not_in_step() {
    for (byte, attempts) in [(0, 2), (u8::MAX, 1)] {
        let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
        origin.publish_for(&set(&["one"]), 100);
        let endpoint = JwksEndpoint::new(&origin.url(), Limits::default()).unwrap();
        let cache = KeyCache::new(endpoint, Settings::default(), clock.clone(), Arc::new(Constant(byte)));
        cache.warm_up().await.unwrap();
        clock.advance(80 * SECOND);
        at_once(cache.keys_for("one")).unwrap();
        assert_eq!(
            cache.status().attempts,
            attempts,
            "with {byte} as its lot, after four fifths of the life"
        );
    }
}

#[tokio::test]
async fn status_counts_failed_fetches_by_reasons_of_a_closed_list() {
    let (origin, clock) = (Origin::answering(Answer::Hang).await, manual_clock());
    let patient = Settings { request_timeout: 60 * SECOND, ..impatient() };
    let cache = cache_of(&origin, patient, clock.clone());
    assert!(cache.failures_by_reason().map(|(reason, _)| reason).eq(load::Error::CODES));
    assert!(cache.failures_by_reason().all(|(_, count)| count == 0));
    let many = format!(r#"{{"keys":[{}0]}}"#, "0,".repeat(64));
    let told = |body: &str| Answer::Document { body: body.into(), etag: None, headers: String::new() };
    for (answer, reason) in [
        (Answer::Hang, "timeout"),
        (Answer::Reset, "unreachable"),
        (Answer::Raw(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n".to_vec()), "status"),
        (Answer::Endless, "too_large"),
        (told("<html>"), "not_json"),
        (told("{}"), "no_key_array"),
        (told(&many), "too_many_keys"),
        (told(r#"{"keys":[]}"#), "no_usable_key"),
        (Answer::Raw(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()), "nothing_to_keep"),
    ] {
        let count = || cache.failures_by_reason().find(|(code, _)| *code == reason).map(|(_, count)| count);
        origin.answer(answer);
        clock.advance(5 * SECOND);
        assert!(cache.keys_for("one").await.is_err());
        assert_eq!(count(), Some(1), "{reason}");
        assert_eq!(cache.status().last_error.map(|error| error.code()), Some(reason));
    }
    assert_eq!(cache.failures_by_reason().map(|(_, count)| count).sum::<u64>(), 9);
    assert_eq!(clock.monotonic(), 45 * SECOND);
}
