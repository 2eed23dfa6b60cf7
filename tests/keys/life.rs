//! The life of a key in a database, from a first start on; each promise is held on SQLite and on PostgreSQL.

use std::sync::Arc;

use rstest::rstest;
use signet::keys::repository::KeyRepository;
use signet::model::signing_key::KeyState;
use signet::store::keys::Keys;
use signet_verify::clock::{Clock, ManualClock};
use signet_verify::crypto::Algorithm;
use signet_verify::jose::jwk::thumbprint;

use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};

use super::support::{Process, START, contract, contract_of, open, public, seconds, signing};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_makes_one_key_that_signs_and_is_public(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let keyring = Process::new(&open(url).await, 1).start().await.unwrap().keyring();
    let signer = keyring.signer().unwrap();
    let published = keyring.published();
    assert_eq!(published.set.get(signer.kid.as_ref()), Some(signer.key.public()));
    assert_eq!(signer.kid, thumbprint(signer.key.public()));
    assert_eq!(signer.latest_exp, START.after(contract().token_ttl()));

    let text = String::from_utf8(published.json.to_vec()).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys = document["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let members: Vec<&str> = keys[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["kty", "crv", "x", "kid", "alg", "use"]);
    assert!(published.etag.starts_with('"') && published.etag.ends_with('"') && published.etag.len() > 20);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_goes_on_with_the_same_key(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let first = Process::new(&open(url).await, 1).start().await.unwrap().keyring();
    let second = Process::new(&open(url).await, 2).start().await.unwrap().keyring();
    assert_eq!(signing(&first), signing(&second));
    assert_eq!(first.published().etag, second.published().etag);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_of_twenty_at_once_makes_one_key(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let database = open(url).await;
    let starts = (0..20).map(|seed| {
        let process = Process::new(&database, seed);
        tokio::spawn(async move { process.start().await.map(|worker| signing(&worker.keyring())) })
    });
    let mut signers = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        signers.push(start.await.unwrap().unwrap().unwrap());
    }
    signers.dedup();
    assert_eq!(signers.len(), 1);
    assert_eq!(Keys::new(database).history().await.unwrap().len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_takes_a_key_through_its_life_exactly_as_the_contract_says(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let keyring = worker.keyring();
    let first = signing(&keyring).unwrap();

    // seconds since the start: what is public, and whether the first key signs
    for (at, keys, first_signs) in
        [(49, 1, true), (50, 2, true), (59, 2, true), (60, 2, false), (72, 2, false), (73, 1, false)]
    {
        process.clock.advance(seconds(at) - process.clock.monotonic());
        worker.reconcile().await.unwrap();
        assert_eq!(public(&keyring).len(), keys, "after {at} s");
        assert_eq!(signing(&keyring).unwrap() == first, first_signs, "after {at} s");
        let announced = keyring.published().set.iter().next().map(|(kid, _)| kid.to_string());
        if at == 50 {
            assert_ne!(announced.as_deref(), Some(first.as_str()), "newest first");
        }
    }
    let states: Vec<KeyState> =
        worker.rotation().rows().history().await.unwrap().iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Active, KeyState::Removed]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_with_other_settings_keeps_what_was_promised(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let database = open(url).await;
    let clock = Arc::new(ManualClock::at(START));
    let start = async |seed, contract| {
        Process::new(&database, seed).with_clock(&clock).with_contract(contract).start().await.unwrap()
    };
    let (long, short) = (contract_of(600, 60, 900), contract());
    // Even if the long settings were in force for a moment only, caches and tokens of that moment live on.
    start(1, short).await;
    start(2, long).await;
    let worker = start(3, short).await;
    let first = signing(&worker.keyring()).unwrap();
    let request = worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap();
    assert_eq!(request.signs_from, START.after(long.lead()));

    for (later, first_signs, first_is_public) in [
        (long.lead() - seconds(1), true, true),
        (seconds(1), false, true),
        (long.retain() - seconds(1), false, true),
        (seconds(1), false, false),
    ] {
        clock.advance(later);
        worker.reconcile().await.unwrap();
        assert_eq!(signing(&worker.keyring()).unwrap() == first, first_signs, "{:?}", clock.monotonic());
        assert_eq!(public(&worker.keyring()).contains(&first), first_is_public, "{:?}", clock.monotonic());
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_drops_a_private_half_as_soon_as_it_signs_no_more(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    for _ in 0..2 {
        process.clock.advance(seconds(60));
        worker.reconcile().await.unwrap();
    }
    let rows = worker.rotation().rows().live().await.unwrap().keys;
    assert!(rows.iter().any(|row| row.record.state == KeyState::Retiring));
    for row in rows {
        assert_eq!(row.sealed.is_some(), row.record.state.signs(), "{:?}", row.record.state);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_follows_what_another_process_wrote(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let clock = Arc::new(ManualClock::at(START));
    let one = Process::new(&open(url).await, 1).with_clock(&clock).start().await.unwrap();
    let two = Process::new(&open(url).await, 2).with_clock(&clock).start().await.unwrap();
    let mut told = two.keyring().subscribe();
    assert!(!told.has_changed().unwrap());

    let request = one.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap();
    two.reconcile().await.unwrap();
    assert!(told.has_changed().unwrap());
    assert!(told.borrow_and_update().get(request.kid.as_ref()).is_some());

    clock.advance(contract().lead());
    two.reconcile().await.unwrap();
    one.reconcile().await.unwrap();
    for process in [&one, &two] {
        assert_eq!(signing(&process.keyring()), Some(request.kid.to_string()));
    }
    assert_eq!(public(&one.keyring()), public(&two.keyring()));
    assert_eq!(one.keyring().published().etag, two.keyring().published().etag);
    assert!(!told.has_changed().unwrap(), "who signs is nothing that verifiers have to be told");
}
