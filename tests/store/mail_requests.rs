//! The rows of mail that was asked for, and the bounds of them.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use signet::model::mailed_token::{MailRequest, RequestKind};
use signet::store::Database;
use signet::store::mail_requests::{MAILBOX_BURST, MAILBOX_WINDOW, MOST_WAITING};
use signet_verify::clock::Timestamp;
use tokio::task::JoinSet;

use super::support::*;

fn request(number: u32) -> MailRequest {
    MailRequest {
        id: format!("request-{number:05}"),
        kind: RequestKind::ALL[number as usize % RequestKind::ALL.len()],
        user_id: number.is_multiple_of(2).then(|| "user-ada".to_owned()),
        address: format!("u{number}@example.com"),
        callback: number.is_multiple_of(3).then(|| "/after".to_owned()),
        language: "de".to_owned(),
        requested_at: START.after(Duration::from_millis(u64::from(number))),
    }
}

async fn take(database: &Database) -> Option<MailRequest> {
    database.write(|unit| async move { unit.mail_requests().take().await }).await.unwrap()
}

async fn admit(database: &Database, byte: u8, now: Timestamp) -> bool {
    database.write(|unit| async move { unit.mail_requests().admit(&[byte; 32], now).await }).await.unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn take_hands_requests_out_once_and_the_oldest_first(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let requests = fresh.database.mail_requests();
    for number in [3, 1, 2, 0] {
        assert!(requests.insert(&request(number)).await.unwrap());
    }
    assert_eq!(requests.waiting().await.unwrap(), 4);
    for number in 0..4 {
        assert_eq!(take(&fresh.database).await, Some(request(number)));
    }
    assert_eq!((take(&fresh.database).await, requests.waiting().await.unwrap()), (None, 0));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn take_by_many_at_once_hands_each_request_to_one(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    for number in 0..20 {
        fresh.database.mail_requests().insert(&request(number)).await.unwrap();
    }
    let mut crowd = JoinSet::new();
    for _ in 0..4 {
        let database = fresh.database.clone();
        crowd.spawn(async move {
            let mut taken = Vec::new();
            while let Some(request) = take(&database).await {
                taken.push(request.id);
            }
            taken
        });
    }
    let mut taken: Vec<String> = crowd.join_all().await.concat();
    taken.sort();
    assert_eq!(taken, (0..20).map(|number| request(number).id).collect::<Vec<_>>());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn take_passes_over_what_a_later_version_has_asked_for(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    for number in 0..2 {
        fresh.database.mail_requests().insert(&request(number)).await.unwrap();
    }
    let others = fresh.others().await;
    sqlx::query("UPDATE mail_requests SET kind = 'of tomorrow' WHERE id = 'request-00000'")
        .execute(&others)
        .await
        .unwrap();
    assert_eq!(take(&fresh.database).await, Some(request(1)));
    assert_eq!(take(&fresh.database).await, None);
    assert_eq!(fresh.database.mail_requests().waiting().await.unwrap(), 1);
    others.close().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn insert_keeps_no_more_than_the_bound(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let others = fresh.others().await;
    let many = "INSERT INTO mail_requests (id, kind, user_id, address, callback, language, requested_at) \
                WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9999) \
                SELECT 'many-' || n, 'verify_email', NULL, 'a@example.com', NULL, 'en', 0 FROM numbers";
    sqlx::query(many).execute(&others).await.unwrap();
    let requests = fresh.database.mail_requests();
    assert_eq!(MOST_WAITING, 10_000);
    assert!(requests.insert(&request(1)).await.unwrap(), "the last one that finds room");
    assert!(!requests.insert(&request(2)).await.unwrap());
    take(&fresh.database).await.unwrap();
    assert!(requests.insert(&request(3)).await.unwrap(), "there is room again");
    others.close().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admit_lets_a_mailbox_have_its_burst_and_twice_as_much_in_a_day(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let database = Arc::new(fresh.database.clone());
    let mut crowd = JoinSet::new();
    for _ in 0..30 {
        let database = database.clone();
        crowd.spawn(async move { admit(&database, 1, START).await });
    }
    let admitted = crowd.join_all().await.into_iter().filter(|admitted| *admitted).count();
    assert_eq!(admitted, MAILBOX_BURST as usize, "many at once are no more than one after the other");
    assert!(admit(&database, 2, START).await, "another mailbox");
    // Whoever goes on asking for the whole of a day.
    let mut more = 0;
    for minute in 1..=24 * 60 {
        if minute % 20 == 0 {
            more += u32::from(admit(&database, 1, START.after(minute * MINUTE)).await);
        }
    }
    assert_eq!(more, MAILBOX_BURST);
    let requests = database.mail_requests();
    let later = START.after(3 * MAILBOX_WINDOW);
    assert_eq!(requests.sweep_mailboxes(START.after(MAILBOX_WINDOW / MAILBOX_BURST)).await.unwrap(), 1);
    assert_eq!(requests.sweep_mailboxes(later).await.unwrap(), 1);
    let mut again = 0;
    for _ in 0..30 {
        again += u32::from(admit(&database, 1, later).await);
    }
    assert_eq!(again, MAILBOX_BURST);
}
