//! Limits are counted across instances.

use std::time::Duration;

use reqwest::Method;
use signet::clock::{Clock, SystemClock};

use super::*;

/// Tries to sign in at each of `servers` in turn, with a body that says nothing; how many were let through, and how
/// long all took.
async fn let_through(servers: &[&Server], tries: usize) -> (usize, Duration) {
    let (clock, mut passed) = (SystemClock::new(), 0);
    let began = clock.monotonic();
    for number in 0..tries {
        let caller = servers[number % servers.len()].caller();
        let answer = Caller::send(caller.request(Method::POST, "/api/auth/sign-in/email").body("{}")).await;
        match answer.status.as_u16() {
            429 => {
                let wait: u64 = answer.header("retry-after").parse().unwrap();
                assert!((1..=10).contains(&wait), "{wait}");
            }
            _ => passed += 1,
        }
    }
    (passed, clock.monotonic() - began)
}

/// Asserts that `passed` is what a burst of `burst` in ten seconds allows in `took`.
fn assert_allowed(burst: usize, (passed, took): (usize, Duration)) {
    let refilled = (took.as_secs_f64() * burst as f64 / 10.0).ceil() as usize;
    assert!((burst..=burst + refilled).contains(&passed), "{passed} of a burst of {burst} in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_count_together_and_each_alone_more_strictly_while_redis_is_away() {
    let Some(mut redis) = Redis::start() else { return };
    let limited = [("SIGNET_RATE_LIMIT", "on")];
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("limits", Some(&url), None, &limited).await else { return };
    let (one, two) = (&deployment.one, &deployment.two);
    for server in [one, two] {
        redis_is(true, server).await;
    }
    assert_allowed(3, let_through(&[one, two], 12).await);
    let keys = redis.ask(&["KEYS", "signet:limit:*"]);
    assert!(!keys.is_empty() && !keys.contains("127.0.0.1"), "no address is written down: {keys}");

    redis.kill();
    for server in [one, two] {
        redis_is(false, server).await;
        assert_allowed(1, let_through(&[server], 6).await);
        assert!(metric(server, "signet_limit_decisions_alone_total").await.unwrap() >= 6.0);
        server.caller().get("/readyz").await.expect(200);
    }

    redis.restart();
    for server in [one, two] {
        redis_is(true, server).await;
    }
    assert_allowed(3, let_through(&[two, one], 12).await);
    for server in [deployment.one, deployment.two] {
        let (_, log) = server.terminate();
        assert_eq!(told(&log), (1, 2), "each change is said once: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_protected_across_instances_whatever_addresses_attempts_come_from() {
    let Some(redis) = Redis::start() else { return };
    let settings = [("SIGNET_RATE_LIMIT", "on"), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1")];
    let url = redis.url(0);
    let Some(deployment) = Deployment::start("account_limits", Some(&url), None, &settings).await else {
        return;
    };
    let (clock, mut judged) = (SystemClock::new(), 0);
    let began = clock.monotonic();
    for number in 0..8 {
        let server = [&deployment.one, &deployment.two][number % 2];
        let wrong = json!({ "email": "ada@example.com", "password": "not the password" });
        let request = server.caller().request(Method::POST, "/api/auth/sign-in/email").json(&wrong);
        let answer = Caller::send(request.header("x-forwarded-for", format!("198.51.100.{number}"))).await;
        judged += usize::from(answer.status == 401);
    }
    assert_allowed(3, (judged, clock.monotonic() - began));
}
