//! The rows of devices that ask to be signed in: the state machine of the model, and nothing else.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rstest::rstest;
use signet::model::amr::Amr;
use signet::model::client::ClientId;
use signet::model::device::{
    DeviceApproval, DeviceAuthorization, DeviceDecision, DeviceState, INTERVAL, LIFETIME, Poll,
};
use signet::model::scope::ScopeSet;
use signet::store::Error;
use signet::store::devices::KEPT_FOR;
use tokio::task::JoinSet;

use super::support::*;

fn device(number: u32) -> DeviceAuthorization {
    DeviceAuthorization {
        grant_id: format!("grant-{number}"),
        client_id: ClientId::parse("tv").unwrap(),
        scope: ScopeSet::parse("openid tasks:read").unwrap(),
        resources: vec!["https://api.example/".to_owned()],
        ip_address: "2001:db8::1".to_owned(),
        created_at: START,
        expires_at: START.after(LIFETIME),
        interval: INTERVAL,
        polled_at: None,
        state: DeviceState::Pending,
    }
}

fn approval(name: &str) -> DeviceApproval {
    DeviceApproval {
        user_id: format!("user-{name}"),
        session_id: "session-1".to_owned(),
        authenticated_at: START,
        amr: Amr::password(),
    }
}

/// The hashes of the codes of a device.
fn hashes(number: u32) -> ([u8; 32], [u8; 32]) {
    let (mut device, mut user) = ([1; 32], [2; 32]);
    device[..4].copy_from_slice(&number.to_be_bytes());
    user[..4].copy_from_slice(&number.to_be_bytes());
    (device, user)
}

async fn open(kind: Kind) -> Option<Fresh> {
    let fresh = Fresh::open(kind).await?;
    fresh.database.clients().insert(&crate::oauth::support::client("tv")).await.unwrap();
    fresh.sign_up("ada", 1).await;
    fresh.sign_up("bob", 2).await;
    Some(fresh)
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Poll,
    Approve(&'static str),
    Deny,
    Redeem,
    Wait(u64),
}

/// Does to the row what is done to the value, and holds them to each other after each step.
async fn walk(fresh: &Fresh, number: u32, steps: &[Step]) {
    let rows = fresh.database.devices();
    let (device_hash, user_hash) = hashes(number);
    let mut expected = device(number);
    let mut now = START;
    rows.insert(&expected, &device_hash, &user_hash).await.unwrap();
    for step in steps {
        match step {
            Step::Wait(seconds) => now = now.after(Duration::from_secs(*seconds)),
            Step::Poll => {
                if matches!(expected.poll(now), Poll::Pending | Poll::TooSoon) {
                    let after = expected.polled(now);
                    assert!(rows.keep_poll(&device_hash, &expected, &after).await.unwrap());
                    let again = rows.keep_poll(&device_hash, &expected, &after).await.unwrap();
                    assert!(!again || after == expected, "a poll that was overtaken");
                    expected = after;
                }
            }
            Step::Approve(_) | Step::Deny => {
                let decision = match step {
                    Step::Approve(name) => DeviceDecision::Approve(approval(name)),
                    _ => DeviceDecision::Deny,
                };
                let next = expected.decided(decision.clone(), now);
                assert_eq!(
                    rows.decide(&user_hash, &decision, now).await.unwrap(),
                    next.is_some(),
                    "{steps:?}"
                );
                expected = next.unwrap_or(expected);
            }
            Step::Redeem => {
                let next = expected.redeemed(now);
                assert_eq!(rows.redeem(&device_hash, now).await.unwrap(), next.is_some(), "{steps:?}");
                expected = next.unwrap_or(expected);
            }
        }
        assert_eq!(rows.find(&device_hash).await.unwrap().as_ref(), Some(&expected), "{steps:?}");
        let open = rows.find_open(&user_hash, now).await.unwrap();
        assert_eq!(open.as_ref(), expected.is_open(now).then_some(&expected), "{steps:?}");
    }
}

#[rstest]
fn devices_are_kept_as_the_state_machine_says_in_every_order(#[values(Sqlite, Postgres)] kind: Kind) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let Some(fresh) = runtime.block_on(open(kind)) else { return };
    let step = prop_oneof![
        3 => Just(Step::Poll),
        2 => prop::sample::select(vec![Step::Approve("ada"), Step::Approve("bob"), Step::Deny]),
        2 => Just(Step::Redeem),
        2 => prop_oneof![0_u64..12, 200_u64..700].prop_map(Step::Wait),
    ];
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let number = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step, 0..10), |steps| {
        number.set(number.get() + 1);
        runtime.block_on(walk(&fresh, number.get(), &steps));
        Ok(())
    });
    outcome.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn device_is_decided_by_one_of_many_and_redeemed_by_one_of_many(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = open(kind).await else { return };
    for round in 0..5 {
        let (device_hash, user_hash) = hashes(round);
        fresh.database.devices().insert(&device(round), &device_hash, &user_hash).await.unwrap();
        let mut crowd = JoinSet::new();
        for number in 0..10 {
            let rows = fresh.database.devices();
            let decision = DeviceDecision::Approve(approval(if number % 2 == 0 { "ada" } else { "bob" }));
            crowd.spawn(async move { rows.decide(&user_hash, &decision, START).await.unwrap() });
        }
        assert_eq!(crowd.join_all().await.into_iter().filter(|decided| *decided).count(), 1);
        let mut crowd = JoinSet::new();
        for _ in 0..10 {
            let rows = fresh.database.devices();
            crowd.spawn(async move { rows.redeem(&device_hash, START).await.unwrap() });
        }
        assert_eq!(crowd.join_all().await.into_iter().filter(|redeemed| *redeemed).count(), 1);
    }
}

#[rstest]
#[tokio::test]
async fn device_shares_no_code_and_goes_with_its_client_its_user_and_time(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = open(kind).await else { return };
    let rows = fresh.database.devices();
    for number in 0..4 {
        let (device_hash, user_hash) = hashes(number);
        rows.insert(&device(number), &device_hash, &user_hash).await.unwrap();
    }
    let taken = rows.insert(&device(9), &hashes(9).0, &hashes(1).1).await;
    assert!(is_conflict(&taken), "{taken:?}");
    let orphan = DeviceAuthorization { client_id: ClientId::parse("gone").unwrap(), ..device(9) };
    let orphan = rows.insert(&orphan, &hashes(9).0, &hashes(9).1).await;
    assert!(matches!(orphan, Err(Error::ForeignKeyViolation)), "{orphan:?}");
    let approve = |name| DeviceDecision::Approve(approval(name));
    assert!(rows.decide(&hashes(0).1, &approve("ada"), START).await.unwrap());
    assert!(rows.decide(&hashes(1).1, &approve("bob"), START).await.unwrap());
    let unknown = rows.decide(&hashes(2).1, &approve("nobody"), START).await;
    assert!(matches!(unknown, Err(Error::ForeignKeyViolation)), "{unknown:?}");
    fresh.database.users().delete("user-ada").await.unwrap();
    let tv = ClientId::parse("tv").unwrap();
    assert_eq!(rows.delete_unused("user-bob", &ClientId::parse("other").unwrap()).await.unwrap(), 0);
    assert!(
        rows.find(&hashes(0).0).await.unwrap().is_none() && rows.find(&hashes(1).0).await.unwrap().is_some()
    );
    assert!(rows.redeem(&hashes(1).0, START).await.unwrap());
    assert_eq!(
        rows.delete_unused("user-bob", &tv).await.unwrap(),
        0,
        "it is kept, so that a replay is known"
    );
    let end = START.after(LIFETIME).after(KEPT_FOR);
    assert_eq!(rows.sweep(end.before(Duration::from_millis(1))).await.unwrap(), 0);
    assert!(fresh.database.clients().delete(&tv).await.unwrap());
    assert_eq!(rows.sweep(end).await.unwrap(), 0, "they have gone with their client");
    fresh.database.clients().insert(&crate::oauth::support::client("tv")).await.unwrap();
    rows.insert(&device(0), &hashes(0).0, &hashes(0).1).await.unwrap();
    assert_eq!(rows.sweep(end).await.unwrap(), 1);
}
