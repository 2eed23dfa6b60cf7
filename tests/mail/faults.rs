//! A mail server that is down, slow, hangs, refuses or lies: nothing is lost, and nothing goes where it should not.

use std::time::Duration;

use rstest::rstest;
use signet::mail::transport::Limits;
use signet::model::message::{PARKED_KEPT_FOR, SENT_KEPT_FOR, TRIED_FOR};
use signet_verify::clock::Clock;

use super::office::{Instance, LINK, SHORT};
use crate::store::support::{Fresh, Sqlite};
use crate::support::smtp::{PASSWORD, Security, SmtpServer};
use crate::support::wait::until;

/// As long as a first pause lasts at most.
const FIRST_PAUSE: Duration = Duration::from_secs(46);

/// A database, a mail server, and an instance that sends by way of it.
async fn office(security: Security) -> Option<(Fresh, SmtpServer, Instance)> {
    let (fresh, smtp) = (Fresh::open(Sqlite).await?, SmtpServer::start(security)?);
    let instance = Instance::new(&fresh, &smtp.url());
    Some((fresh, smtp, instance))
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_is_sent_after_its_commit_and_once() {
    let Some((fresh, smtp, mut ada)) = office(Security::Login).await else { return };
    ada.start(Limits::USUAL);
    let undone = ada.message("never@example.com", signet::mail::Content::AccountDeleted);
    let outcome = fresh.database.write(|unit| {
        let (undone, outbox) = (&undone, ada.outbox.clone());
        async move {
            unit.outbox().insert(undone).await?;
            outbox.wake();
            Err::<(), _>(signet::store::Error::Conflict)
        }
    });
    assert!(outcome.await.is_err());
    let id = ada.promise("ada@example.com").await;
    let message = smtp.message_to("ada@example.com").await;
    assert_eq!(message.user(), Some(crate::support::smtp::USER));
    ada.is_in_state(&id, "sent").await;
    let row = ada.entry(&id).await;
    assert_eq!((row.attempts, row.sealed, row.problem), (1, None, None), "no text is left of it");
    ada.stop().await;
    assert_eq!(smtp.count("message"), 1, "and none that was undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_outlasts_a_server_that_is_down() {
    let Some((_fresh, mut smtp, mut ada)) = office(Security::Login).await else { return };
    smtp.kill();
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    let row = ada.was_tried(&id, 1).await;
    let pause = row.due_at.since(ada.clock.now());
    assert!((Duration::from_secs(30)..FIRST_PAUSE).contains(&pause), "{pause:?}");
    smtp.restart();
    ada.advance(FIRST_PAUSE);
    smtp.message_to("ada@example.com").await;
    ada.is_in_state(&id, "sent").await;
    assert_eq!(ada.entry(&id).await.attempts, 2);
}

#[rstest]
#[case::greeting_421("greeting-421")]
#[case::rcpt_421("rcpt-421")]
#[case::rcpt_450("rcpt-450")]
#[case::rcpt_451("rcpt-451")]
#[case::data_451("data-451")]
#[case::data_421("data-421")]
#[tokio::test(flavor = "multi_thread")]
async fn temporary_refusal_is_followed_by_another_attempt_with_the_same_message(#[case] way: &str) {
    let Some((_fresh, mut smtp, mut ada)) = office(Security::Login).await else { return };
    if way.starts_with("greeting") {
        smtp.treat_connection(way);
    } else {
        smtp.treat_message_to("ada@example.com", way);
    }
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    let row = ada.was_tried(&id, 1).await;
    let problem = row.problem.unwrap();
    let code = way.rsplit('-').next().unwrap();
    assert!(row.state == "waiting" && problem.contains(code), "{problem}");
    for private in ["ada@example.com", "://", "token"] {
        assert!(!problem.contains(private), "{problem}");
    }
    ada.advance(FIRST_PAUSE);
    let message = smtp.message_to("ada@example.com").await;
    ada.is_in_state(&id, "sent").await;
    assert_eq!(message.header("Message-ID"), format!("<{id}@id.example>"));
}

#[rstest]
#[case::rcpt_550("rcpt-550")]
#[case::rcpt_553("rcpt-553")]
#[case::data_550("data-550")]
#[case::data_554("data-554")]
#[tokio::test(flavor = "multi_thread")]
async fn permanent_refusal_parks_at_once_until_an_operator_says_otherwise(#[case] way: &str) {
    let Some((_fresh, mut smtp, mut ada)) = office(Security::Login).await else { return };
    smtp.treat_message_to("ada@example.com", way);
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    ada.is_in_state(&id, "parked").await;
    let row = ada.entry(&id).await;
    let problem = row.problem.unwrap();
    assert!(row.attempts == 1 && problem.contains(way.rsplit('-').next().unwrap()), "{problem}");
    assert!(!problem.contains("example.com") && !problem.contains("token"), "{problem}");
    let counts = ada.status.counts();
    assert_eq!((counts.sent, counts.parked, counts.postponed), (0, 1, 0));
    // It is left alone, until it is retried.
    ada.advance(TRIED_FOR);
    assert!(ada.database.outbox().retry(&id, ada.clock.now()).await.unwrap());
    ada.outbox.wake();
    smtp.message_to("ada@example.com").await;
    ada.is_in_state(&id, "sent").await;
    assert!(!ada.database.outbox().retry(&id, ada.clock.now()).await.unwrap(), "what is sent stays sent");
}

#[rstest]
#[case::greeting("greeting-hang")]
#[case::receiver("rcpt-hang")]
#[tokio::test(flavor = "multi_thread")]
async fn server_that_hangs_costs_one_attempt(#[case] way: &str) {
    let Some((_fresh, mut smtp, mut ada)) = office(Security::Login).await else { return };
    if way.starts_with("greeting") {
        smtp.treat_connection(way);
    } else {
        smtp.treat_message_to("ada@example.com", way);
    }
    ada.start(SHORT);
    let id = ada.promise("ada@example.com").await;
    let problem = ada.was_tried(&id, 1).await.problem.unwrap();
    assert!(problem.contains("no answer within"), "{problem}");
    ada.advance(FIRST_PAUSE);
    smtp.message_to("ada@example.com").await;
    ada.is_in_state(&id, "sent").await;
}

#[rstest]
#[case::hangs("data-hang")]
#[case::drops("data-drop")]
#[tokio::test(flavor = "multi_thread")]
async fn message_that_was_taken_without_a_word_comes_again_with_the_same_name(#[case] way: &str) {
    let Some((_fresh, mut smtp, mut ada)) = office(Security::Login).await else { return };
    smtp.treat_message_to("ada@example.com", way);
    ada.start(SHORT);
    let id = ada.promise("ada@example.com").await;
    ada.was_tried(&id, 1).await;
    ada.advance(FIRST_PAUSE);
    let second = smtp.nth_message_to("ada@example.com", 2).await;
    ada.is_in_state(&id, "sent").await;
    let first = smtp.message_to("ada@example.com").await;
    assert_eq!(first.header("Message-ID"), second.header("Message-ID"));
    assert_eq!(first.raw(), second.raw(), "the same to the last byte");
}

#[rstest]
#[case::before_the_message("rcpt-hang")]
#[case::after_the_message("data-hang")]
#[tokio::test(flavor = "multi_thread")]
async fn message_waits_for_no_hundred_others_that_hang(#[case] way: &str) {
    let Some((_fresh, mut smtp, mut ada)) = office(Security::Login).await else { return };
    let others: Vec<String> = (0..100).map(|number| format!("hangs{number}@example.com")).collect();
    for other in &others {
        smtp.treat_message_to(other, way);
        ada.promise(other).await;
    }
    // The last in the order in which they are claimed.
    ada.clock.advance(Duration::from_millis(1));
    let id = ada.promise("ada@example.com").await;
    // Each keeps its place a shorter while than a server grants, and then hangs until after the end of the test.
    let endless = Duration::from_secs(3600);
    let patience = Duration::from_millis(500);
    ada.start(Limits { greeting: endless, step: endless, prepared: endless, handed_over: endless, patience });
    smtp.message_to("ada@example.com").await;
    ada.is_in_state(&id, "sent").await;
    smtp.has_seen("hangs", others.len()).await;
    let counts = ada.status.counts();
    assert_eq!((counts.sent, counts.postponed, counts.parked), (1, 0, 0), "the others hang still");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_server_gets_its_mail() {
    let Some((_fresh, mut smtp, mut ada)) = office(Security::Login).await else { return };
    smtp.treat_connection("slow");
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    smtp.message_to("ada@example.com").await;
    ada.is_in_state(&id, "sent").await;
    assert_eq!(ada.entry(&id).await.attempts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_is_parked_after_a_day_and_rows_go_after_their_time() {
    let Some((_fresh, mut smtp, mut ada)) = office(Security::Open).await else { return };
    let sent = ada.promise("sent@example.com").await;
    ada.start(Limits::USUAL);
    ada.is_in_state(&sent, "sent").await;
    smtp.kill();
    let id = ada.promise("ada@example.com").await;
    let (began, mut pauses) = (ada.clock.now(), Vec::new());
    for attempt in 1.. {
        let what = format!("attempt {attempt} comes to something");
        until(&what, async || {
            let row = ada.entry(&id).await;
            row.attempts == attempt && row.problem.is_some() && !row.claimed
        })
        .await;
        let row = ada.entry(&id).await;
        if row.state == "parked" {
            break;
        }
        let pause = row.due_at.since(ada.clock.now());
        pauses.push(pause);
        ada.advance(pause);
    }
    let tried_for = ada.clock.now().since(began);
    assert!((Duration::from_secs(22 * 3600)..=TRIED_FOR).contains(&tried_for), "{tried_for:?}");
    assert!(pauses.len() > 15 && pauses.windows(2).take(5).all(|two| two[0] < two[1]), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(90 * 60)), "{pauses:?}");

    let rows = ada.database.outbox();
    assert_eq!(rows.sweep(ada.clock.now()).await.unwrap(), u64::from(tried_for >= SENT_KEPT_FOR));
    ada.clock.advance(SENT_KEPT_FOR);
    rows.sweep(ada.clock.now()).await.unwrap();
    let left = rows.list(None, 10).await.unwrap();
    assert_eq!(left.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    ada.clock.advance(PARKED_KEPT_FOR);
    assert_eq!(rows.sweep(ada.clock.now()).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_parks_nothing_and_the_right_one_sends_all() {
    let Some((fresh, mut smtp, _)) = office(Security::Login).await else { return };
    let wrong = smtp.url().replace("S3CRET", "guessed");
    let mut ada = Instance::new(&fresh, &wrong);
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    let problem = ada.was_tried(&id, 1).await.problem.unwrap();
    assert!(problem.starts_with("the login") && problem.contains("535"), "{problem}");
    assert!(!problem.contains("guessed") && !problem.contains(PASSWORD), "{problem}");
    ada.stop().await;
    let mut right =
        Instance::with(fresh.database.clone(), &super::office::settings(&smtp.url()), ada.clock.clone());
    right.start(Limits::USUAL);
    right.advance(FIRST_PAUSE);
    smtp.message_to("ada@example.com").await;
    right.is_in_state(&id, "sent").await;
    smtp.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_gives_back_what_was_not_handed_over_yet() {
    let Some((_fresh, mut smtp, mut ada)) = office(Security::Login).await else { return };
    smtp.treat_message_to("ada@example.com", "rcpt-hang");
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    smtp.has_seen("hangs", 1).await;
    ada.stop().await;
    let row = ada.entry(&id).await;
    assert_eq!((row.state.as_str(), row.attempts), ("waiting", 0));
    assert!(row.due_at <= ada.clock.now(), "another instance may have it at once");
    ada.start(Limits::USUAL);
    let message = smtp.message_to("ada@example.com").await;
    ada.is_in_state(&id, "sent").await;
    assert!(message.text().contains(LINK));
    assert_eq!(smtp.count("message"), 1);
}
