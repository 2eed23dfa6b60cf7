//! Private halves under master keys: the wrong one, an old one, and one that only some processes have.

use std::sync::Arc;

use rstest::rstest;
use signet::keys::commands::{Rewrap, UnreadableKey};
use signet::keys::repository::KeyRepository;
use signet::keys::rotation;
use signet::store::keys::Keys;
use signet_verify::clock::ManualClock;
use signet_verify::crypto::Algorithm;
use signet_verify::jose::jwk::Kid;

use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};

use super::support::{Process, START, master, open, public, seconds, signing};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_with_the_wrong_master_key_stops_with_a_sentence_that_helps(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let database = open(url).await;
    let first = Process::new(&database, 1).start().await.unwrap().keyring().signer().unwrap().kid.clone();
    let foreign = Process::new(&database, 2).with_masters(&[2]);

    let error = foreign.start().await.unwrap_err().to_string();
    let (needed, have) = (master(1).fingerprint(), master(2).fingerprint());
    for part in
        [first.as_ref(), &needed, &have, "SIGNET_MASTER_KEY", "SIGNET_MASTER_KEYS_OLD", "signet keys revoke"]
    {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
    // Neither does it make keys that the others cannot open.
    assert!(matches!(
        foreign.rotation().request_rotation(Algorithm::EdDsa, "eve").await,
        Err(rotation::Error::ActiveSealed { .. })
    ));
    let refused = foreign.rotation().revoke(&first, "eve", "test", UnreadableKey::Refuse).await;
    assert!(matches!(refused, Err(rotation::Error::ActiveSealed { .. })));
    foreign.clock.advance(seconds(3600));
    foreign.rotation().reconcile().await.unwrap();
    assert_eq!(Keys::new(database.clone()).history().await.unwrap().len(), 1);

    // The master key is lost: the way out that the sentence names.
    let revoked =
        foreign.rotation().revoke(&first, "alice", "master key lost", UnreadableKey::Abandon).await.unwrap();
    let keyring = foreign.start().await.unwrap().keyring();
    assert_eq!(public(&keyring), [revoked.signs_now.as_ref().unwrap().to_string()]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rewrap_makes_an_old_master_key_needless(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let database = open(url).await;
    let worker = Process::new(&database, 1).start().await.unwrap();
    let first = signing(&worker.keyring());
    worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap();

    let changed = Process::new(&database, 2).with_masters(&[2, 1]);
    assert_eq!(signing(&changed.start().await.unwrap().keyring()), first);
    let trial = changed.rotation().rewrap("alice", Rewrap::DryRun).await.unwrap();
    assert_eq!((trial.rewrapped.len(), trial.current.len(), trial.unreadable.len()), (2, 0, 0));
    let alone = Process::new(&database, 3).with_masters(&[2]);
    assert!(alone.start().await.is_err(), "a dry run writes nothing");

    assert_eq!(changed.rotation().rewrap("alice", Rewrap::Write).await.unwrap(), trial);
    assert_eq!(signing(&alone.start().await.unwrap().keyring()), first);
    let again = changed.rotation().rewrap("alice", Rewrap::Write).await.unwrap();
    assert_eq!((again.rewrapped.len(), again.current.len()), (0, 2));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_sees_at_once_that_a_private_half_was_sealed_anew(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let database = open(url).await;
    let clock = Arc::new(ManualClock::at(START));
    let behind = Process::new(&database, 1).with_clock(&clock).start().await.unwrap();
    let ahead = Process::new(&database, 2).with_masters(&[1, 2]).with_clock(&clock).start().await.unwrap();
    let first = signing(&behind.keyring());
    for worker in [&behind, &ahead] {
        worker.reconcile().await.unwrap();
        assert_eq!(signing(&worker.keyring()), first, "what was opened goes on");
    }
    Process::new(&database, 3).with_masters(&[2, 1]).rotation().rewrap("alice", Rewrap::Write).await.unwrap();
    for (worker, signs) in [(&behind, None), (&ahead, first.clone())] {
        worker.reconcile().await.unwrap();
        assert_eq!(
            signing(&worker.keyring()),
            signs,
            "it judges by the row of now, not by what it has opened"
        );
    }
    let unreadable = behind.keyring().health().unreadable;
    assert!(unreadable.len() == 1 && unreadable[0].why.contains(&master(2).fingerprint()), "{unreadable:?}");
    Process::new(&database, 4).with_masters(&[1, 2]).rotation().rewrap("alice", Rewrap::Write).await.unwrap();
    behind.reconcile().await.unwrap();
    assert_eq!(signing(&behind.keyring()), first, "and sees it back");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_lets_a_key_that_cannot_be_opened_harm_no_other(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let database = open(url).await;
    let clock = Arc::new(ManualClock::at(START));
    let behind = Process::new(&database, 1).with_clock(&clock).start().await.unwrap();
    let ahead = Process::new(&database, 2).with_masters(&[2, 1]).with_clock(&clock).start().await.unwrap();
    let first = signing(&behind.keyring());
    let pending = ahead.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap().kid;

    clock.advance(seconds(30));
    behind.reconcile().await.unwrap();
    assert_eq!(signing(&behind.keyring()), first, "it does not hand over to a key that it cannot open");
    assert!(public(&behind.keyring()).contains(&pending.to_string()));
    let unreadable = behind.keyring().health().unreadable;
    assert!(unreadable.len() == 1 && unreadable[0].kid == pending, "{unreadable:?}");
    assert!(unreadable[0].why.contains(&master(2).fingerprint()), "{unreadable:?}");
    let first = Kid::parse(&first.unwrap()).unwrap();
    behind.rotation().revoke(&first, "alice", "test", UnreadableKey::Refuse).await.unwrap();
    behind.reconcile().await.unwrap();
    let second = signing(&behind.keyring());
    assert!(second.is_some() && second != Some(pending.to_string()), "it makes one that it can open instead");

    // The other one hands over; the set stays right where nothing can be signed any more.
    ahead.reconcile().await.unwrap();
    clock.advance(seconds(30));
    ahead.reconcile().await.unwrap();
    assert_eq!(signing(&ahead.keyring()), Some(pending.to_string()));
    behind.reconcile().await.unwrap();
    assert_eq!(signing(&behind.keyring()), None);
    assert_eq!(public(&behind.keyring()), public(&ahead.keyring()));
}
