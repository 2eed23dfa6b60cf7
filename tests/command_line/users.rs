//! `signet users`: an operator helps users who cannot help themselves, while the server runs.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::server::{Server, printed, run, signet, until};
use super::sign_up_body;
use crate::support::Caller;
use crate::support::caller::PASSWORD;

/// Runs a verb that reads the standard input.
fn run_with_input(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = signet(folder);
    command.args(arguments).env("USER", "alice");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A verb that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn says(ran: &Output) -> Value {
    assert!(ran.status.success(), "{}", printed(ran));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// The line of the audit log that a verb has written.
#[track_caller]
fn audit(ran: &Output) -> Value {
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{said}");
    let mut line = lines.into_iter().next().unwrap();
    assert_eq!(line["target"], "signet::audit");
    for member in ["timestamp", "level", "target"] {
        line.as_object_mut().unwrap().remove(member);
    }
    line
}

/// A user who has signed up: their id, a session, and a JWT of it.
async fn signed_up(server: &Server, email: &str) -> (String, Caller, Caller) {
    let answer = server.caller().post("/api/auth/sign-up/email", &sign_up_body(email)).await.expect(200);
    let session = server.caller().bearing(answer["token"].as_str().unwrap());
    let jwt = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
    (answer["user"]["id"].as_str().unwrap().to_owned(), session, server.caller().bearing(&jwt))
}

async fn sign_in(server: &Server, email: &str, password: &str) -> u16 {
    let body = json!({ "email": email, "password": password });
    server.caller().post("/api/auth/sign-in/email", &body).await.status.as_u16()
}

#[tokio::test]
async fn users_list_and_show_say_who_there_is_and_nothing_that_proves_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut ids = Vec::new();
    for name in ["ada", "bob", "cleo"] {
        ids.push(signed_up(&server, &format!("{name}@example.com")).await.0);
    }
    let list = |more: &[&str]| says(&run(folder.path(), &[&["users", "list", "--json"], more].concat(), &[]));
    let all = list(&[]);
    ids.sort();
    let of = |page: &Value| -> Vec<String> {
        page["users"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((of(&all), &all["next"]), (ids.clone(), &json!(null)));
    let first = list(&["--limit", "2"]);
    assert_eq!((of(&first), &first["next"]), (ids[..2].to_vec(), &json!(ids[1])));
    let rest = list(&["--after", first["next"].as_str().unwrap()]);
    assert_eq!((of(&rest), &rest["next"]), (ids[2..].to_vec(), &json!(null)));

    let show = |who: &str| says(&run(folder.path(), &["users", "show", who, "--json"], &[]));
    let ada = show("Ada@Example.com");
    assert_eq!(ada, show(ada["id"].as_str().unwrap()));
    assert_eq!((&ada["email"], &ada["email_verified"]), (&json!("ada@example.com"), &json!(false)));
    assert_eq!(ada["accounts"][0]["provider"], "credential");
    assert_eq!(ada["sessions"].as_array().unwrap().len(), 1);
    for command in [&["users", "list"][..], &["users", "show", "ada@example.com"]] {
        let text = printed(&run(folder.path(), command, &[]));
        assert!(text.contains("ada@example.com") && !text.contains("$argon2"), "{text}");
    }
    let unknown = run(folder.path(), &["users", "show", "unknown@example.com"], &[]);
    assert!(
        unknown.status.code() == Some(1) && printed(&unknown).contains("no user"),
        "{}",
        printed(&unknown)
    );
}

#[tokio::test]
async fn users_set_password_replaces_it_ends_every_session_and_says_so_in_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (id, session, api) = signed_up(&server, "ada@example.com").await;
    let arguments = ["users", "set-password", "ada@example.com", "--password-stdin", "--json"];
    let short = run_with_input(folder.path(), &arguments, "sh0rt\n");
    assert!(short.status.code() == Some(2) && !printed(&short).contains("sh0rt"), "{}", printed(&short));
    let without = run_with_input(folder.path(), &["users", "set-password", &id], "another password\n");
    assert_eq!(without.status.code(), Some(2), "a password stands in no command line");
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await, 200);

    let ran = run_with_input(folder.path(), &arguments, "another password\n");
    assert_eq!(says(&ran), json!({ "id": id, "sessions_ended": 2 }));
    assert_eq!(
        audit(&ran),
        json!({ "action": "set_password", "outcome": "done", "user": id, "sessions": 2, "actor": "command line (alice)" })
    );
    assert_eq!(session.get("/api/auth/get-session").await.expect(200), Value::Null);
    until("the running server hears of it", async || api.get("/api/me/tasks").await.status == 401).await;
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await, 401);
    assert_eq!(sign_in(&server, "ada@example.com", "another password").await, 200);
}

#[tokio::test]
async fn users_set_password_gives_one_to_a_user_who_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (id, ..) = signed_up(&server, "ada@example.com").await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("signet.db"));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("DELETE FROM accounts").execute(&pool).await.unwrap();
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await, 401);
    for password in ["a first password", "a second password"] {
        let ran =
            run_with_input(folder.path(), &["users", "set-password", &id, "--password-stdin"], password);
        assert!(ran.status.success(), "{}", printed(&ran));
        assert_eq!(sign_in(&server, "ada@example.com", password).await, 200);
    }
}

#[tokio::test]
async fn users_end_sessions_signs_a_user_out_everywhere_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (id, session, api) = signed_up(&server, "ada@example.com").await;
    let (_, other, _) = signed_up(&server, "bob@example.com").await;
    let ran = run_with_input(folder.path(), &["users", "end-sessions", &id], "");
    assert!(ran.status.success() && printed(&ran).contains("1 session ended"), "{}", printed(&ran));
    assert_eq!(audit(&ran)["action"], "end_sessions");
    assert_eq!(session.get("/api/auth/get-session").await.expect(200), Value::Null);
    assert_ne!(other.get("/api/auth/get-session").await.expect(200), Value::Null);
    until("the running server hears of it", async || api.get("/api/me/tasks").await.status == 401).await;
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await, 200, "the password stays");
}

#[tokio::test]
async fn users_remove_deletes_a_user_with_everything_that_is_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (id, _, api) = signed_up(&server, "ada@example.com").await;
    api.post("/api/me/tasks", &json!({ "title": "hers" })).await.expect(201);
    let ran = run_with_input(folder.path(), &["users", "remove", "ADA@example.com", "--json"], "");
    assert_eq!(says(&ran), json!({ "id": id, "sessions_ended": 1 }));
    assert_eq!((&audit(&ran)["action"], &audit(&ran)["user"]), (&json!("remove_user"), &json!(id)));
    until("the running server hears of it", async || api.get("/api/me/tasks").await.status == 401).await;
    assert_eq!(sign_in(&server, "ada@example.com", PASSWORD).await, 401);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("signet.db"));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    for table in ["users", "accounts", "sessions", "tasks"] {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT 1 FROM {table}"))).fetch_all(&pool).await;
        assert!(rows.unwrap().is_empty(), "{table}");
    }
    assert_eq!(run(folder.path(), &["users", "remove", &id], &[]).status.code(), Some(1));
    // The address is free.
    signed_up(&server, "ada@example.com").await;
}

#[tokio::test]
async fn users_verbs_let_no_name_of_a_user_command_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    signed_up(&server, "ada@example.com").await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("signet.db"));
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let odd = "UPDATE users SET name = 'a' || char(27) || '[2Jb', image = char(155) || '2J'";
    sqlx::query(odd).execute(&pool).await.unwrap();
    for command in [
        &["users", "list"][..],
        &["users", "show", "ada@example.com"],
        &["users", "list", "--json"],
        &["users", "show", "ada@example.com", "--json"],
    ] {
        let text = printed(&run(folder.path(), command, &[]));
        assert!(text.contains("ada@example.com"), "{text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}
