//! The rows of the keys: whole writes on top of a version, and constraints that judge.

use std::task::Poll;

use rstest::rstest;
use signet::keys::repository::{self, KeyRepository};
use signet::model::key_rows::{KeyEvent, KeyRow, Snapshot, Version};
use signet::model::signing_key::{Event, KeyRecord, KeyState};
use signet::store::Database;
use signet::store::keys::Keys;
use signet::vault::Sealed;
use signet_verify::crypto::SigningKey;
use signet_verify::jose::jwk::thumbprint;

use crate::support::fresh_database::Dialect::{self, Postgres, Sqlite};

use super::support::{START, contract, open};

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
async fn write_on_top_of_a_passed_version_changes_nothing(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let keys = Keys::new(open(url).await);
    let seen = keys.live().await.unwrap().version;
    keys.write(seen, &[row(1, KeyState::Active)], &[]).await.unwrap();
    let outcome =
        keys.write(seen, &[row(2, KeyState::Pending)], &[announced(&row(2, KeyState::Pending))]).await;
    assert!(matches!(outcome, Err(repository::Error::Stale)), "{outcome:?}");
    let Snapshot { version, keys: rows } = keys.live().await.unwrap();
    assert_eq!((version, rows), (Version(seen.0 + 1), vec![row(1, KeyState::Active)]));
    assert!(keys.events().await.unwrap().is_empty());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_fails_half_way_leaves_nothing(#[values(Sqlite, Postgres)] database: Dialect) {
    let Some(fresh) = database.fresh().await else { return };
    let url = fresh.url.as_str();
    let keys = Keys::new(open(url).await);
    let before = keys.live().await.unwrap().version;
    // The second active key is refused after the first one was written.
    let rows = [row(1, KeyState::Active), row(2, KeyState::Active)];
    assert!(matches!(keys.write(before, &rows, &[]).await, Err(repository::Error::Database(_))));
    let Snapshot { version, keys: rows } = keys.live().await.unwrap();
    assert_eq!((version, rows), (before, vec![]));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_is_cut_off_anywhere_leaves_all_or_nothing(#[values(Sqlite, Postgres)] database: Dialect) {
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
        assert!(matches!(too_late, Err(repository::Error::Stale)), "{too_late:?}");
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
async fn write_never_changes_a_tombstone(#[values(Sqlite, Postgres)] database: Dialect) {
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
async fn write_of_a_second_active_or_pending_key_is_refused_by_the_database(
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
async fn read_gives_rows_as_they_were_written(#[values(Sqlite, Postgres)] database: Dialect) {
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
