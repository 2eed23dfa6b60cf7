//! No statement and no unit outlasts the time limit, whatever it waits for.

use std::time::Duration;

use rstest::rstest;
use signet::keys::repository::KeyRepository;
use signet::model::key_rows::Version;
use signet::store::keys::Keys;
use signet::store::{Database, Error};
use sqlx::{AnyPool, Executor, Row};

use super::support::*;
use crate::support::wait::until;

/// Short enough to wait for.
const LIMIT: Duration = Duration::from_millis(300);

/// A lock that another transaction holds, until the transaction ends.
async fn locked(fresh: &Fresh, others: &AnyPool) -> sqlx::Transaction<'static, sqlx::Any> {
    match fresh.kind {
        Sqlite => others.begin_with("BEGIN IMMEDIATE").await.unwrap(),
        Postgres => {
            let mut transaction = others.begin().await.unwrap();
            let tables =
                "LOCK TABLE users, accounts, sessions, tasks, keyring, key_events IN ACCESS EXCLUSIVE MODE";
            transaction.execute(tables).await.unwrap();
            transaction
        }
    }
}

fn is_slow<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    assert!(matches!(outcome, Err(Error::Slow(LIMIT))), "{outcome:?}");
}

fn impatient(database: &Database) -> Database {
    database.clone().with_time_limit(LIMIT)
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_ends_when_another_transaction_holds_a_lock_and_leaves_nothing(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let (others, database) = (fresh.others().await, impatient(&fresh.database));
    let lock = locked(&fresh, &others).await;
    is_slow(sign_up(&database, &user("ada"), &session("ada", 1), &[1; 32]).await);
    is_slow(database.users().delete("user-ada").await);
    is_slow(Keys::new(database).write(Version(0), &[], &[]).await.map_err(store_error));
    lock.rollback().await.unwrap();
    assert!(fresh.database.credentials().by_email("ada@example.com").await.unwrap().is_none());
    fresh.sign_up("ada", 1).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_ends_when_its_work_never_does_and_lets_its_locks_go(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let database = impatient(&fresh.database);
    let hangs = database.write(|unit| async move {
        unit.users().insert(&user("ada")).await?;
        std::future::pending::<()>().await;
        Ok::<_, Error>(())
    });
    is_slow(hangs.await);
    // The same address, from another connection: it is free.
    fresh.sign_up("ada", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_ends_when_another_transaction_holds_a_lock() {
    // Readers of SQLite do not wait.
    let Some(fresh) = Fresh::open(Postgres).await else { return };
    let (others, database) = (fresh.others().await, impatient(&fresh.database));
    let lock = locked(&fresh, &others).await;
    let (credentials, keys) = (database.credentials(), Keys::new(database.clone()));
    let (by_email, imported, session, live, history) = tokio::join!(
        credentials.by_email("ada@example.com"),
        credentials.hashes_of_each_kind("$argon2id$"),
        async { database.sessions().by_token_hash(&[1; 32]).await },
        keys.live(),
        keys.events(),
    );
    is_slow(by_email);
    is_slow(imported);
    is_slow(session);
    is_slow(live.map_err(store_error));
    is_slow(history.map_err(store_error));
    lock.rollback().await.unwrap();
    assert!(credentials.by_email("ada@example.com").await.unwrap().is_none());
}

/// The error of the store in an error of the key rows.
fn store_error(error: signet::keys::repository::Error) -> Error {
    match error {
        signet::keys::repository::Error::Database(error) => *error.downcast::<Error>().unwrap(),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn open_leaves_no_connection_behind_once_its_database_is_dropped() {
    let Some(fresh) = Fresh::open(Postgres).await else { return };
    fresh.sign_up("ada", 1).await;
    let others = fresh.others().await;
    drop(fresh);
    let count = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()";
    until("this test alone is connected", async || {
        sqlx::query(count).fetch_one(&others).await.unwrap().get::<i64, _>(0) == 1
    })
    .await;
}
