//! A known key never waits, and whatever arrives, the issuer is asked once per reason.

use std::sync::Arc;
use std::time::Duration;

use signet_verify::clock::Clock;
use signet_verify::jwks::{self, Settings};

use super::origin::{Answer, Origin};
use super::{at_once, begin_and_give_up, cache_of, eventually, manual_clock, set, system_clock};
use crate::support::wait::LONGEST;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_for_sixty_requests_at_a_cold_start_fetches_once() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let cache = cache_of(&origin, Settings::default(), system_clock());
    let herd: Vec<_> = (0..60)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.keys_for("one").await })
        })
        .collect();
    for request in herd {
        assert!(request.await.unwrap().is_ok());
    }
    assert_eq!(origin.fetches(), 1);
}

#[tokio::test]
async fn keys_for_goes_on_fetching_when_the_request_that_started_it_is_gone() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let cache = cache_of(&origin, Settings::default(), system_clock());
    begin_and_give_up(cache.keys_for("one"));
    eventually("the fetch lands", || cache.status().is_usable()).await;
    assert!(at_once(cache.keys_for("one")).is_ok());
    assert_eq!(origin.fetches(), 1);
}

#[tokio::test]
async fn keys_for_two_hundred_unknown_kids_in_a_row_fetches_twice_at_most() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let cache = cache_of(&origin, Settings::default(), system_clock());
    cache.warm_up().await.unwrap();
    for number in 0..200 {
        assert_eq!(cache.keys_for(&format!("unknown-{number}")).await.err(), Some(jwks::Error::UnknownKid));
    }
    assert!(origin.fetches() <= 1 + 2, "{} fetches", origin.fetches());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_for_two_hundred_unknown_kids_at_once_fetches_twice_at_most() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let cache = cache_of(&origin, Settings::default(), system_clock());
    let flood: Vec<_> = (0..200)
        .map(|number| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.keys_for(&format!("unknown-{number}")).await.err() })
        })
        .collect();
    for request in flood {
        assert_eq!(request.await.unwrap(), Some(jwks::Error::UnknownKid));
    }
    assert!(origin.fetches() <= 2, "{} fetches from a cold start on", origin.fetches());
}

#[tokio::test]
async fn keys_for_fetches_once_at_most_for_one_request_however_large_the_budget() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let settings = Settings { burst: 100, spacing: Duration::ZERO, ..Settings::default() };
    let cache = cache_of(&origin, settings, clock);
    cache.keys_for("one").await.unwrap();
    assert!(cache.keys_for("unknown").await.is_err());
    assert_eq!(origin.fetches(), 2);
}

#[tokio::test]
async fn keys_for_finds_a_key_at_once_that_was_published_right_after_the_first_load() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let cache = cache_of(&origin, Settings::default(), system_clock());
    cache.keys_for("one").await.unwrap();
    origin.publish(&set(&["one", "two"]));
    assert!(cache.keys_for("two").await.is_ok());
}

#[tokio::test]
async fn keys_for_finds_a_key_within_five_seconds_that_was_asked_for_before_it_was_published() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, Settings::default(), clock.clone());
    cache.keys_for("one").await.unwrap();
    assert_eq!(cache.keys_for("two").await.err(), Some(jwks::Error::UnknownKid));
    for number in 0..200 {
        assert!(cache.keys_for(&format!("unknown-{number}")).await.is_err());
    }
    origin.publish(&set(&["one", "two"]));
    clock.advance(5 * SECOND);
    assert!(cache.keys_for("two").await.is_ok());
}

#[tokio::test]
async fn keys_for_finds_a_new_key_within_thirty_seconds_under_a_lasting_flood() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, Settings::default(), clock.clone());
    cache.keys_for("one").await.unwrap();
    for second in 0..10 {
        assert!(cache.keys_for(&format!("unknown-{second}")).await.is_err());
        clock.advance(SECOND);
    }
    origin.publish(&set(&["one", "two"]));
    for second in 0..30 {
        let _flood = cache.keys_for(&format!("more-{second}")).await;
        clock.advance(SECOND);
    }
    assert!(cache.keys_for("two").await.is_ok());
}

#[tokio::test]
async fn keys_for_one_unknown_kid_that_keeps_coming_leaves_the_budget_to_others() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, Settings { miss: long(), ..Settings::default() }, clock.clone());
    cache.keys_for("one").await.unwrap();
    assert!(cache.keys_for("gone").await.is_err());
    clock.advance(3 * SECOND);
    for _ in 0..50 {
        assert_eq!(at_once(cache.keys_for("gone")).err(), Some(jwks::Error::UnknownKid));
    }
    origin.publish(&set(&["one", "two"]));
    assert!(cache.keys_for("two").await.is_ok());
}

fn long() -> jwks::Backoff {
    jwks::Backoff { first: 60 * SECOND, longest: 60 * SECOND }
}

#[tokio::test]
async fn keys_for_known_kids_does_not_wait_while_the_issuer_hangs() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, Settings::default(), clock.clone());
    cache.keys_for("one").await.unwrap();
    origin.answer(Answer::Hang);
    clock.advance(290 * SECOND);
    for _ in 0..1000 {
        assert!(at_once(cache.keys_for("one")).is_ok());
    }
    eventually("a renewal is under way", || origin.fetches() == 2).await;
    for number in 0..20 {
        let unknown = cache.clone();
        tokio::spawn(async move { unknown.keys_for(&format!("unknown-{number}")).await });
    }
    tokio::task::yield_now().await;
    let since = system_clock();
    for _ in 0..1000 {
        assert!(at_once(cache.keys_for("one")).is_ok());
    }
    assert!(since.monotonic() < SECOND);
    assert_eq!(origin.fetches(), 2);
}

#[tokio::test]
async fn keys_for_says_unavailable_in_time_at_a_cold_start_on_a_hanging_issuer() {
    let origin = Origin::answering(Answer::Hang).await;
    let settings = Settings { request_timeout: Duration::from_millis(200), ..Settings::default() };
    let cache = cache_of(&origin, settings, system_clock());
    let since = system_clock();
    let miss = cache.keys_for("one").await.err();
    assert!(
        matches!(miss, Some(jwks::Error::Unavailable { retry_after }) if retry_after >= SECOND),
        "{miss:?}"
    );
    assert!(since.monotonic() < LONGEST, "it does not wait until the issuer answers");
}

#[tokio::test]
async fn refresh_renews_the_set_before_its_life_ends_without_any_request() {
    let origin = Origin::publishing(&set(&["one"])).await;
    origin.publish_for(&set(&["one"]), 0);
    let settings = Settings { uncacheable_max_age: Duration::from_millis(100), ..Settings::default() };
    let cache = cache_of(&origin, settings, system_clock());
    cache.warm_up().await.unwrap();
    origin.publish(&set(&["two"]));
    eventually("the new set arrives", || cache.status().kids.iter().any(|kid| kid.as_ref() == "two")).await;
    assert_eq!(at_once(cache.keys_for("one")).err(), Some(jwks::Error::UnknownKid));
}

#[tokio::test]
async fn refresh_fetches_nothing_before_the_first_use_nor_after_the_last_handle_is_gone() {
    let origin = Origin::publishing(&set(&["one"])).await;
    origin.publish_for(&set(&["one"]), 0);
    let settings = Settings { uncacheable_max_age: Duration::from_millis(20), ..Settings::default() };
    let cache = cache_of(&origin, settings, system_clock());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(origin.fetches(), 0);
    cache.warm_up().await.unwrap();
    eventually("the set is renewed", || origin.fetches() > 2).await;
    drop(cache);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let fetches = origin.fetches();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(origin.fetches(), fetches);
}

#[tokio::test]
async fn refresh_confirms_an_unchanged_set_by_a_conditional_request() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, Settings::default(), clock.clone());
    let before = cache.keys_for("one").await.unwrap();
    clock.advance(290 * SECOND);
    cache.warm_up().await.unwrap();
    assert_eq!((origin.fetches(), origin.not_modified()), (2, 1));
    let status = cache.status();
    assert!(status.fresh && status.age == Some(Duration::ZERO), "{status:?}");
    assert!(Arc::ptr_eq(&before, &cache.keys_for("one").await.unwrap()), "nothing has changed");
}

#[tokio::test]
async fn refresh_honours_the_life_that_the_issuer_names_within_bounds() {
    for (max_age, life) in [(0, 5), (1, 1), (60, 60), (300, 300), (31_536_000, 86_400)] {
        let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
        origin.publish_for(&set(&["one"]), max_age);
        let cache = cache_of(&origin, Settings::default(), clock.clone());
        cache.warm_up().await.unwrap();
        clock.advance(Duration::from_millis(life * 740));
        at_once(cache.keys_for("one")).unwrap();
        assert_eq!(cache.status().attempts, 1, "asked again too early for max-age={max_age}");
        clock.advance(Duration::from_millis(life * 120));
        at_once(cache.keys_for("one")).unwrap();
        assert_eq!(cache.status().attempts, 2, "asked again too late for max-age={max_age}");
    }
}

#[tokio::test]
async fn keys_for_refuses_a_withdrawn_key_as_soon_as_the_set_without_it_has_come() {
    let (origin, clock) = (Origin::publishing(&set(&["one", "two"])).await, manual_clock());
    let cache = cache_of(&origin, Settings::default(), clock.clone());
    cache.keys_for("one").await.unwrap();
    origin.publish(&set(&["two"]));
    clock.advance(256 * SECOND);
    at_once(cache.keys_for("two")).unwrap();
    eventually("the renewal lands", || cache.status().kids.len() == 1).await;
    assert_eq!(at_once(cache.keys_for("one")).err(), Some(jwks::Error::UnknownKid));
    assert_eq!(origin.fetches(), 2);
}

#[tokio::test]
async fn keys_for_impossible_kids_fetches_nothing() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let cache = cache_of(&origin, Settings::default(), system_clock());
    for name in
        [String::new(), "x".repeat(129), "with space".to_owned(), "kid\0".to_owned(), "кид".to_owned()]
    {
        assert_eq!(at_once(cache.keys_for(&name)).err(), Some(jwks::Error::UnknownKid));
    }
    assert_eq!(origin.fetches(), 0);
}

#[tokio::test]
async fn status_fetches_nothing() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, Settings::default(), clock.clone());
    assert!(!cache.status().is_usable());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(origin.fetches(), 0);
    cache.warm_up().await.unwrap();
    clock.advance(100 * SECOND);
    let status = cache.status();
    assert_eq!(status.age, Some(100 * SECOND));
    assert_eq!(status.trusted_for, 2900 * SECOND);
    assert_eq!((status.attempts, status.failures, status.last_error), (1, 0, None));
    assert!(clock.monotonic() == 100 * SECOND && status.fresh);
}
