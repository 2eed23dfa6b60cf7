//! Keys that come from elsewhere, and our own that move there.

use rstest::rstest;
use signet::keys::commands::UnreadableKey;
use signet::keys::key_formats::{self, ImportedKey};
use signet::keys::repository::KeyRepository;
use signet::keys::rotation;
use signet::keys::selection::Selection;
use signet::model::signing_key::{Event, ImportAs, KeyState};
use signet_verify::clock::Clock;
use signet_verify::crypto::{PrivateKey, SigningKey};
use signet_verify::jose::jwk::Kid;

use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};

use super::support::{Process, contract, open, public, seconds, signing};

/// A key that was made elsewhere.
fn foreign(number: u8, kid: &str) -> ImportedKey {
    let public = SigningKey::from_seed(&[number; 32]).unwrap().public().clone();
    let private = Some(PrivateKey::ed25519([number; 32]));
    ImportedKey { kid: Kid::parse(kid).unwrap(), public, private }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_lets_a_key_wait_for_its_lead_like_any_other(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let first = signing(&worker.keyring());
    let key = foreign(77, "theirs-1");
    process.clock.advance(seconds(1));
    let adopted = worker.rotation().import(&key, ImportAs::Successor, "alice").await.unwrap();
    assert!(adopted.to_string().contains("theirs-1"), "{adopted}");
    worker.reconcile().await.unwrap();
    assert_eq!(public(&worker.keyring())[0], "theirs-1");
    assert_eq!(signing(&worker.keyring()), first);

    let another = worker.rotation().import(&foreign(78, "theirs-2"), ImportAs::Successor, "alice").await;
    assert!(matches!(another, Err(rotation::Error::SuccessorWaits(kid)) if kid == key.kid));
    for at in [59, 60] {
        assert_eq!(signing(&worker.keyring()), first);
        process.clock.advance(seconds(at) - process.clock.monotonic());
        worker.reconcile().await.unwrap();
    }
    let signer = worker.keyring().signer().unwrap();
    assert_eq!((signer.kid.as_ref(), signer.key.public()), ("theirs-1", &key.public));
    let events = worker.rotation().rows().events().await.unwrap();
    let imported = events.iter().find(|event| event.event == Event::Imported).unwrap();
    assert_eq!((imported.kid.as_ref(), imported.actor.as_str()), ("theirs-1", "alice"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_may_bring_the_first_key_of_a_deployment(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    process.rotation().import(&foreign(77, "theirs"), ImportAs::Successor, "alice").await.unwrap();
    let keyring = process.start().await.unwrap().keyring();
    assert_eq!(signing(&keyring).as_deref(), Some("theirs"));
    assert_eq!(public(&keyring), ["theirs"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_for_verifying_only_makes_a_key_public_as_long_as_its_tokens_live(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let key = ImportedKey { private: None, ..foreign(77, "theirs") };
    let refused = worker.rotation().import(&key, ImportAs::Successor, "alice").await;
    assert!(matches!(refused, Err(rotation::Error::NoPrivateHalf(_))));
    let retain = contract().retain_for(seconds(300));
    assert_eq!(retain, contract().retain() + seconds(290));
    worker.rotation().import(&key, ImportAs::VerifyOnly { retain }, "alice").await.unwrap();
    for (later, is_public) in [(seconds(0), true), (retain - seconds(1), true), (seconds(1), false)] {
        process.clock.advance(later);
        worker.reconcile().await.unwrap();
        assert_eq!(public(&worker.keyring()).contains(&"theirs".to_owned()), is_public);
        assert_ne!(signing(&worker.keyring()).as_deref(), Some("theirs"));
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_refuses_what_is_gone(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let worker = Process::new(&open(url).await, 1).start().await.unwrap();
    let key = foreign(77, "theirs");
    worker.rotation().import(&key, ImportAs::Successor, "alice").await.unwrap();
    worker.rotation().revoke(&key.kid, "alice", "leaked", UnreadableKey::Refuse).await.unwrap();
    // Neither under its name, nor under another one, nor another key under its name.
    for again in [key.clone(), foreign(77, "renamed"), foreign(79, "theirs")] {
        for import_as in [ImportAs::Successor, ImportAs::VerifyOnly { retain: seconds(60) }] {
            let error = worker.rotation().import(&again, import_as, "alice").await.unwrap_err();
            let known = matches!(&error, rotation::Error::KnownKey { kid, state: KeyState::Revoked } if *kid == key.kid);
            assert!(known, "{error}");
        }
    }
    worker.reconcile().await.unwrap();
    assert_eq!(public(&worker.keyring()).len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn export_sealed_moves_a_key_to_whoever_has_its_master_key(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let database = open(url).await;
    let here = Process::new(&database, 1).start().await.unwrap();
    let document = here.rotation().export_sealed(&Selection::All).await.unwrap();
    let signer = here.keyring().signer().unwrap();
    let there = |masters: &[u8]| Process::new(&database, 2).with_masters(masters).rotation();

    let key = key_formats::read(&document, None, there(&[2, 1]).vault()).unwrap();
    assert_eq!((&key.kid, &key.public), (&signer.kid, signer.key.public()));
    assert_eq!(
        SigningKey::new(&key.private.unwrap(), &key.public).unwrap().sign(b"x"),
        signer.key.sign(b"x")
    );
    let error = key_formats::read(&document, None, there(&[2]).vault()).unwrap_err().to_string();
    assert!(error.contains(&super::support::master(1).fingerprint()), "{error}");
    // Bound to its name and its moment: nothing in the document can be changed.
    for (from, to) in [(signer.kid.as_ref(), "another"), ("\"created\": 1", "\"created\": 2")] {
        assert!(document.contains(from));
        assert!(key_formats::read(&document.replace(from, to), None, there(&[1]).vault()).is_err(), "{from}");
    }
    let listed = here.rotation().export_public(&Selection::All).await.unwrap();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["keys"][0]["kid"], signer.kid.as_ref());
    assert!(listed["keys"][0].get("d").is_none());
}
