//! Many who write to one SQLite file.

use serde_json::json;
use sqlx::{AnyPool, Executor};
use tokio::task::JoinSet;

use super::server::Server;
use crate::instances::{jwt, signed_up};

/// More than a process has connections.
const WRITERS: usize = 40;

#[tokio::test]
async fn write_that_waits_blocks_no_reader_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let session = signed_up(&server, "ada").await;
    let api = server.caller().bearing(&jwt(&session).await);

    // Another program, such as a backup, holds the file's one lock for writing.
    sqlx::any::install_default_drivers();
    let file = format!("sqlite:{}", folder.path().join("signet.db").display());
    let mut other = AnyPool::connect(&file).await.unwrap().acquire().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let api = api.clone();
        writers.spawn(async move {
            let title = format!("Task {number}");
            (title.clone(), api.post("/api/me/tasks", &json!({ "title": title })).await)
        });
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(writers.try_join_next().is_none(), "no write can end now");
    for _ in 0..20 {
        assert_eq!(api.get("/api/me/tasks").await.expect(200), json!([]));
        jwt(&session).await;
    }
    other.execute("ROLLBACK").await.unwrap();

    let mut acknowledged = Vec::new();
    for (title, reply) in writers.join_all().await {
        if reply.status == 201 {
            acknowledged.push(title);
        } else {
            // On a machine that stands still for seconds.
            reply.assert_error(503, "DATABASE_UNAVAILABLE");
        }
    }
    assert!(!acknowledged.is_empty());
    let listed = api.get("/api/me/tasks?limit=100").await.expect(200);
    let listed: Vec<&str> =
        listed.as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap()).collect();
    for title in &acknowledged {
        assert!(listed.contains(&title.as_str()), "{title} was acknowledged and is lost");
    }
}
