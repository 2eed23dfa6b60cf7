//! Clocks that leap, databases that are away, and processes that were: keys keep what was promised.

use rstest::rstest;
use signet_verify::clock::Clock;
use signet_verify::crypto::Algorithm;

use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};

use super::support::{Process, START, contract, open, public, seconds, signing};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_lets_no_key_sign_before_caches_know_it_when_a_clock_leaps_ahead(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let first = signing(&worker.keyring());
    let pending = worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap().kid;
    worker.reconcile().await.unwrap();

    process.clock.set_wall(START.after(seconds(86_400 * 365)));
    process.clock.advance(seconds(9));
    worker.reconcile().await.unwrap();
    assert_eq!(signing(&worker.keyring()), first);
    process.clock.advance(seconds(1));
    worker.reconcile().await.unwrap();
    assert_eq!(signing(&worker.keyring()), Some(pending.to_string()));

    // Back again: the keys of that future are young, and nothing is lost.
    process.clock.set_wall(START);
    worker.reconcile().await.unwrap();
    assert_eq!(signing(&worker.keyring()), Some(pending.to_string()));
    assert_eq!(public(&worker.keyring()).len(), 2);
    assert!(worker.keyring().health().ahead > seconds(86_400 * 364));

    // Time would bring no rotation for a year, but an operator can.
    process.clock.advance(seconds(3600));
    worker.reconcile().await.unwrap();
    let next = worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap();
    assert_eq!(next.signs_from, process.clock.now().after(contract().lead()));
    worker.reconcile().await.unwrap();
    process.clock.advance(contract().lead());
    worker.reconcile().await.unwrap();
    assert_eq!(signing(&worker.keyring()), Some(next.kid.to_string()));
    assert_eq!(worker.keyring().health().ahead, seconds(0));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_without_a_database_keeps_the_keys_and_ends_tokens_in_time(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let keyring = worker.keyring();
    process.clock.advance(seconds(50));
    worker.reconcile().await.unwrap();
    process.clock.advance(seconds(10));
    worker.reconcile().await.unwrap();
    assert_eq!(public(&keyring).len(), 2, "one signs, one retires until 73 s");
    let ttl = contract().token_ttl();

    process.database.close().await;
    assert!(worker.reconcile().await.is_err());
    assert_eq!(keyring.max_age(process.clock.now()), seconds(4));
    assert_eq!(keyring.signer().unwrap().latest_exp, process.clock.now().after(ttl));

    // Another process may retire the key meanwhile: tokens get shorter, until none is signed at all.
    process.clock.advance(seconds(6));
    assert_eq!(keyring.signer().unwrap().latest_exp, process.clock.now().after(seconds(5)));
    assert_eq!(keyring.max_age(process.clock.now()), seconds(1));
    process.clock.advance(seconds(6));
    assert_eq!(signing(&keyring), None);
    assert_eq!(public(&keyring).len(), 2);

    // Time goes on for the key set: what was retired leaves it, what signs stays.
    process.clock.advance(seconds(1));
    assert!(worker.reconcile().await.is_err());
    assert_eq!(public(&keyring).len(), 1);
    process.clock.advance(seconds(3600));
    assert!(worker.reconcile().await.is_err());
    assert_eq!(public(&keyring).len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_takes_no_key_from_tokens_that_live_when_a_clock_leaps_ahead(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let first = signing(&worker.keyring()).unwrap();
    for at in [50, 60] {
        process.clock.advance(seconds(at) - process.clock.monotonic());
        worker.reconcile().await.unwrap();
    }
    assert_ne!(signing(&worker.keyring()).unwrap(), first, "it retires now, and is public until 73 s");

    process.clock.set_wall(process.clock.now().after(seconds(3600)));
    worker.reconcile().await.unwrap();
    assert!(public(&worker.keyring()).contains(&first), "its last tokens live, whatever the clock says");
    process.clock.advance(seconds(12));
    worker.reconcile().await.unwrap();
    assert!(public(&worker.keyring()).contains(&first));
    process.clock.advance(seconds(1));
    worker.reconcile().await.unwrap();
    assert!(!public(&worker.keyring()).contains(&first), "after its time by the monotonic clock");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_after_an_absence_lets_caches_catch_up_before_the_next_key_signs(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let first = signing(&worker.keyring());
    let pending =
        worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap().kid.to_string();
    drop(worker);
    // No process served the new key meanwhile; shared caches went on handing out the old set.
    process.clock.advance(seconds(3600));
    let worker = process.start().await.unwrap();
    assert_eq!(signing(&worker.keyring()), first);
    assert!(public(&worker.keyring()).contains(&pending));
    process.clock.advance(contract().refresh() - seconds(1));
    worker.reconcile().await.unwrap();
    assert_eq!(signing(&worker.keyring()), first);
    process.clock.advance(seconds(1));
    worker.reconcile().await.unwrap();
    assert_eq!(signing(&worker.keyring()), Some(pending));
}
