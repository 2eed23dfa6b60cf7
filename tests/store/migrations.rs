//! Migrating: by several at once, and beside a release that is one behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;
use sqlx::{AnyPool, AssertSqlSafe};
use tempfile::TempDir;

use crate::command_line::server::{Server, printed, run};
use crate::support::caller::PASSWORD;
use crate::support::postgres;

/// The first migration that the rule holds for; the floor came with it.
const FLOOR_CAME_WITH: &str = "0009";

/// A database of each kind, with the folder that holds it.
async fn each(name: &str) -> Vec<(Option<TempDir>, String)> {
    let (folder, sqlite) = super::sqlite();
    let postgres = postgres::database(name).await.map(|url| (None, url));
    std::iter::once((Some(folder), sqlite)).chain(postgres).collect()
}

async fn execute(url: &str, statements: &[String]) {
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(url).await.unwrap();
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement.clone())).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

/// What the database looks like after the next release has migrated it by `statements`.
async fn migrate_as_the_next_release(url: &str, statements: &[&str]) {
    let (kind, empty) =
        if url.starts_with("sqlite") { ("'2030-01-01'", "x'00'") } else { ("now()", "'\\x00'::bytea") };
    let success = if url.starts_with("sqlite") { "1" } else { "true" };
    let noted = format!(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
         VALUES (9999, 'of tomorrow', {kind}, {success}, {empty}, 0)"
    );
    let mut all: Vec<String> = statements.iter().map(|&statement| statement.to_owned()).collect();
    all.push(noted);
    execute(url, &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_by_many_at_once_succeeds_for_all() {
    for (_folder, url) in each("migrate_at_once").await {
        let folder = tempfile::tempdir().unwrap();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| run(folder.path(), &["migrate"], &[("DATABASE_URL", &url)])))
                .collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        for outcome in outcomes {
            assert!(outcome.status.success(), "{}", printed(&outcome));
        }
        Server::start(folder.path(), &[("DATABASE_URL", &url)]).terminate();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_works_on_the_database_of_the_next_release_which_only_adds() {
    for (_folder, url) in each("one_release_behind").await {
        let folder = tempfile::tempdir().unwrap();
        let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_URL", "http://localhost:9")];
        let running = Server::start(folder.path(), &settings);
        migrate_as_the_next_release(
            &url,
            &[
                "ALTER TABLE users ADD COLUMN nickname TEXT",
                "ALTER TABLE tasks ADD COLUMN priority BIGINT NOT NULL DEFAULT 0",
                "ALTER TABLE sessions ADD COLUMN device TEXT",
                "CREATE TABLE labels (id TEXT NOT NULL PRIMARY KEY)",
                "CREATE INDEX tasks_priority ON tasks (priority)",
            ],
        )
        .await;
        // One that ran before, and one that starts now.
        for (name, server) in [("ada", running), ("bob", Server::start(folder.path(), &settings))] {
            let body = json!({ "name": name, "email": format!("{name}@example.com"), "password": PASSWORD });
            server.caller().post("/api/auth/sign-up/email", &body).await.expect(200);
            let again = server.caller().post("/api/auth/sign-in/email", &body).await.expect(200);
            let session = server.caller().bearing(again["token"].as_str().unwrap());
            let token =
                session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
            let api = server.caller().bearing(&token);
            api.post("/api/me/tasks", &json!({ "title": "Milk" })).await.expect(201);
            assert_eq!(api.get("/api/me/tasks").await.expect(200).as_array().unwrap().len(), 1);
            session.post("/api/auth/sign-out", &json!({})).await.expect(200);
            server.terminate();
        }
        let rotated = run(folder.path(), &["keys", "rotate"], &settings);
        assert!(rotated.status.success(), "{}", printed(&rotated));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_refuses_a_database_that_has_lost_what_this_release_needs() {
    for (_folder, url) in each("beyond_the_floor").await {
        let folder = tempfile::tempdir().unwrap();
        Server::start(folder.path(), &[("DATABASE_URL", &url)]).terminate();
        migrate_as_the_next_release(&url, &["UPDATE schema_floor SET migration = 9998"]).await;
        for arguments in [&["serve"][..], &["migrate"], &["keys", "list"]] {
            let settings = [("DATABASE_URL", url.as_str()), ("SIGNET_LISTEN", "127.0.0.1:0")];
            let refused = run(folder.path(), arguments, &settings);
            assert_eq!(refused.status.code(), Some(1));
            let said = printed(&refused);
            assert!(said.contains("newer than this binary") && said.contains("9999"), "{said}");
        }
    }
}

/// What a statement of a migration may do while the release before is still running.
fn only_adds(statement: &str) -> bool {
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
    let column = words.starts_with("ALTER TABLE ") && words.contains(" ADD COLUMN ");
    let may_be_left_out = !words.contains(" NOT NULL") || words.contains(" DEFAULT ");
    words.is_empty()
        || ["CREATE TABLE ", "CREATE INDEX ", "INSERT INTO "].iter().any(|start| words.starts_with(start))
        || (column && may_be_left_out)
}

#[test]
fn migrations_only_add_or_raise_the_floor() {
    for dialect in ["sqlite", "postgres"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect);
        let files: BTreeMap<String, String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
            })
            .collect();
        for (name, text) in files.iter().filter(|(name, _)| name.as_str() >= FLOOR_CAME_WITH) {
            let text: String = text
                .lines()
                .map(|line| line.split("--").next().unwrap_or_default().to_owned() + "\n")
                .collect();
            let raises = text.contains("UPDATE schema_floor");
            for statement in text.split(';') {
                assert!(raises || only_adds(statement), "{dialect}/{name} takes something away: {statement}");
            }
        }
    }
    for takes in [
        "DROP TABLE users",
        "ALTER TABLE users DROP COLUMN name",
        "ALTER TABLE users ADD COLUMN age BIGINT NOT NULL",
        "CREATE UNIQUE INDEX one_name ON users (name)",
        "UPDATE users SET name = ''",
    ] {
        assert!(!only_adds(takes), "{takes}");
    }
}
