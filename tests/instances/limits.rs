//! Limits are counted across instances.

use std::time::Duration;

use reqwest::Method;
use signet_verify::clock::{Clock, SystemClock};

use super::*;
use crate::support::Reply;

/// What came of some attempts.
struct Tried {
    passed: usize,
    took: Duration,
    /// How many of them an instance judged by itself.
    alone: usize,
}

/// Sends `tries` attempts to `servers` in turn.
async fn attempts(
    servers: &[&Server],
    tries: usize,
    attempt: impl AsyncFn(&Caller, usize) -> Reply,
) -> Tried {
    let (clock, mut passed) = (SystemClock::new(), 0);
    let (before, began) = (judged_alone(servers).await, clock.monotonic());
    for number in 0..tries {
        let answer = attempt(&servers[number % servers.len()].caller(), number).await;
        match answer.status.as_u16() {
            429 => {
                let wait: u64 = answer.header("retry-after").parse().unwrap();
                assert!((1..=10).contains(&wait), "{wait}");
            }
            _ => passed += 1,
        }
    }
    let took = clock.monotonic() - began;
    Tried { passed, took, alone: judged_alone(servers).await - before }
}

async fn judged_alone(servers: &[&Server]) -> usize {
    let mut sum = 0.0;
    for server in servers {
        sum += metric(server, "signet_rate_limit_local_decisions_total").await.unwrap();
    }
    sum as usize
}

/// Asserts that what was let through is what a burst of `burst` in `window` seconds allows in that time.
#[track_caller]
fn assert_allowed(burst: usize, window: u32, tried: &Tried) {
    let refilled = (tried.took.as_secs_f64() * burst as f64 / f64::from(window)).ceil() as usize;
    assert!(
        (burst..=burst + refilled).contains(&tried.passed),
        "{} of a burst of {burst} in {:?}",
        tried.passed,
        tried.took
    );
}

/// Asserts that `servers` count together a burst of `burst` in `window` seconds; `attempt` is told its round and its number.
///
/// On a machine that is busy with other things an answer of Redis may come too late, and then an instance judges by
/// itself, as it should: such a round says nothing, and another one is made.
async fn assert_counted_together(
    servers: &[&Server],
    (burst, window): (usize, u32),
    attempt: impl AsyncFn(&Caller, usize, usize) -> Reply,
) {
    for round in 0..8 {
        for server in servers {
            redis_is(true, server).await;
        }
        let tried =
            attempts(servers, burst + 9, async |caller, number| attempt(caller, round, number).await).await;
        if tried.alone == 0 {
            return assert_allowed(burst, window, &tried);
        }
    }
    panic!("no round was counted by Redis alone");
}

/// A sign-in with this body from this address.
async fn sign_in(caller: &Caller, body: &serde_json::Value, address: String) -> Reply {
    let request = caller.request(Method::POST, "/api/auth/sign-in/email").json(body);
    Caller::send(request.header("x-forwarded-for", address)).await
}

const SETTINGS: [(&str, &str); 2] = [("SIGNET_RATE_LIMIT", "on"), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1")];

#[tokio::test(flavor = "multi_thread")]
async fn limiter_counts_for_all_instances_and_more_strictly_in_each_while_redis_is_down() {
    let Some(mut redis) = RedisServer::start() else { return };
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("limits", Some(&url), None, &SETTINGS).await else { return };
    let (one, two) = (&deployment.one, &deployment.two);
    // A body that says nothing: the limit of addresses comes first.
    let from_one_address = async |caller: &Caller, round: usize, _: usize| {
        sign_in(caller, &json!({}), format!("198.51.100.{round}")).await
    };
    assert_counted_together(&[one, two], (3, 10), from_one_address).await;
    let keys = redis.ask(&["KEYS", "signet:limit:*"]);
    assert!(!keys.is_empty() && !keys.contains("198.51"), "no address is written down: {keys}");

    redis.kill();
    for server in [one, two] {
        redis_is(false, server).await;
        let tried = attempts(&[server], 6, async |caller, _| from_one_address(caller, 100, 0).await).await;
        assert_eq!(tried.alone, 6);
        assert_allowed(1, 10, &tried);
        server.caller().get("/readyz").await.expect(200);
    }

    redis.restart();
    assert_counted_together(&[two, one], (3, 10), from_one_address).await;
    for server in [deployment.one, deployment.two] {
        let (_, log) = server.terminate();
        assert_said_once(&log, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limiter_protects_accounts_across_instances_from_attempts_of_any_address() {
    let Some(redis) = RedisServer::start() else { return };
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("account_limits", Some(&url), None, &SETTINGS).await else {
        return;
    };
    let for_one_account = async |caller: &Caller, round: usize, number: usize| {
        let wrong = json!({ "email": format!("ada{round}@example.com"), "password": "not the password" });
        sign_in(caller, &wrong, format!("198.51.{round}.{number}")).await
    };
    assert_counted_together(&[&deployment.one, &deployment.two], (30, 30), for_one_account).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_that_succeeds_is_taken_back_where_instances_count_together() {
    let Some(redis) = RedisServer::start() else { return };
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("taken_back", Some(&url), None, &SETTINGS).await else { return };
    let servers = [&deployment.one, &deployment.two];
    for server in servers {
        redis_is(true, server).await;
    }
    signed_up(&deployment.one, "ada").await;
    let right = json!({ "email": "ada@example.com", "password": PASSWORD });
    let tried = attempts(&servers, 36, async |caller, number| {
        sign_in(caller, &right, format!("198.51.100.{number}")).await
    });
    let tried = tried.await;
    // What an instance judges by itself, because Redis was too slow, it counts and takes back by itself.
    assert_eq!(tried.passed, 36);
}
