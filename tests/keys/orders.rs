//! What an operator orders: rotate, now or in time, and revoke.

use rstest::rstest;
use signet::keys::commands::UnreadableKey;
use signet::keys::repository::KeyRepository;
use signet::keys::rotation::{self, Order};
use signet::model::signing_key::{Event, KeyState};
use signet_verify::clock::Clock;
use signet_verify::crypto::Algorithm;
use signet_verify::jose::jwk::Kid;

use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};

use super::support::{Process, START, contract, open, public, seconds, signing};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotate_waits_for_every_cache_and_no_longer(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    process.clock.advance(seconds(5));
    let request = worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap();
    assert_eq!(request.public_since, START.after(seconds(5)));
    assert_eq!(request.signs_from, START.after(seconds(15)));
    assert!(request.to_string().contains(&request.signs_from.iso_8601()), "{request}");

    worker.reconcile().await.unwrap();
    process.clock.advance(seconds(9));
    assert_eq!(worker.rotation().request_rotation(Algorithm::EdDsa, "bob").await.unwrap(), request);
    worker.reconcile().await.unwrap();
    assert_ne!(signing(&worker.keyring()), Some(request.kid.to_string()));
    assert!(public(&worker.keyring()).contains(&request.kid.to_string()));

    process.clock.advance(seconds(1));
    worker.reconcile().await.unwrap();
    assert_eq!(signing(&worker.keyring()), Some(request.kid.to_string()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoke_takes_a_key_away_at_once_and_another_signs(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let worker = Process::new(&open(url).await, 1).start().await.unwrap();
    let keyring = worker.keyring();
    // Without a successor in waiting, then with one.
    for waiting in [false, true] {
        let before = keyring.signer().unwrap().kid.clone();
        let pending = if waiting {
            Some(worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap().kid)
        } else {
            None
        };
        let revoked =
            worker.rotation().revoke(&before, "alice", "laptop stolen", UnreadableKey::Refuse).await.unwrap();
        worker.reconcile().await.unwrap();
        assert_eq!(signing(&keyring), Some(revoked.signs_now.as_ref().unwrap().to_string()));
        assert!(!public(&keyring).contains(&before.to_string()));
        assert!(pending.is_none_or(|kid| Some(kid) == revoked.signs_now));
        assert_eq!(revoked.refused_from, START.after(contract().revocation_bound()));
        let history = worker.rotation().rows().history().await.unwrap();
        let tombstone = history.iter().find(|key| key.kid == before).unwrap();
        assert_eq!(
            (tombstone.state, tombstone.reason.as_deref()),
            (KeyState::Revoked, Some("laptop stolen"))
        );
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoke_of_a_pending_key_replaces_it_in_time(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let first = signing(&worker.keyring());
    process.clock.advance(seconds(55));
    worker.reconcile().await.unwrap();
    let pending = Kid::parse(&public(&worker.keyring())[0]).unwrap();
    let revoked =
        worker.rotation().revoke(&pending, "alice", "mistake", UnreadableKey::Refuse).await.unwrap();
    assert_eq!(Some(revoked.signs_now.as_ref().unwrap().to_string()), first);

    worker.reconcile().await.unwrap();
    process.clock.advance(seconds(9));
    worker.reconcile().await.unwrap();
    assert_eq!(signing(&worker.keyring()), first, "the replacement has to be public for its lead");
    process.clock.advance(seconds(1));
    worker.reconcile().await.unwrap();
    assert_ne!(signing(&worker.keyring()), first);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoke_refuses_a_key_that_is_not_public(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let worker = Process::new(&open(url).await, 1).start().await.unwrap();
    let kid = worker.keyring().signer().unwrap().kid.clone();
    let revoke =
        async |kid: &Kid| worker.rotation().revoke(kid, "alice", "test", UnreadableKey::Refuse).await;
    revoke(&kid).await.unwrap();
    for kid in [kid, Kid::parse("never-made").unwrap()] {
        assert!(matches!(revoke(&kid).await, Err(rotation::Error::UnknownKey(unknown)) if unknown == kid));
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record_says_who_did_what_and_why(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let first = worker.keyring().signer().unwrap().kid.clone();
    let second = worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap().kid;
    worker.rotation().revoke(&first, "bob", "laptop stolen", UnreadableKey::Refuse).await.unwrap();

    let mut events: Vec<(String, &str, String, Option<String>)> = Vec::new();
    for event in worker.rotation().rows().events().await.unwrap() {
        assert_eq!(event.at, START);
        let who = if event.kid == first { "first" } else { "second" };
        assert!(event.kid == first || event.kid == second);
        events.push((who.to_owned(), event.event.name(), event.actor, event.reason));
    }
    let expected = [
        ("first", "activated", "rotation", None),
        ("first", "announced", "rotation", None),
        ("second", "announced", "alice", None),
        ("second", "requested", "alice", None),
        ("first", "revoked", "bob", Some("laptop stolen")),
        ("second", "activated", "bob", None),
    ]
    .map(|(who, what, actor, why)| (who.to_owned(), what, actor.to_owned(), why.map(str::to_owned)));
    events.sort_by_key(|event| expected.iter().position(|known| known == event));
    assert_eq!(events, expected);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotate_now_costs_no_token_that_exists(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let keyring = worker.keyring();
    // Without a successor in waiting, then with one that has waited for 4 s.
    for waited in [None, Some(seconds(4))] {
        let before = signing(&keyring).unwrap();
        let pending = match waited {
            None => None,
            Some(waited) => {
                let pending =
                    worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap().kid;
                process.clock.advance(waited);
                Some(pending)
            }
        };
        let why = Some("the laptop may be lost".to_owned());
        let hurried = worker
            .rotation()
            .rotate_now(Algorithm::EdDsa, Order { by: "alice".to_owned(), why })
            .await
            .unwrap();
        worker.reconcile().await.unwrap();
        assert_eq!(signing(&keyring), Some(hurried.kid.to_string()));
        assert!(pending.is_none_or(|kid| kid == hurried.kid));
        assert!(public(&keyring).contains(&before), "tokens of the key before it live");
        let now = process.clock.now();
        assert_eq!(hurried.known_from, now.after(contract().lead() - waited.unwrap_or_default()));
        let (retired, until) = hurried.retired.clone().unwrap();
        assert_eq!((retired.to_string(), until), (before, now.after(contract().retain())));
        assert!(
            hurried.to_string().contains(&hurried.known_from.iso_8601()),
            "the cost is stated: {hurried}"
        );
    }
    let events = worker.rotation().rows().events().await.unwrap();
    let hurried = events.iter().filter(|event| event.actor == "alice" && event.event == Event::Activated);
    let reasons: Vec<_> = hurried.map(|event| event.reason.as_deref()).collect();
    assert_eq!(reasons, [Some("the laptop may be lost"); 2]);
}
