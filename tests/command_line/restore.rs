//! A backup that was taken while servers ran, and a server that goes on from it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::server::{Server, printed, run};
use super::sign_up_body;
use crate::support::postgres;

/// What people had before the backup.
struct Before {
    session: String,
    token: String,
    task: serde_json::Value,
}

async fn live(server: &Server) -> Before {
    let ada =
        server.caller().post("/api/auth/sign-up/email", &sign_up_body("ada@example.com")).await.expect(200);
    let session = ada["token"].as_str().unwrap().to_owned();
    let token = server.caller().bearing(&session).get("/api/auth/token").await.expect(200);
    let token = token["token"].as_str().unwrap().to_owned();
    let task =
        server.caller().bearing(&token).post("/api/me/tasks", &json!({ "title": "kept" })).await.expect(201);
    Before { session, token, task }
}

/// Everything of before the backup is there, and an operator does what the book says.
async fn goes_on(server: &Server, folder: &Path, settings: &[(&str, &str)], before: &Before) {
    let id = before.task["id"].as_str().unwrap();
    let tasks = server.caller().bearing(&before.token);
    assert_eq!(tasks.get(&format!("/api/me/tasks/{id}")).await.expect(200), before.task);
    server.caller().bearing(&before.session).get("/api/auth/token").await.expect(200);
    let rotated = run(folder, &["keys", "rotate"], settings);
    assert!(rotated.status.success(), "{}", printed(&rotated));
}

fn copy_secrets(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("keys")).unwrap();
    for file in ["master.key", "better-auth.secret"] {
        std::fs::copy(from.join("keys").join(file), to.join("keys").join(file)).unwrap();
    }
}

const URL: (&str, &str) = ("BETTER_AUTH_URL", "http://localhost:9");

#[tokio::test(flavor = "multi_thread")]
async fn restore_from_a_backup_of_sqlite_taken_while_the_server_runs_goes_on() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(old.path(), &[URL]);
    let before = live(&server).await;
    sqlx::any::install_default_drivers();
    let file = old.path().join("signet.db");
    let backup = sqlx::AnyPool::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let into = format!("VACUUM INTO '{}'", new.path().join("signet.db").display());
    sqlx::query(AssertSqlSafe(into)).execute(&backup).await.unwrap();
    backup.close().await;
    server.kill();

    copy_secrets(old.path(), new.path());
    let server = Server::start(new.path(), &[URL]);
    goes_on(&server, new.path(), &[URL], &before).await;
}

/// One of PostgreSQL's programs, as `./test` finds them.
fn program(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let everywhere: Vec<PathBuf> = std::env::split_paths(&path).chain(folders).collect();
    everywhere.into_iter().map(|folder| folder.join(name)).find(|program| program.exists())
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_from_a_dump_of_postgresql_taken_while_the_server_runs_goes_on() {
    let Some(url) = postgres::database("backup_from").await else { return };
    let Some(into) = postgres::database("backup_into").await else { return };
    let (Some(dump), Some(restore)) = (program("pg_dump"), program("pg_restore")) else {
        crate::support::skip("pg_dump of postgresql-client is not installed");
        return;
    };
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(old.path(), &[URL, ("DATABASE_URL", &url)]);
    let before = live(&server).await;
    let file = new.path().join("backup.dump");
    let done = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
    };
    done(Command::new(dump).arg("--format=custom").arg(format!("--file={}", file.display())).arg(&url));
    server.kill();

    done(Command::new(restore).arg(format!("--dbname={into}")).arg(&file));
    copy_secrets(old.path(), new.path());
    let settings = [URL, ("DATABASE_URL", into.as_str())];
    let server = Server::start(new.path(), &settings);
    goes_on(&server, new.path(), &settings, &before).await;
}
