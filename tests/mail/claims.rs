//! Several instances deliver what one outbox holds.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use signet::mail::transport::Limits;
use signet_verify::clock::Clock;

use super::office::{Instance, SHORT, database, settings};
use crate::store::support::{Kind, Postgres, Sqlite};
use crate::support::smtp::{Security, SmtpServer};
use crate::support::wait::until;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn instances_beside_each_other_send_each_message_once(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(smtp) = SmtpServer::start(Security::Open) else { return };
    let Some(fresh) = database(kind).await else { return };
    let mut ada = Instance::new(&fresh, &smtp.url());
    let mut bob = Instance::with(fresh.database.clone(), &settings(&smtp.url()), ada.clock.clone());
    let addresses: Vec<String> = (0..60).map(|number| format!("user{number}@example.com")).collect();
    for (number, address) in addresses.iter().enumerate() {
        // Half of them are there before the instances, half are promised while both work.
        if number == 30 {
            ada.start(Limits::USUAL);
            bob.start(Limits::USUAL);
        }
        ada.promise(address).await;
        bob.outbox.wake();
    }
    until("all are sent", async || {
        let rows = fresh.database.outbox().list(None, 100).await.unwrap();
        rows.iter().all(|row| row.state == "sent")
    })
    .await;
    ada.stop().await;
    bob.stop().await;
    for address in &addresses {
        assert_eq!(smtp.messages_to(address).len(), 1, "{address}");
    }
    let (by_ada, by_bob) = (ada.status.counts().sent, bob.status.counts().sent);
    assert_eq!(by_ada + by_bob, 60);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn message_of_an_instance_that_was_killed_is_sent_by_another_within_a_minute(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(mut smtp) = SmtpServer::start(Security::Open) else { return };
    let Some(fresh) = database(kind).await else { return };
    let mut ada = Instance::new(&fresh, &smtp.url());
    smtp.treat_message_to("ada@example.com", "rcpt-hang");
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    smtp.has_seen("hangs", 1).await;
    // The deliveries of a process die with it; those of a task do not.
    let held_until = ada.entry(&id).await.due_at;
    assert!(held_until.since(ada.clock.now()) <= Duration::from_secs(60));
    let mut bob = Instance::with(fresh.database.clone(), &settings(&smtp.url()), ada.clock.clone());
    ada.kill().await;
    bob.start(Limits::USUAL);
    bob.advance(held_until.since(bob.clock.now()));
    smtp.message_to("ada@example.com").await;
    bob.is_in_state(&id, "sent").await;
    assert_eq!(bob.entry(&id).await.attempts, 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn instance_that_has_lost_its_claim_hands_nothing_over(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(mut smtp) = SmtpServer::start(Security::Open) else { return };
    let Some(fresh) = database(kind).await else { return };
    let mut ada = Instance::new(&fresh, &smtp.url());
    // Slow enough for another instance, whose clock is ahead, to take the message meanwhile.
    smtp.treat_connection("slow");
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    until("claimed", async || ada.entry(&id).await.attempts == 1).await;
    let later = ada.clock.now().after(Duration::from_secs(61));
    let rows = fresh.database.outbox();
    let taken =
        rows.claim("of another instance", 1, later, later.after(Duration::from_secs(3600))).await.unwrap();
    assert_eq!((taken.len(), taken[0].attempts), (1, 2));
    ada.stop().await;
    assert_eq!(smtp.count("message"), 0, "it was the other's to send");
    let row = ada.entry(&id).await;
    assert_eq!(
        (row.state.as_str(), row.attempts, row.problem),
        ("waiting", 2, None),
        "nor does it say what became of it"
    );
    assert!(rows.sent(&id, "of another instance", later).await.unwrap());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn claim_takes_what_is_due_longest_and_nobody_elses(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = database(kind).await else { return };
    let ada = Instance::new(&fresh, "file:unused");
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(ada.promise(&format!("user{number}@example.com")).await);
        ada.clock.advance(Duration::from_secs(1));
    }
    let (rows, now) = (Arc::new(fresh.database.outbox()), ada.clock.now());
    let until = now.after(Duration::from_secs(60));
    let of = |claimed: Vec<signet::model::message::Claimed>| -> Vec<String> {
        let mut ids: Vec<String> = claimed.into_iter().map(|message| message.id).collect();
        ids.sort();
        ids
    };
    let sorted = |ids: &[String]| {
        let mut ids = ids.to_vec();
        ids.sort();
        ids
    };
    assert_eq!(of(rows.claim("one", 2, now, until).await.unwrap()), sorted(&ids[..2]));
    assert_eq!(of(rows.claim("two", 9, now, until).await.unwrap()), sorted(&ids[2..]));
    assert!(rows.claim("three", 9, now, until).await.unwrap().is_empty());
    // A claim is the only way to say what became of a message.
    for (id, lease) in [(&ids[0], "two"), (&ids[2], "one"), (&ids[4], "")] {
        assert!(!rows.renew(id, lease, until).await.unwrap());
        assert!(!rows.sent(id, lease, now).await.unwrap());
        assert!(!rows.postpone(id, lease, now, "why").await.unwrap());
        assert!(!rows.park(id, lease, now, "why").await.unwrap());
        assert!(!rows.release(id, lease, now).await.unwrap());
    }
    assert!(!rows.retry(&ids[0], now).await.unwrap(), "it is being delivered");
    assert!(rows.release(&ids[0], "one", now).await.unwrap());
    assert!(rows.park(&ids[1], "one", now, "no such user").await.unwrap());
    assert!(rows.postpone(&ids[2], "two", until, "later").await.unwrap());
    assert!(rows.sent(&ids[3], "two", now).await.unwrap());
    let loads = rows.load().await.unwrap();
    let counts: Vec<(&str, u64)> = loads.iter().map(|load| (load.state.name(), load.count)).collect();
    assert!(
        counts.contains(&("waiting", 3)) && counts.contains(&("parked", 1)) && counts.len() == 2,
        "{counts:?}"
    );
    assert_eq!(rows.retry_parked(now).await.unwrap(), 1);
    assert_eq!(rows.next_due().await.unwrap(), Some(now));
    assert_eq!(of(rows.claim("four", 9, now, until).await.unwrap()), sorted(&ids[..2]));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn message_opens_under_its_master_key_and_in_its_row_alone(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = database(kind).await else { return };
    let mut ada = Instance::new(&fresh, "file:unused");
    let mut message = ada.message("ada@example.com", signet::mail::Content::AccountDeleted);
    let seen = String::from_utf8_lossy(&message.sealed.bytes).into_owned();
    assert!(!seen.contains("ada") && !seen.contains("account"), "{seen}");
    // As if somebody had put another row's text into this one.
    message.id = message.id.chars().rev().collect();
    ada.keep(&message).await;
    ada.start(SHORT);
    ada.is_in_state(&message.id, "parked").await;
    let problem = ada.entry(&message.id).await.problem.unwrap();
    assert!(problem.contains("cannot be opened"), "{problem}");
}
