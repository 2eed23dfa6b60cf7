//! Whether an address is known cannot be told from the time that an answer takes.
//! In: five hundred questions about known addresses and as many about unknown ones, in an order by chance. Out: how often
//! one kind is slower than the other.
//! Owns: no span of time is asserted: what counts is the order of the answers, so that a slow machine is as good as a fast one.

use std::time::Duration;

use serde_json::json;
use signet_verify::clock::{Clock, Entropy, SeededEntropy, SystemClock};

use super::*;

const EACH: usize = 500;

/// How far the chance that one kind is slower may be from a half. With five hundred of each, chance alone puts it beyond
/// a tenth once in a hundred million runs; a look-up more in an answer puts it near one.
const NOTICEABLE: f64 = 0.1;

/// The chance that one of `known` took longer than one of `unknown` (the statistic of Mann and Whitney, over all pairs).
fn chance_that_known_is_slower(known: &[Duration], unknown: &[Duration]) -> f64 {
    let mut sorted = unknown.to_vec();
    sorted.sort_unstable();
    let wins: f64 = known
        .iter()
        .map(|took| {
            let below = sorted.partition_point(|other| other < took);
            let upto = sorted.partition_point(|other| other <= took);
            below as f64 + (upto - below) as f64 / 2.0
        })
        .sum();
    wins / (known.len() * unknown.len()) as f64
}

/// Asserts that known addresses are told from unknown ones by no clock. What a busy machine does to one run it does not do
/// to three; a difference that is there, it cannot hide.
async fn assert_alike(what: &str, ask: impl AsyncFn(bool, usize)) {
    let mut chances = Vec::new();
    for _ in 0..3 {
        let chance = measure(&ask).await;
        if (chance - 0.5).abs() < NOTICEABLE {
            return;
        }
        chances.push(chance);
    }
    panic!("{what}: {chances:?}");
}

/// Asks about a known or an unknown address by turns of chance, and measures.
async fn measure(ask: impl AsyncFn(bool, usize)) -> f64 {
    let clock = SystemClock::new();
    let mut took: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    let mut order = vec![0; 2 * EACH];
    SeededEntropy::new(27).fill(&mut order).unwrap();
    for (number, byte) in order.into_iter().enumerate() {
        let mut kind = usize::from(byte % 2);
        if took[kind].len() == EACH {
            kind = 1 - kind;
        }
        let began = clock.monotonic();
        ask(kind == 0, number).await;
        took[kind].push(clock.monotonic() - began);
    }
    chance_that_known_is_slower(&took[0], &took[1])
}

#[test]
fn chance_that_known_is_slower_notices_a_difference_that_is_there() {
    let mut bytes = vec![0; 4 * EACH];
    SeededEntropy::new(7).fill(&mut bytes).unwrap();
    let noise = |range: std::ops::Range<usize>, more: u64| -> Vec<Duration> {
        bytes[range].iter().map(|byte| Duration::from_micros(u64::from(*byte) + more)).collect()
    };
    let same = chance_that_known_is_slower(&noise(0..EACH, 500), &noise(EACH..2 * EACH, 500));
    assert!((same - 0.5).abs() < NOTICEABLE, "{same}");
    for (known, unknown) in [(560, 500), (500, 560)] {
        let other = chance_that_known_is_slower(&noise(0..EACH, known), &noise(EACH..2 * EACH, unknown));
        assert!((other - 0.5).abs() > NOTICEABLE, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_is_promised_to_known_and_unknown_addresses_in_the_same_time() {
    let (app, _letters) = start().await;
    for number in 0..20 {
        app.signed_up(&format!("known{number}")).await;
    }
    settled(&app).await;
    for path in ["request-password-reset", "send-verification-email"] {
        assert_alike(path, async |is_known, number| {
            let kind = if is_known { "known" } else { "other" };
            let body = json!({ "email": format!("{kind}{}@example.com", number % 20) });
            post(&app.anonymous(), path, body).await.expect(200);
        })
        .await;
    }
    // A change of address is promised to a user who is signed in, whether or not the new one is taken.
    let ada = app.signed_up("ada").await;
    assert_alike("change-email", async |is_known, number| {
        let kind = if is_known { "known" } else { "other" };
        let body = json!({ "newEmail": format!("{kind}{}@example.com", number % 20) });
        post(&ada.session, "change-email", body).await.expect(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_up_with_a_taken_and_with_a_free_address_takes_the_same_time_where_it_has_to_be_verified() {
    let (builder, _letters) = TestApp::with_letters();
    let app = builder.with(|settings| settings.set("SIGNET_REQUIRE_VERIFIED_EMAIL", "on")).start().await;
    let sign_up = async |email: &str| {
        let body = json!({ "name": "Ada", "email": email, "password": PASSWORD });
        post(&app.anonymous(), "sign-up/email", body).await.expect(200);
    };
    for number in 0..20 {
        sign_up(&format!("known{number}@example.com")).await;
    }
    settled(&app).await;
    let made = std::sync::atomic::AtomicUsize::new(0);
    assert_alike("sign-up/email", async |is_known, number| match is_known {
        true => sign_up(&format!("known{}@example.com", number % 20)).await,
        false => {
            let number = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            sign_up(&format!("new{number}@example.com")).await;
        }
    })
    .await;
}
