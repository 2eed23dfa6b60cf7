//! The rows of sessions and of their revocations.

use std::sync::Arc;

use rstest::rstest;
use signet::store::{Database, Error, SessionFilter};
use tokio::sync::Notify;

use super::support::*;

async fn end(database: &Database, user_id: &str, filter: SessionFilter<'_>) -> Vec<String> {
    let ended = database.write(|unit| async move { unit.sessions().end(user_id, filter, ENDING).await });
    let mut ids: Vec<String> = ended.await.unwrap().into_iter().map(|revoked| revoked.session_id).collect();
    ids.sort();
    ids
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_token_hash_finds_a_session_with_its_user(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 1).await;
    let sessions = fresh.database.sessions();
    assert_eq!(sessions.by_token_hash(&[1; 32]).await.unwrap().unwrap(), (session("ada", 1), ada));
    assert!(sessions.by_token_hash(&[2; 32]).await.unwrap().is_none());
    let again = sessions.insert(&session("ada", 2), &[1; 32]).await;
    assert!(is_conflict(&again), "a token opens one session: {again:?}");
    let orphan = sessions.insert(&session("nobody", 3), &[3; 32]).await;
    assert!(matches!(orphan, Err(Error::ForeignKeyViolation)), "{orphan:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_user_lists_oldest_first_without_those_that_ended(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 5).await;
    fresh.sign_up("bob", 6).await;
    fresh.open_sessions("ada", [3, 9, 7]).await;
    end(&fresh.database, &ada.id, SessionFilter::Id("session-7")).await;
    let ids = async |now| {
        let sessions = fresh.database.sessions().of_user("user-ada", now).await.unwrap();
        sessions.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(START).await, ["session-3", "session-5", "session-9"]);
    assert!(ids(START.after(60 * MINUTE)).await.is_empty(), "they have expired");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extend_moves_an_expiry_unless_the_session_has_ended(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 1).await;
    let sessions = fresh.database.sessions();
    let (later, now) = (START.after(90 * MINUTE), START.after(MINUTE));
    assert!(sessions.extend("session-1", later, now).await.unwrap());
    let (session, _) = sessions.by_token_hash(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((session.expires_at, session.updated_at), (later, now));
    end(&fresh.database, &ada.id, SessionFilter::All).await;
    assert!(!sessions.extend("session-1", later, now).await.unwrap());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_ends_what_was_named_and_leaves_revocations(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 1).await;
    fresh.sign_up("bob", 50).await;
    fresh.open_sessions("ada", 2..=6).await;
    let end = async |filter: SessionFilter<'_>| end(&fresh.database, &ada.id, filter).await;
    assert_eq!(end(SessionFilter::Id("session-2")).await, ["session-2"]);
    assert_eq!(end(SessionFilter::IdOrTokenHash("no id", &[3; 32])).await, ["session-3"]);
    assert!(end(SessionFilter::IdOrTokenHash("session-50", &[50; 32])).await.is_empty(), "another user's");
    assert!(end(SessionFilter::Id("session-50")).await.is_empty(), "another user's");
    assert_eq!(end(SessionFilter::IdOrTokenHash("session-6", &[99; 32])).await, ["session-6"]);
    assert_eq!(end(SessionFilter::AllBut("session-5")).await, ["session-1", "session-4"]);
    assert_eq!(end(SessionFilter::All).await, ["session-5"]);
    assert!(end(SessionFilter::All).await.is_empty(), "none is left");

    let sessions = fresh.database.sessions();
    let revoked = sessions.revoked(START).await.unwrap();
    assert_eq!(revoked.len(), 6);
    assert!(revoked.iter().all(|revoked| revoked.forget_at == ENDING.forget_at));
    assert!(sessions.revoked(ENDING.forget_at).await.unwrap().is_empty());
    assert!(sessions.by_token_hash(&[50; 32]).await.unwrap().is_some());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweep_takes_what_time_has_made_useless_and_no_more(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 1).await;
    fresh.open_sessions("ada", [2, 3]).await;
    let sessions = fresh.database.sessions();
    sessions.extend("session-3", START.after(120 * MINUTE), START).await.unwrap();
    end(&fresh.database, &ada.id, SessionFilter::Id("session-2")).await;
    assert_eq!(sessions.sweep(START).await.unwrap(), 0);
    assert_eq!(sessions.sweep(START.after(REMEMBERED)).await.unwrap(), 1, "the revocation");
    assert_eq!(sessions.sweep(START.after(60 * MINUTE)).await.unwrap(), 1, "the expired session");
    assert!(sessions.by_token_hash(&[3; 32]).await.unwrap().is_some());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn insert_proved_keeps_a_session_as_it_was_given_or_none(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let ada = fresh.sign_up("ada", 1).await;
    let sessions = fresh.database.sessions();
    assert!(sessions.insert_proved(&session("ada", 2), &[2; 32], HASH).await.unwrap());
    assert_eq!(sessions.by_token_hash(&[2; 32]).await.unwrap().unwrap(), (session("ada", 2), ada));
    assert!(!sessions.insert_proved(&session("ada", 3), &[3; 32], "another hash").await.unwrap());
    assert!(!sessions.insert_proved(&session("nobody", 3), &[3; 32], HASH).await.unwrap());
    assert!(sessions.by_token_hash(&[3; 32]).await.unwrap().is_none());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn insert_proved_waits_for_a_change_of_the_password_and_then_keeps_nothing(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    fresh.sign_up("ada", 1).await;
    let changed = Arc::new(Notify::new());
    let proved = tokio::spawn({
        let (sessions, changed) = (fresh.database.sessions(), changed.clone());
        async move {
            changed.notified().await;
            sessions.insert_proved(&session("ada", 2), &[2; 32], HASH).await
        }
    });
    let (fresh, changed) = (&fresh, &changed);
    let change = fresh.database.write(|unit| async move {
        unit.credentials().replace_password("user-ada", HASH, "hash two", START).await?;
        changed.notify_one();
        // The one connection that writes to SQLite is ours until the end.
        if fresh.kind == Postgres {
            fresh.until_a_lock_is_awaited().await;
        }
        unit.sessions().end("user-ada", SessionFilter::All, ENDING).await
    });
    assert_eq!(change.await.unwrap().len(), 1);
    assert!(!proved.await.unwrap().unwrap());
    assert!(fresh.database.sessions().of_user("user-ada", START).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn insert_proved_is_found_by_whoever_deletes_the_password_meanwhile(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    fresh.sign_up("ada", 1).await;
    let kept = Arc::new(Notify::new());
    let deleted = tokio::spawn({
        let (database, kept) = (fresh.database.clone(), kept.clone());
        async move {
            kept.notified().await;
            let ended = database.write(|unit| async move {
                unit.credentials().delete_of("user-ada").await?;
                let ended = unit.sessions().end("user-ada", SessionFilter::All, ENDING).await?;
                unit.users().delete("user-ada").await?;
                Ok::<_, Error>(ended)
            });
            ended.await.unwrap().len()
        }
    });
    let (fresh, kept) = (&fresh, &kept);
    let proved = fresh.database.write(|unit| async move {
        let proved = unit.sessions().insert_proved(&session("ada", 2), &[2; 32], HASH).await?;
        kept.notify_one();
        if fresh.kind == Postgres {
            fresh.until_a_lock_is_awaited().await;
        }
        Ok::<_, Error>(proved)
    });
    assert!(proved.await.unwrap());
    assert_eq!(deleted.await.unwrap(), 2, "both sessions leave a revocation");
}
