//! Promises about keys in a database, each held on SQLite and on PostgreSQL.

use std::sync::Arc;
use std::task::Poll;

use rstest::rstest;
use signet::keys::commands::UnreadableKey;
use signet::keys::key_formats::{self, ImportedKey};
use signet::keys::repository::{KeyRepository, RepositoryError};
use signet::keys::rotation::{Order, RotationError};
use signet::keys::selection::Selection;
use signet::model::key_rows::{KeyEvent, KeyRow, Snapshot, Version};
use signet::model::signing_key::{Event, ImportAs, KeyRecord, KeyState};
use signet::store::Database;
use signet::store::keys::Keys;
use signet::vault::Sealed;
use signet_verify::clock::{Clock, ManualClock};
use signet_verify::crypto::SigningKey;
use signet_verify::crypto::{Algorithm, PrivateKey};
use signet_verify::jose::jwk::{Kid, thumbprint};

use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};

use super::support::{Process, START, contract, contract_of, open, public, seconds, signing};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_makes_one_key_that_signs_and_is_public(#[values(Sqlite, Postgres)] database: Dialect) {
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
async fn a_restart_goes_on_with_the_same_key(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let first = Process::new(&open(url).await, 1).start().await.unwrap().keyring();
    let second = Process::new(&open(url).await, 2).start().await.unwrap().keyring();
    assert_eq!(signing(&first), signing(&second));
    assert_eq!(first.published().etag, second.published().etag);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_first_starts_at_once_make_one_key(#[values(Sqlite, Postgres)] database: Dialect) {
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
async fn a_key_lives_exactly_as_the_contract_says(#[values(Sqlite, Postgres)] database: Dialect) {
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
async fn a_restart_with_other_settings_keeps_what_was_promised(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
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
async fn a_private_half_is_dropped_as_soon_as_it_signs_no_more(
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
async fn a_requested_rotation_waits_for_every_cache_and_no_longer(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
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
async fn every_process_follows_what_another_one_wrote(#[values(Sqlite, Postgres)] database: Dialect) {
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

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_gone_at_once_and_another_signs(#[values(Sqlite, Postgres)] database: Dialect) {
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
async fn a_revoked_pending_key_is_replaced_in_time(#[values(Sqlite, Postgres)] database: Dialect) {
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
async fn a_key_that_is_not_public_cannot_be_revoked(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let worker = Process::new(&open(url).await, 1).start().await.unwrap();
    let kid = worker.keyring().signer().unwrap().kid.clone();
    let revoke =
        async |kid: &Kid| worker.rotation().revoke(kid, "alice", "test", UnreadableKey::Refuse).await;
    revoke(&kid).await.unwrap();
    for kid in [kid, Kid::parse("never-made").unwrap()] {
        assert!(matches!(revoke(&kid).await, Err(RotationError::UnknownKey(unknown)) if unknown == kid));
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_master_key_stops_the_start_with_a_sentence_that_helps(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let database = open(url).await;
    let first = Process::new(&database, 1).start().await.unwrap().keyring().signer().unwrap().kid.clone();
    let stranger = Process::new(&database, 2).with_masters(&[2]);

    let fault = stranger.start().await.unwrap_err().to_string();
    let (needed, have) = (super::support::master(1).fingerprint(), super::support::master(2).fingerprint());
    for part in
        [first.as_ref(), &needed, &have, "SIGNET_MASTER_KEY", "SIGNET_MASTER_KEYS_OLD", "signet keys revoke"]
    {
        assert!(fault.contains(part), "{part} is missing: {fault}");
    }
    // Neither does it make keys that the others cannot open.
    assert!(matches!(
        stranger.rotation().request_rotation(Algorithm::EdDsa, "eve").await,
        Err(RotationError::ActiveSealed { .. })
    ));
    let refused = stranger.rotation().revoke(&first, "eve", "test", UnreadableKey::Refuse).await;
    assert!(matches!(refused, Err(RotationError::ActiveSealed { .. })));
    stranger.clock.advance(seconds(3600));
    stranger.rotation().reconcile().await.unwrap();
    assert_eq!(Keys::new(database.clone()).history().await.unwrap().len(), 1);

    // The master key is lost: the way out that the sentence names.
    let revoked =
        stranger.rotation().revoke(&first, "alice", "master key lost", UnreadableKey::Abandon).await.unwrap();
    let keyring = stranger.start().await.unwrap().keyring();
    assert_eq!(public(&keyring), [revoked.signs_now.as_ref().unwrap().to_string()]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_master_key_still_opens_and_a_rewrap_makes_it_needless(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let database = open(url).await;
    let worker = Process::new(&database, 1).start().await.unwrap();
    let first = signing(&worker.keyring());
    worker.rotation().request_rotation(Algorithm::EdDsa, "alice").await.unwrap();

    let changed = Process::new(&database, 2).with_masters(&[2, 1]);
    assert_eq!(signing(&changed.start().await.unwrap().keyring()), first);
    let trial = changed.rotation().rewrap("alice", true).await.unwrap();
    assert_eq!((trial.rewrapped.len(), trial.current.len(), trial.unreadable.len()), (2, 0, 0));
    let alone = Process::new(&database, 3).with_masters(&[2]);
    assert!(alone.start().await.is_err(), "a dry run writes nothing");

    assert_eq!(changed.rotation().rewrap("alice", false).await.unwrap(), trial);
    assert_eq!(signing(&alone.start().await.unwrap().keyring()), first);
    let again = changed.rotation().rewrap("alice", false).await.unwrap();
    assert_eq!((again.rewrapped.len(), again.current.len()), (0, 2));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_cannot_be_opened_harms_no_other(#[values(Sqlite, Postgres)] database: Dialect) {
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
    assert!(unreadable[0].why.contains(&super::support::master(2).fingerprint()), "{unreadable:?}");
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

/// A row in `state` that no vault has sealed.
fn row(number: u8, state: KeyState) -> KeyRow {
    let public = SigningKey::from_seed(&[number; 32]).unwrap().public().clone();
    let since = |states: &[KeyState]| states.contains(&state).then_some(START);
    use KeyState::{Active, Removed, Retiring, Revoked};
    let record = KeyRecord {
        state,
        requested_at: since(&[KeyState::Pending]),
        activated_at: since(&[Active, Retiring, Removed]),
        retired_at: since(&[Retiring, Removed]),
        removed_at: since(&[Removed]),
        revoked_at: since(&[Revoked]),
        reason: (state == Revoked).then(|| "test".to_owned()),
        ..KeyRecord::announced(thumbprint(&public), public.clone(), &contract(), START)
    };
    let sealed = state.signs().then(|| Sealed { bytes: vec![number; 61], master_key: "00000000".to_owned() });
    KeyRow { record, sealed }
}

fn announced(row: &KeyRow) -> KeyEvent {
    let kid = row.record.kid.clone();
    KeyEvent { at: START, kid, event: Event::Announced, actor: "test".to_owned(), reason: None }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_on_top_of_a_passed_version_changes_nothing(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let keys = Keys::new(open(url).await);
    let seen = keys.live().await.unwrap().version;
    keys.write(seen, &[row(1, KeyState::Active)], &[]).await.unwrap();
    let outcome =
        keys.write(seen, &[row(2, KeyState::Pending)], &[announced(&row(2, KeyState::Pending))]).await;
    assert!(matches!(outcome, Err(RepositoryError::Stale)), "{outcome:?}");
    let Snapshot { version, keys: rows } = keys.live().await.unwrap();
    assert_eq!((version, rows), (Version(seen.0 + 1), vec![row(1, KeyState::Active)]));
    assert!(keys.events().await.unwrap().is_empty());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_half_way_leaves_nothing(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let keys = Keys::new(open(url).await);
    let before = keys.live().await.unwrap().version;
    // The second active key is refused after the first one was written.
    let rows = [row(1, KeyState::Active), row(2, KeyState::Active)];
    assert!(matches!(keys.write(before, &rows, &[]).await, Err(RepositoryError::Database(_))));
    let Snapshot { version, keys: rows } = keys.live().await.unwrap();
    assert_eq!((version, rows), (before, vec![]));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_cut_off_anywhere_leaves_all_or_nothing(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    // One connection: the next write waits until the one that was cut off has come to its end.
    let database = Database::open(url, 1).await.unwrap();
    database.migrate().await.unwrap();
    let keys = Keys::new(database);
    let mut finished = 0;
    let mut cut_off = 0;
    // Which statement the n-th poll meets depends on how fast the database answers; 60 are enough to end the write.
    for polls in 1..=60 {
        let Snapshot { version, keys: before } = keys.live().await.unwrap();
        // Each write replaces the active key, so every one of them has three rows to change.
        let next = row(u8::try_from(polls).unwrap(), KeyState::Active);
        let mut rows: Vec<KeyRow> = before.iter().map(|old| KeyRow { sealed: None, ..old.clone() }).collect();
        for old in &mut rows {
            old.record.state = KeyState::Removed;
            old.record.retired_at = Some(START);
            old.record.removed_at = Some(START);
        }
        rows.push(next.clone());
        let events = [announced(&next)];
        let mut write = Box::pin(keys.write(version, &rows, &events));
        let mut left = polls;
        let outcome = std::future::poll_fn(|context| {
            left -= 1;
            match write.as_mut().poll(context) {
                Poll::Pending if left > 0 => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            }
        })
        .await;
        drop(write);
        let too_late = keys.write(Version(version.0 + 1000), &rows, &[]).await;
        assert!(matches!(too_late, Err(RepositoryError::Stale)), "{too_late:?}");
        let after = keys.live().await.unwrap();
        let recorded = keys.events().await.unwrap().iter().any(|event| event.kid == next.record.kid);
        match outcome {
            Some(outcome) => {
                outcome.unwrap();
                assert_eq!(
                    (after.version, &after.keys, recorded),
                    (Version(version.0 + 1), &vec![next], true)
                );
                finished += 1;
            }
            // Cut off in the commit itself, it may have come through; never in part.
            None if after.version == version => {
                assert_eq!((&after.keys, recorded), (&before, false));
                cut_off += 1;
            }
            None => assert_eq!(
                (after.version, &after.keys, recorded),
                (Version(version.0 + 1), &vec![next], true)
            ),
        }
    }
    assert!(finished > 0 && cut_off > 0, "{finished} finished, {cut_off} cut off");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tombstone_is_final(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let keys = Keys::new(open(url).await);
    let tombstones = [row(1, KeyState::Revoked), row(2, KeyState::Removed)];
    keys.write(Version(0), &tombstones, &[]).await.unwrap();
    for number in [1, 2] {
        assert!(
            keys.write(Version(1), &[row(number, KeyState::Pending)], &[]).await.is_err(),
            "key {number}"
        );
    }
    assert_eq!(keys.live().await.unwrap().keys, []);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_itself_refuses_a_second_active_or_pending_key(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let keys = Keys::new(open(url).await);
    keys.write(Version(0), &[row(1, KeyState::Active), row(2, KeyState::Pending)], &[]).await.unwrap();
    for state in [KeyState::Active, KeyState::Pending] {
        assert!(keys.write(Version(1), &[row(3, state)], &[]).await.is_err(), "{state:?}");
    }
    // A private half is there exactly while it is needed.
    for state in [KeyState::Pending, KeyState::Retiring] {
        let mut wrong = row(4, state);
        wrong.sealed = if state.signs() { None } else { row(4, KeyState::Active).sealed };
        assert!(keys.write(Version(1), &[wrong], &[]).await.is_err(), "{state:?}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_read_as_they_were_written(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    use KeyState::{Active, Pending, Removed, Retiring, Revoked};
    let keys = Keys::new(open(url).await);
    let rows: Vec<KeyRow> = (1..)
        .zip([Pending, Active, Retiring, Removed, Revoked])
        .map(|(number, state)| row(number, state))
        .collect();
    keys.write(Version(0), &rows, &[]).await.unwrap();
    let by_kid = |mut rows: Vec<KeyRecord>| {
        rows.sort_by(|a, b| a.kid.cmp(&b.kid));
        rows
    };
    let written: Vec<KeyRecord> = rows.iter().map(|row| row.record.clone()).collect();
    assert_eq!(by_kid(keys.history().await.unwrap()), by_kid(written));
    let live = keys.live().await.unwrap().keys;
    assert_eq!(live.len(), 3);
    assert!(live.iter().all(|row| rows.contains(row)));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_leaps_ahead_makes_no_key_sign_before_caches_know_it(
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
async fn without_a_database_keys_are_served_and_tokens_end_in_time(
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
async fn the_record_says_who_did_what_and_why(#[values(Sqlite, Postgres)] database: Dialect) {
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
async fn a_clock_that_leaps_ahead_takes_no_key_from_tokens_that_live(
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
    assert!(!public(&worker.keyring()).contains(&first), "after its time by a clock that nobody can set");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_cannot_wait_costs_no_token_that_exists(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
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

/// A key that somebody else has made.
fn foreign(number: u8, kid: &str) -> ImportedKey {
    let public = SigningKey::from_seed(&[number; 32]).unwrap().public().clone();
    let private = Some(PrivateKey::ed25519([number; 32]));
    ImportedKey { kid: Kid::parse(kid).unwrap(), public, private }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_key_waits_for_its_lead_like_any_other(#[values(Sqlite, Postgres)] database: Dialect) {
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
    assert!(matches!(another, Err(RotationError::SuccessorWaits(kid)) if kid == key.kid));
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
async fn the_first_key_of_a_deployment_may_come_from_elsewhere(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
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
async fn a_key_for_verifying_only_is_public_as_long_as_its_tokens_live(
    #[values(Sqlite, Postgres)] database: Dialect,
) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let process = Process::new(&open(url).await, 1);
    let worker = process.start().await.unwrap();
    let key = ImportedKey { private: None, ..foreign(77, "theirs") };
    let refused = worker.rotation().import(&key, ImportAs::Successor, "alice").await;
    assert!(matches!(refused, Err(RotationError::NoPrivateHalf(_))));
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
async fn what_is_gone_cannot_be_imported_again(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let worker = Process::new(&open(url).await, 1).start().await.unwrap();
    let key = foreign(77, "theirs");
    worker.rotation().import(&key, ImportAs::Successor, "alice").await.unwrap();
    worker.rotation().revoke(&key.kid, "alice", "leaked", UnreadableKey::Refuse).await.unwrap();
    // Neither under its name, nor under another one, nor another key under its name.
    for again in [key.clone(), foreign(77, "renamed"), foreign(79, "theirs")] {
        for import_as in [ImportAs::Successor, ImportAs::VerifyOnly { retain: seconds(60) }] {
            let fault = worker.rotation().import(&again, import_as, "alice").await.unwrap_err();
            let known = matches!(&fault, RotationError::KnownKey { kid, state: KeyState::Revoked } if *kid == key.kid);
            assert!(known, "{fault}");
        }
    }
    worker.reconcile().await.unwrap();
    assert_eq!(public(&worker.keyring()).len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_key_moves_to_whoever_has_its_master_key(#[values(Sqlite, Postgres)] database: Dialect) {
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
    let fault = key_formats::read(&document, None, there(&[2]).vault()).unwrap_err().to_string();
    assert!(fault.contains(&super::support::master(1).fingerprint()), "{fault}");
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

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_away_lets_caches_catch_up_before_the_next_key_signs(
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
    // Nobody served the new key meanwhile; shared caches went on handing out the old set.
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
