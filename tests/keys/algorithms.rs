//! One lifecycle for each algorithm, side by side: what is promised of one key is promised of each of them.

use std::sync::Arc;

use rstest::rstest;
use signet::keys::commands::{Rewrap, UnreadableKey};
use signet::keys::keyring::Keyring;
use signet::keys::repository::KeyRepository;
use signet::keys::rotation;
use signet::keys::selection::Selection;
use signet::model::contract::Contract;
use signet::model::signing_key::{ImportAs, KeyState};
use signet::store::keys::Keys;
use signet_verify::clock::{Clock, ManualClock};
use signet_verify::crypto::Algorithm::{self, EdDsa, Es256, Rs256};
use signet_verify::crypto::SigningKey;

use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};

use super::support::{Process, START, contract_for, open, public, seconds, signing};

/// The usual spans for a list such as `EdDSA,ES256`.
fn contract(list: &str) -> Contract {
    contract_for(60, 4, 10, list.parse().unwrap())
}

fn signs(keyring: &Keyring, algorithm: Algorithm) -> Option<String> {
    keyring.signer_for(algorithm).map(|signer| signer.kid.to_string())
}

/// Who signs with each of the three.
fn signers(keyring: &Keyring) -> [Option<String>; 3] {
    [EdDsa, Es256, Rs256].map(|algorithm| signs(keyring, algorithm))
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_makes_a_key_of_each_algorithm_that_signs_at_once(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let process = Process::new(&open(&fresh.url).await, 1).with_contract(contract("EdDSA,ES256,RS256"));
    let keyring = process.start().await.unwrap().keyring();
    let mut kids = Vec::new();
    for algorithm in [EdDsa, Es256, Rs256] {
        let signer = keyring.signer_for(algorithm).unwrap();
        assert_eq!(signer.key.public().algorithm(), algorithm);
        let signature = signer.key.sign(b"message").unwrap();
        let set = keyring.published().set.clone();
        assert!(set.get(signer.kid.as_ref()).unwrap().verify(b"message", &signature), "{algorithm}");
        kids.push(signer.kid.to_string());
    }
    assert_eq!(public(&keyring), kids, "in the order of the algorithms");
    assert_eq!(signing(&keyring), signs(&keyring, EdDsa));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotate_now_before_the_first_start_names_the_key_of_the_algorithm_that_was_asked_for(
    #[values(EdDsa, Es256, Rs256)] algorithm: Algorithm,
) {
    let Some(fresh) = Sqlite.fresh().await else { return };
    let process = Process::new(&open(&fresh.url).await, 1).with_contract(contract("EdDSA,ES256,RS256"));
    let rotated = process.rotation().rotate_now(algorithm, "alice").await.unwrap();
    let rows = process.rotation().rows().history().await.unwrap();
    let active: Vec<_> = rows.iter().filter(|key| key.state == KeyState::Active).collect();
    assert_eq!(active.len(), 3, "all of them begin at once");
    let ours = active.iter().find(|key| key.algorithm() == algorithm).unwrap();
    assert_eq!((&rotated.kid, rotated.algorithm), (&ours.kid, algorithm));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_takes_the_keys_of_each_algorithm_through_their_lives(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let process = Process::new(&open(&fresh.url).await, 1).with_contract(contract("EdDSA,ES256,RS256"));
    let worker = process.start().await.unwrap();
    let first = signers(&worker.keyring());
    for (at, keys, first_sign) in
        [(49, 3, true), (50, 6, true), (59, 6, true), (60, 6, false), (73, 3, false)]
    {
        process.clock.advance(seconds(at) - process.clock.monotonic());
        worker.reconcile().await.unwrap();
        assert_eq!(public(&worker.keyring()).len(), keys, "after {at} s");
        for (now, first) in signers(&worker.keyring()).iter().zip(&first) {
            assert_eq!(now == first, first_sign, "after {at} s");
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotate_and_revoke_of_one_algorithm_leave_the_others_alone(
    #[values(Sqlite, Postgres)] database: Dialect,
    #[values(EdDsa, Es256, Rs256)] algorithm: Algorithm,
) {
    let Some(fresh) = database.fresh().await else { return };
    let process = Process::new(&open(&fresh.url).await, 1).with_contract(contract("EdDSA,ES256,RS256"));
    let worker = process.start().await.unwrap();
    let keyring = worker.keyring();
    let others = || {
        let others = [EdDsa, Es256, Rs256].into_iter().filter(|other| *other != algorithm);
        others.map(|other| signs(&keyring, other)).collect::<Vec<_>>()
    };
    let (first, before) = (signs(&keyring, algorithm), others());

    let request = worker.rotation().request_rotation(algorithm, "alice").await.unwrap();
    assert_eq!((request.algorithm, request.signs_from), (algorithm, START.after(seconds(10))));
    worker.reconcile().await.unwrap();
    process.clock.advance(seconds(9));
    worker.reconcile().await.unwrap();
    assert_eq!(signs(&keyring, algorithm), first);
    process.clock.advance(seconds(1));
    worker.reconcile().await.unwrap();
    assert_eq!(signs(&keyring, algorithm), Some(request.kid.to_string()));

    let revoked =
        worker.rotation().revoke(&request.kid, "alice", "lost", UnreadableKey::Refuse).await.unwrap();
    worker.reconcile().await.unwrap();
    assert_eq!(signs(&keyring, algorithm), revoked.signs_now.map(|kid| kid.to_string()));
    assert!(!public(&keyring).contains(&request.kid.to_string()));
    assert_eq!(others(), before);
    let hurried = worker.rotation().rotate_now(algorithm, "alice").await.unwrap();
    worker.reconcile().await.unwrap();
    assert_eq!(signs(&keyring, algorithm), Some(hurried.kid.to_string()));
    assert_eq!(others(), before);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_with_a_further_algorithm_announces_it_for_its_lead(
    #[values(Sqlite, Postgres)] database: Dialect,
    #[values("EdDSA,ES256", "ES256,EdDSA", "ES256")] list: &str,
) {
    let Some(fresh) = database.fresh().await else { return };
    let database = open(&fresh.url).await;
    let clock = Arc::new(ManualClock::at(START));
    let before = Process::new(&database, 1).with_clock(&clock).start().await.unwrap();
    let eddsa = signing(&before.keyring()).unwrap();
    clock.advance(seconds(5));
    let process = Process::new(&database, 2).with_clock(&clock).with_contract(contract(list));
    let worker = process.start().await.unwrap();
    for later in [0, 9] {
        clock.advance(seconds(later));
        worker.reconcile().await.unwrap();
        assert_eq!(signing(&worker.keyring()).as_ref(), Some(&eddsa), "{list}: whoever signs goes on");
        assert_eq!(signs(&worker.keyring(), Es256), None, "{list}");
        assert_eq!(public(&worker.keyring()).len(), 2, "{list}");
    }
    clock.advance(seconds(1));
    worker.reconcile().await.unwrap();
    let es256 = signs(&worker.keyring(), Es256).unwrap();
    let first = if list.starts_with("ES256") { &es256 } else { &eddsa };
    assert_eq!(signing(&worker.keyring()).as_ref(), Some(first), "{list}");
    assert_eq!(signs(&worker.keyring(), EdDsa).as_ref(), Some(&eddsa), "{list}: each has a life of its own");

    // At 60 s the first key's time is up; where its algorithm is still wanted, a successor is there.
    for at in [50, 60, 73] {
        clock.advance(seconds(at) - clock.monotonic());
        worker.reconcile().await.unwrap();
    }
    let of_eddsa = Keys::new(database).history().await.unwrap();
    let of_eddsa = of_eddsa.iter().filter(|key| key.algorithm() == EdDsa);
    let states: Vec<KeyState> = of_eddsa.map(|key| key.state).collect();
    if list == "ES256" {
        assert_eq!(states, [KeyState::Removed]);
        assert_eq!(signing(&worker.keyring()), Some(es256));
    } else {
        assert_eq!(states.len(), 2);
        assert!(signs(&worker.keyring(), EdDsa).is_some_and(|kid| kid != eddsa), "{list}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_for_an_algorithm_that_is_not_configured_are_refused(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let database = open(&fresh.url).await;
    let all = Process::new(&database, 1).with_contract(contract("EdDSA,ES256")).start().await.unwrap();
    let es256 = all.keyring().signer_for(Es256).unwrap().kid.clone();
    let document = all.rotation().export_sealed(&Selection::Algorithm(Es256)).await.unwrap();
    let one = Process::new(&database, 2).start().await.unwrap();
    for error in [
        one.rotation().request_rotation(Es256, "alice").await.unwrap_err(),
        one.rotation().rotate_now(Es256, "alice").await.unwrap_err(),
    ] {
        assert!(matches!(error, rotation::Error::NotConfigured(Es256)), "{error}");
        assert!(error.to_string().contains("SIGNET_ALGORITHMS"), "{error}");
    }
    // A key that still signs can be revoked, and nothing takes its place.
    let revoked = one.rotation().revoke(&es256, "alice", "lost", UnreadableKey::Refuse).await.unwrap();
    assert_eq!(revoked.signs_now, None);
    one.reconcile().await.unwrap();
    assert_eq!(public(&one.keyring()).len(), 1);
    assert!(signing(&one.keyring()).is_some());

    // Nor may a key of it come from elsewhere, except to verify.
    let Some(elsewhere) = Sqlite.fresh().await else { return };
    let there = Process::new(&open(&elsewhere.url).await, 3).start().await.unwrap();
    let key = signet::keys::key_formats::read(&document, None, there.rotation().vault()).unwrap();
    let error = there.rotation().import(&key, ImportAs::Successor, "alice").await.unwrap_err();
    assert!(matches!(error, rotation::Error::NotConfigured(Es256)), "{error}");
    there.rotation().import(&key, ImportAs::VerifyOnly { retain: seconds(60) }, "alice").await.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn export_sealed_and_rewrap_take_the_keys_of_each_algorithm(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let Some(elsewhere) = database.fresh().await else { return };
    let here = open(&fresh.url).await;
    let worker = Process::new(&here, 1).with_contract(contract("EdDSA,ES256,RS256")).start().await.unwrap();
    let there = Process::new(&open(&elsewhere.url).await, 2).with_contract(contract("EdDSA,ES256,RS256"));
    for algorithm in [EdDsa, Es256, Rs256] {
        let signer = worker.keyring().signer_for(algorithm).unwrap();
        let document = worker.rotation().export_sealed(&Selection::Algorithm(algorithm)).await.unwrap();
        let rotation = there.rotation();
        let key = signet::keys::key_formats::read(&document, Some(algorithm), rotation.vault()).unwrap();
        assert_eq!((&key.kid, &key.public), (&signer.kid, signer.key.public()));
        let private = key.private.clone().unwrap();
        let signature = SigningKey::new(&private, &key.public).unwrap().sign(b"x").unwrap();
        assert!(signer.key.public().verify(b"x", &signature), "{algorithm}");
        // Named as another algorithm, it is none.
        let other = if algorithm == EdDsa { Es256 } else { EdDsa };
        let renamed = document.replace(algorithm.name(), other.name());
        assert!(signet::keys::key_formats::read(&renamed, None, rotation.vault()).is_err(), "{algorithm}");
        rotation.import(&key, ImportAs::Successor, "alice").await.unwrap();
    }
    assert_eq!(signers(&there.start().await.unwrap().keyring()), signers(&worker.keyring()));

    let changed = Process::new(&here, 3).with_masters(&[2, 1]).with_contract(contract("EdDSA,ES256,RS256"));
    let outcome = changed.rotation().rewrap("alice", Rewrap::Write).await.unwrap();
    assert_eq!((outcome.rewrapped.len(), outcome.current.len(), outcome.unreadable.len()), (3, 0, 0));
    let alone = Process::new(&here, 4).with_masters(&[2]).with_contract(contract("EdDSA,ES256,RS256"));
    assert_eq!(signers(&alone.start().await.unwrap().keyring()), signers(&worker.keyring()));
}
