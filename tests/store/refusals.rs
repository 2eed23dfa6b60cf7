//! A file that cannot be opened or written is told from a defect, and good again as soon as it can.

use signet::store::{Database, Error};

use super::support::*;
use crate::support::small_disk::SmallDisk;

/// Keeps a user.
async fn write(database: &Database, name: &str) -> Result<(), Error> {
    database.users().insert(&user(name)).await
}

fn is_unavailable(outcome: &Result<(), Error>) -> bool {
    matches!(outcome, Err(Error::Unavailable(_)))
}

async fn opened(url: &str) -> Database {
    let database = Database::open(url, 4).await.unwrap();
    database.migrate().await.unwrap();
    database
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_to_a_file_that_cannot_be_opened_is_unavailable_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let (here, away) = (folder.path().join("here"), folder.path().join("away"));
    std::fs::create_dir(&here).unwrap();
    // What writes has not opened the file yet.
    let database = opened(&format!("sqlite:{}", here.join("signet.db").display())).await;
    std::fs::rename(&here, &away).unwrap();
    let refused = write(&database, "ada").await;
    assert!(is_unavailable(&refused), "{refused:?}");
    std::fs::rename(&away, &here).unwrap();
    write(&database, "ada").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_to_a_file_that_was_opened_read_only_is_unavailable_and_the_file_is_opened_anew() {
    let Some(mut disk) = SmallDisk::mount(16) else { return };
    let database = opened(&format!("sqlite:{}", disk.path().join("signet.db").display())).await;
    disk.make_read_only();
    for _ in 0..2 {
        let refused = write(&database, "ada").await;
        assert!(is_unavailable(&refused), "{refused:?}");
    }
    disk.make_writable();
    write(&database, "ada").await.unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_that_a_connection_was_refused_for_what_it_may_do_closes_all_that_wait_and_the_next_one_works()
{
    let Some(fresh) = Fresh::open(Postgres).await else { return };
    // Four sessions that are read-only, as after a fail-over.
    let url = format!("{}?options[default_transaction_read_only]=on", fresh.url);
    let stale = Database::open(&url, 4).await.unwrap();
    tokio::join!(stale.check_writable(MINUTE), stale.check_writable(MINUTE), stale.check_writable(MINUTE))
        .0
        .ok();
    let refused = write(&stale, "ada").await;
    assert!(is_unavailable(&refused), "{refused:?}");
    assert_eq!(stale.connections().idle, 0, "none of them is used again");
    // Other databases of the process are not its own.
    write(&fresh.database, "ada").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_refuses_an_encoding_without_room_for_all_characters() {
    let Some(fresh) = Fresh::open(Postgres).await else { return };
    let name = format!("{}_latin", fresh.url.rsplit_once('/').unwrap().1);
    let name: String = name.chars().skip(name.len().saturating_sub(60)).collect();
    let others = fresh.others().await;
    for statement in [
        format!("DROP DATABASE IF EXISTS \"{name}\""),
        format!(
            "CREATE DATABASE \"{name}\" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&others).await.unwrap();
    }
    let url = format!("{}/{name}", fresh.url.rsplit_once('/').unwrap().0);
    let refused = Database::open(&url, 2).await.unwrap_err().to_string();
    assert!(refused.contains("LATIN1") && refused.contains("UTF8") && !refused.contains('\n'), "{refused}");
    let drop = format!("DROP DATABASE \"{name}\"");
    sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&others).await.unwrap();
}
