//! What happens when the issuer cannot be asked: good keys are kept up to a bound, and the issuer is left in peace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use signet_verify::clock::{Clock, SeededEntropy};
use signet_verify::jwks::fetch::{self, Fetch, Fetched};
use signet_verify::jwks::{self, Backoff, KeyCache, Settings, load};

use super::origin::{Answer, Origin};
use super::{at_once, begin_and_give_up, cache_of, eventually, impatient, manual_clock, set, system_clock};

const SECOND: Duration = Duration::from_secs(1);

fn is_unavailable(miss: Option<jwks::Error>) -> bool {
    matches!(miss, Some(jwks::Error::Unavailable { retry_after }) if retry_after >= SECOND)
}

#[tokio::test]
async fn keys_for_in_an_outage_trusts_keys_up_to_the_bound_and_then_says_unavailable() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, impatient(), clock.clone());
    cache.keys_for("one").await.unwrap();
    origin.answer(Answer::Reset);
    clock.advance(2999 * SECOND);
    assert!(at_once(cache.keys_for("one")).is_ok(), "ten lives are not over");
    clock.advance(SECOND);
    assert!(is_unavailable(cache.keys_for("one").await.err()));
    assert!(!cache.status().is_usable());

    origin.publish(&set(&["one"]));
    clock.advance(5 * SECOND);
    assert!(cache.keys_for("one").await.is_ok(), "it recovers by itself");
    assert_eq!((cache.status().failures, cache.status().last_error), (0, None));
}

#[tokio::test]
async fn keys_for_counts_the_time_that_the_machine_sleeps() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, impatient(), clock.clone());
    cache.keys_for("one").await.unwrap();
    origin.answer(Answer::Reset);
    let asleep = clock.now();
    clock.set_wall(asleep.after(2999 * SECOND));
    assert!(at_once(cache.keys_for("one")).is_ok());
    clock.set_wall(asleep.after(3000 * SECOND));
    assert!(is_unavailable(cache.keys_for("one").await.err()));
    clock.set_wall(asleep);
    assert!(is_unavailable(cache.keys_for("one").await.err()), "a step back makes no key young again");
}

#[tokio::test]
async fn keys_for_ignores_a_wall_clock_that_steps_back() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, impatient(), clock.clone());
    cache.keys_for("one").await.unwrap();
    clock.set_wall(clock.now().before(86_400 * SECOND));
    clock.advance(100 * SECOND);
    assert!(at_once(cache.keys_for("one")).is_ok());
    assert_eq!((cache.status().age, origin.fetches()), (Some(100 * SECOND), 1));
}

#[tokio::test]
async fn keys_for_calls_no_kid_unknown_by_a_set_past_its_life() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, impatient(), clock.clone());
    cache.keys_for("one").await.unwrap();
    origin.answer(Answer::Reset);
    clock.advance(299 * SECOND);
    assert_eq!(cache.keys_for("two").await.err(), Some(jwks::Error::UnknownKid));
    clock.advance(2 * SECOND);
    assert!(is_unavailable(cache.keys_for("two").await.err()), "it may have been published since");
}

#[tokio::test]
async fn refresh_in_an_outage_fetches_less_and_less_often() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let cache = cache_of(&origin, impatient(), clock.clone());
    cache.keys_for("one").await.unwrap();
    origin.answer(Answer::Reset);
    clock.advance(256 * SECOND);
    for second in 0..300 {
        assert!(at_once(cache.keys_for("one")).is_ok());
        if second < 40 {
            let _unknown = cache.keys_for(&format!("unknown-{second}")).await; // while the set is within its life
        }
        fetches_ended(&cache).await;
        clock.advance(SECOND);
    }
    let attempts = cache.status().attempts - 1;
    assert!((6..=16).contains(&attempts), "{attempts} attempts in 300 s");
}

#[tokio::test]
async fn refresh_pause_after_a_failure_cannot_be_cut_short_by_unknown_kids() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let slow = Backoff { first: 100 * SECOND, longest: 100 * SECOND };
    let cache = cache_of(&origin, Settings { retry: slow, ..impatient() }, clock.clone());
    cache.keys_for("one").await.unwrap();
    origin.answer(Answer::Reset);
    assert!(cache.keys_for("unknown").await.is_err());
    assert_eq!((cache.status().attempts, cache.status().failures), (2, 1));
    clock.advance(40 * SECOND);
    assert_eq!(at_once(cache.keys_for("unknown")).err(), Some(jwks::Error::UnknownKid));
    assert_eq!(cache.status().attempts, 2);
}

#[tokio::test]
async fn refresh_pause_never_outlasts_the_end_of_trust() {
    let (origin, clock) = (Origin::publishing(&set(&["one"])).await, manual_clock());
    let slow = Backoff { first: 10_000 * SECOND, longest: 10_000 * SECOND };
    let cache = cache_of(&origin, Settings { retry: slow, ..impatient() }, clock.clone());
    cache.keys_for("one").await.unwrap();
    origin.answer(Answer::Reset);
    clock.advance(2990 * SECOND);
    at_once(cache.keys_for("one")).unwrap();
    eventually("the renewal fails", || cache.status().failures == 1).await;
    origin.publish(&set(&["one"]));
    clock.advance(10 * SECOND);
    assert!(cache.keys_for("one").await.is_ok());
}

#[tokio::test]
async fn refresh_without_any_key_fetches_every_few_seconds() {
    let (origin, clock) = (Origin::answering(Answer::Reset).await, manual_clock());
    let cache = cache_of(&origin, impatient(), clock.clone());
    for _ in 0..60 {
        for _ in 0..20 {
            assert!(is_unavailable(cache.keys_for("one").await.err()));
        }
        fetches_ended(&cache).await;
        clock.advance(SECOND);
    }
    let attempts = cache.status().attempts;
    assert!((12..=30).contains(&attempts), "{attempts} attempts in 60 s");
    assert!(matches!(cache.status().last_error, Some(load::Error::Fetch(fetch::Error::Unreachable(_)))));
}

async fn fetches_ended(cache: &KeyCache) {
    let mut seen = None;
    eventually("the fetches land", || {
        let status = cache.status();
        let unchanged = seen == Some((status.attempts, status.failures));
        seen = Some((status.attempts, status.failures));
        unchanged
    })
    .await;
}

#[tokio::test]
async fn refresh_finds_an_issuer_that_comes_up_later_without_a_request() {
    let origin = Origin::answering(Answer::Reset).await;
    let cache = cache_of(&origin, impatient(), system_clock());
    assert!(cache.warm_up().await.is_err());
    origin.publish(&set(&["one"]));
    eventually("the keys arrive", || cache.status().is_usable()).await;
    assert!(at_once(cache.keys_for("one")).is_ok());
}

/// Never ends, and never fails.
struct Stuck;

impl Fetch for Stuck {
    async fn fetch(&self, _etag: Option<&str>) -> Result<Fetched, fetch::Error> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn fetch_that_never_ends_is_given_up() {
    let cache = KeyCache::new(Stuck, impatient(), manual_clock(), Arc::new(SeededEntropy::new(1)));
    assert!(is_unavailable(cache.keys_for("one").await.err()));
    eventually("the fetch is given up", || cache.status().failures == 1).await;
    let limit = impatient().fetch_timeout;
    assert_eq!(cache.status().last_error, Some(load::Error::Fetch(fetch::Error::Timeout(limit))));
}

/// Panics the first time, and brings a set after that.
struct Stumbling(AtomicUsize);

impl Fetch for Stumbling {
    async fn fetch(&self, _etag: Option<&str>) -> Result<Fetched, fetch::Error> {
        assert_ne!(self.0.fetch_add(1, Ordering::SeqCst), 0, "the first fetch panics, as this test wants");
        Ok(Fetched::Fresh { bytes: set(&["one"]).to_json().into_bytes(), etag: None, max_age: None })
    }
}

#[tokio::test]
async fn fetch_that_panics_leaves_no_request_waiting() {
    let clock = manual_clock();
    let stumbling = Stumbling(AtomicUsize::new(0));
    let cache = KeyCache::new(stumbling, impatient(), clock.clone(), Arc::new(SeededEntropy::new(1)));
    assert!(is_unavailable(cache.keys_for("one").await.err()));
    assert_eq!(cache.status().last_error, Some(load::Error::Abandoned));
    clock.advance(SECOND);
    assert!(cache.keys_for("one").await.is_ok());
}

#[test]
fn fetch_whose_runtime_is_shut_down_leaves_no_request_waiting() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let origin = second.block_on(Origin::publishing(&set(&["one"])));
    let clock = manual_clock();
    let cache = cache_of(&origin, impatient(), clock.clone());
    first.block_on(async { begin_and_give_up(cache.keys_for("one")) });
    drop(first);
    clock.advance(SECOND);
    assert!(second.block_on(cache.keys_for("one")).is_ok());
}

/// Says "not modified" to a cache that holds nothing.
struct Confused;

impl Fetch for Confused {
    async fn fetch(&self, _etag: Option<&str>) -> Result<Fetched, fetch::Error> {
        Ok(Fetched::NotModified { max_age: None })
    }
}

#[tokio::test]
async fn fetch_answered_not_modified_without_a_set_is_an_error() {
    let cache = KeyCache::new(Confused, impatient(), manual_clock(), Arc::new(SeededEntropy::new(1)));
    assert!(is_unavailable(cache.keys_for("one").await.err()));
    assert_eq!(cache.status().last_error, Some(load::Error::NothingToKeep));
}

/// Answers when it is told to.
struct Slow(Arc<tokio::sync::Notify>);

impl Fetch for Slow {
    async fn fetch(&self, _etag: Option<&str>) -> Result<Fetched, fetch::Error> {
        self.0.notified().await;
        Ok(Fetched::Fresh { bytes: set(&["one"]).to_json().into_bytes(), etag: None, max_age: None })
    }
}

#[tokio::test]
async fn fetch_dates_keys_by_its_request_and_not_by_its_answer() {
    let (clock, answer) = (manual_clock(), Arc::new(tokio::sync::Notify::new()));
    let entropy = Arc::new(SeededEntropy::new(1));
    let cache = KeyCache::new(Slow(answer.clone()), Settings::default(), clock.clone(), entropy);
    begin_and_give_up(cache.keys_for("one"));
    clock.advance(100 * SECOND);
    answer.notify_one();
    eventually("the answer comes", || cache.status().is_usable()).await;
    let status = cache.status();
    assert_eq!((status.age, status.trusted_for), (Some(100 * SECOND), 2900 * SECOND));
    clock.advance(200 * SECOND);
    assert!(!cache.status().fresh, "what was published since the question may be missing");
}
