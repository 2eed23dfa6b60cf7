//! `signet import better-auth` on databases of each shape: what comes, what stays behind, and what it says of it.

mod conflicts;
mod passwords;
mod properties;
mod shapes;

use std::path::Path;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::server::{printed, run};

/// An old database in SQLite, as the built-in adapter makes it.
const BUILT_IN: &str = r#"
    CREATE TABLE "user" ("id" text NOT NULL PRIMARY KEY, "name" text NOT NULL, "email" text NOT NULL,
        "emailVerified" integer NOT NULL, "image" text, "createdAt" date NOT NULL, "updatedAt" date NOT NULL,
        "banned" integer, "banExpires" date);
    CREATE TABLE "account" ("id" text NOT NULL PRIMARY KEY, "accountId" text NOT NULL, "providerId" text NOT NULL,
        "userId" text NOT NULL, "password" text, "createdAt" date NOT NULL, "updatedAt" date NOT NULL);
    CREATE TABLE "session" ("id" text NOT NULL PRIMARY KEY, "expiresAt" date NOT NULL, "token" text NOT NULL,
        "createdAt" date NOT NULL, "updatedAt" date NOT NULL, "ipAddress" text, "userAgent" text, "userId" text NOT NULL,
        "impersonatedBy" text);"#;

/// A time that has passed.
const THEN: &str = "2025-01-02T03:04:05.678Z";
/// One that has not.
const LATER: &str = "2099-01-01T00:00:00.000Z";

/// Runs statements on a SQLite file, which is made where there is none.
async fn execute(file: &Path, statements: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Every row that Signet keeps of people, as text.
async fn rows(folder: &Path) -> Vec<String> {
    use sqlx::Row;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("signet.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let statement = "SELECT id || '|' || email || '|' || email_verified || '|' || name || '|' || coalesce(image, '') || '|' || \
                     created_at || '|' || updated_at FROM users UNION ALL \
                     SELECT id || '|' || user_id || '|' || provider_id || '|' || account_id || '|' || \
                     coalesce(password_hash, '') || '|' || created_at || '|' || updated_at FROM accounts UNION ALL \
                     SELECT id || '|' || user_id || '|' || hex(token_hash) || '|' || created_at || '|' || updated_at || '|' || \
                     expires_at || '|' || remembered || '|' || ip_address || '|' || user_agent FROM sessions ORDER BY 1";
    let rows = sqlx::query(statement).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// A user's row of the built-in adapter.
fn user(id: &str, email: &str) -> String {
    format!(
        "INSERT INTO \"user\" (id, name, email, emailVerified, createdAt, updatedAt) VALUES ('{id}', 'N of {id}', '{email}', 1, '{THEN}', '{THEN}');"
    )
}

/// An account's row of the built-in adapter; a password where there is one.
fn account(id: &str, user: &str, provider: &str, account: &str, password: Option<&str>) -> String {
    let password = password.map_or("NULL".to_owned(), |hash| format!("'{hash}'"));
    format!(
        "INSERT INTO account VALUES ('{id}', '{account}', '{provider}', '{user}', {password}, '{THEN}', '{THEN}');"
    )
}

/// The report of a run that succeeds, which is also in a file.
#[track_caller]
fn import(folder: &Path, more: &[&str]) -> Value {
    let arguments = ["import", "better-auth", "sqlite:theirs.db", "--json", "--report", "report.json"];
    let ran = run(folder, &[&arguments[..], more].concat(), &[]);
    assert!(ran.status.success(), "{}", printed(&ran));
    let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let file = std::fs::read_to_string(folder.join("report.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), document);
    document
}

fn counts(read: u64, inserted: u64, skipped: u64, refused: u64) -> Value {
    json!({ "read": read, "inserted": inserted, "skipped": skipped, "refused": refused })
}
